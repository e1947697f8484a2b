"""The files a user names, opened to be added: texts, images, or vectors that are made already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from embedsvc.collection.adding import Added, AddOptions
from embedsvc.collection.batches import ids_say_more
from embedsvc.collection.collection import Collection
from embedsvc.collection.names import check_columns
from embedsvc.collection.survey import default_id_column, is_textual
from embedsvc.datasets.folders import iter_images
from embedsvc.errors import InputError
from embedsvc.extract.choosing import Choice, choose
from embedsvc.extract.image_inputs import open_image_table, open_images
from embedsvc.extract.kinds import TEXTS, Inputs
from embedsvc.extract.rows import SourceOptions, printable
from embedsvc.extract.sources import open_sources
from embedsvc.tables.contents import (
    ContentsOptions,
    check_column,
    find_contents,
    is_of_images,
    wanted_columns,
)
from embedsvc.tables.vector_readers import holds_vectors
from embedsvc.tables.vector_table import VectorReading, read_vectors


@dataclass(frozen=True)
class TextFiles:
    """Texts or images to encode.

    Attributes:
        inputs: the rows.
        columns: that are kept.
        named: whether ids come from a column.
        textual: whether columns come from a format that has nothing but text.
    """

    inputs: Inputs
    columns: tuple[str, ...]
    named: bool
    textual: bool

    @property
    def kind(self) -> str:
        """What people call the rows."""
        return self.inputs.kind.name

    def total(self) -> int | None:
        """About how many rows there are; None where that is not known."""
        return self.inputs.total()

    def add(self, collection: Collection, options: AddOptions) -> Added:
        """Add them all."""
        return collection.add_inputs(
            self.inputs, self.columns, named=self.named, textual=self.textual, options=options
        )


@dataclass(frozen=True)
class VectorFiles:
    """Vectors that are made already.

    Attributes:
        files: of vectors, as `read_vectors` reads them.
        columns: that are kept.
        id_column: of the ids; None for "id", or what a row holds.
    """

    files: tuple[str, ...]
    columns: tuple[str, ...]
    id_column: str | None
    kind = "vectors"

    def total(self) -> None:
        """How many there are is not known before they are read."""

    def add(self, collection: Collection, options: AddOptions) -> Added:
        """Add them, one file after the other."""
        return _sum([self._add_one(file, collection, options) for file in self.files])

    def _add_one(self, file: str, collection: Collection, options: AddOptions) -> Added:
        reading = VectorReading(id_column=self.id_column, on_error=options.on_error)
        wanted = [*self.columns, *wanted_columns(ContentsOptions())]
        table = read_vectors(file, reading, columns=wanted)
        for name in self.columns:
            check_column(table, name, option="--include-columns")
        contents = find_contents(table, ContentsOptions())
        # Without a known text the paths of images are their ids.
        named = ids_say_more(table, self.id_column) or is_of_images(table.metadata)
        kept = replace(table, columns=table.columns.select(list(self.columns)))
        added = collection.add_vectors(kept, contents, named=named, options=options)
        return replace(added, rejects=added.rejects + len(table.skipped))


Files = TextFiles | VectorFiles


def open_files(
    inputs: Sequence[str],
    reading: SourceOptions,
    *,
    model: str | None,
    metadata: Mapping[str, Any] | None,
) -> Files:
    """Check what is to be added, without reading it.

    Args:
        inputs: files, folders, globs, or "-" for standard input.
        reading: how they are read.
        model: the model asked for.
        metadata: of the collection; None where there is none yet.

    Raises:
        InputError: an input that is missing or of an unknown format, several kinds at once, or
            names of columns that cannot be kept.
        ArtifactError: the catalogue has no such model.
    """
    check_columns(reading.include_columns)
    ready = [one for one in inputs if reading.column is None and holds_vectors(Path(one))]
    if ready:
        return _vector_files(inputs, ready, reading, model)
    own = (metadata or {}).get("model")
    wanted = model if model is not None else (own if reading.column is not None else None)
    choice = choose(inputs, model=wanted, column=reading.column)
    return _text_files(inputs, reading, choice)


def _text_files(inputs: Sequence[str], reading: SourceOptions, choice: Choice) -> TextFiles:
    if choice.table and reading.id_column is None:
        reading = replace(reading, id_column=default_id_column(inputs, reading))
    opened: Inputs
    if choice.kind is TEXTS:
        opened = open_sources(inputs, reading)
    elif choice.table:
        opened = open_image_table(inputs, reading)
    else:
        opened = open_images(inputs, reading, scan=iter_images)
    named = choice.table and reading.id_column is not None
    textual = is_textual(reading, (path.name for path in opened.files))
    return TextFiles(opened, reading.include_columns, named, textual)


def _vector_files(
    inputs: Sequence[str], ready: Sequence[str], reading: SourceOptions, model: str | None
) -> VectorFiles:
    others = [one for one in inputs if one not in ready]
    if others:
        raise InputError(
            f"Expected either vectors or texts, got both: {printable(ready[0])!r} holds vectors, "
            f"{printable(others[0])!r} does not. Add them apart; with --column, the texts of a "
            "file are encoded whatever else it holds."
        )
    if model is not None:
        raise InputError(
            f"Expected no --model with {printable(ready[0])!r}, which holds vectors already. Leave "
            "it out, or name the --column of its texts to encode them anew."
        )
    return VectorFiles(tuple(inputs), reading.include_columns, reading.id_column)


def _sum(parts: Sequence[Added]) -> Added:
    names = ("new", "changed", "relabelled", "unchanged", "repeated", "rejects", "seconds")
    return Added(**{name: sum(getattr(part, name) for part in parts) for name in names})
