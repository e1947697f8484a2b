"""What the vectors were made from: the texts and images themselves, to show and to name things by.

Vectors say which file they were made from, and its checksum. Where that file still lies beside them
or in the working folder, unchanged, it need not be named again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from embedsvc.errors import InputError
from embedsvc.extract.columns import DEFAULT_COLUMN, missing_column
from embedsvc.extract.kinds import IMAGES, TEXTS
from embedsvc.extract.rows import Reject, SourceOptions
from embedsvc.extract.sources import open_sources
from embedsvc.files import sha256_of
from embedsvc.tables.vector_table import VectorTable

_SIZE = "size"
"""In the metadata of vectors of images: what they were brought to."""


@dataclass(frozen=True)
class Contents:
    """What stands behind each vector.

    Attributes:
        kind: "texts" or "images".
        values: the texts, or the files of the images; None where one is not found. Of n rows.
        source: where they are from, for people.
    """

    kind: Literal["texts", "images"]
    values: list[str | None]
    source: str

    @property
    def texts(self) -> list[str]:
        """The texts, "" where there is none."""
        return ["" if value is None else value for value in self.values]


@dataclass(frozen=True)
class ContentsOptions:
    """Where texts or images are looked for.

    Attributes:
        text_column: the column of the texts; by default "text", where there is one.
        source: a file of texts as embedsvc extract reads them, or the folder of the images.
        id_column: the column of the ids in that file; by default that of the vectors' own input.
    """

    text_column: str | None = None
    source: Path | None = None
    id_column: str | None = None


def is_of_images(metadata: Mapping[str, Any]) -> bool:
    """Whether vectors are those of images, by their metadata."""
    return _SIZE in metadata


def wanted_columns(options: ContentsOptions) -> tuple[str, ...]:
    """The columns to read for `find_contents`."""
    return (options.text_column or DEFAULT_COLUMN,)


def find_contents(table: VectorTable, options: ContentsOptions) -> Contents | None:
    """Find the texts or images behind vectors.

    Args:
        table: the vectors, read with `wanted_columns`.
        options: where to look; by default in a column "text", then in the very file the vectors
            were made from, beside them or in the working folder.

    Returns:
        The contents, or None where none are found.

    Raises:
        InputError: what is named is not there, or has other ids than the vectors.
    """
    if options.source is not None:
        if options.source.is_dir():
            return _of_folder(table, options.source)
        return _of_file(table, [options.source], named=options)
    if options.text_column is not None:
        values = table.column(options.text_column, option="--text-column")
        return Contents("texts", _as_texts(values), f"column {options.text_column!r}")
    if DEFAULT_COLUMN in table.columns.column_names:
        kind = table.columns.schema.field(DEFAULT_COLUMN).type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            values = table.columns.column(DEFAULT_COLUMN).to_pylist()
            return Contents("texts", values, f"column {DEFAULT_COLUMN!r}")
    return _of_origin(table)


def _of_origin(table: VectorTable) -> Contents | None:
    """From what the metadata name, where it is found and unchanged."""
    inputs = table.metadata.get("input")
    if not isinstance(inputs, list) or not inputs:
        return None
    places = [Path(), *([] if table.path is None else [table.path.parent])]
    if is_of_images(table.metadata):
        if len(inputs) != 1 or "sha256" in inputs[0]:
            return None
        names = [str(inputs[0].get("name", ""))]
        found = next((at for at in _candidates(places, names[0]) if at.is_dir()), None)
        contents = None if found is None else _of_folder(table, found)
        return contents if contents and any(contents.values) else None
    files = [_unchanged(places, one) for one in inputs]
    found_files = [one for one in files if one is not None]
    if len(found_files) < len(files):
        return None
    return _of_file(table, found_files, named=None)


def _candidates(places: Sequence[Path], name: str) -> list[Path]:
    # A name with folders in it would lead out of the places.
    return [place / name for place in places if name and Path(name).name == name]


def _unchanged(places: Sequence[Path], one: Any) -> Path | None:
    if not isinstance(one, dict):
        return None
    for at in _candidates(places, str(one.get("name", ""))):
        try:
            same = at.is_file() and at.stat().st_size == one.get("bytes")
            if same and sha256_of(at) == one.get("sha256"):
                return at
        except OSError:
            continue
    return None


def _of_folder(table: VectorTable, folder: Path) -> Contents:
    root = folder.resolve()
    values: list[str | None] = []
    for name in table.ids:
        try:
            at = (root / name).resolve()
            values.append(str(at) if at.is_relative_to(root) and at.is_file() else None)
        except (OSError, ValueError):
            values.append(None)
    return Contents("images", values, str(folder))


def _of_file(
    table: VectorTable, files: Sequence[Path], *, named: ContentsOptions | None
) -> Contents:
    """Read texts, or paths of images, and put them beside the vectors by their ids."""
    of_images = is_of_images(table.metadata)
    options = _reading(table.metadata, named)
    sources = open_sources([str(one) for one in files], options)
    known: dict[str, str] = {}
    with closing(sources.rows_with_files()) as rows:
        for file, row in rows:
            if isinstance(row, Reject):
                continue
            folder = Path() if file is None else file.parent
            known[row.id] = str(folder / row.text) if of_images else row.text
    values = [known.get(one) for one in table.ids]
    if not any(value is not None for value in values):
        raise InputError(
            f"Expected {sources.label} to hold the ids of {table.label}, such as "
            f"{table.ids[0]!r}, got none of them. Name the file the vectors were made from, or "
            "extract anew with --include-columns text."
        )
    kind: Literal["texts", "images"] = "images" if of_images else "texts"
    return Contents(kind, values, sources.label)


def _reading(metadata: Mapping[str, Any], named: ContentsOptions | None) -> SourceOptions:
    """How the vectors' own input was read; a file that is named may have another text column."""
    strings: dict[str, Any] = {
        key: value
        for key in ("column", "id_column", "format")
        if isinstance(value := metadata.get(key), str)
    }
    if named is not None:
        strings.pop("format", None)
        if named.text_column is not None:
            strings["column"] = named.text_column
        if named.id_column is not None:
            strings["id_column"] = named.id_column
    encoding = metadata.get("encoding")
    return SourceOptions(**strings, encoding=encoding if isinstance(encoding, str) else "utf-8")


def no_contents(table: VectorTable) -> str:
    """A note on how to have texts or images shown, where none are found."""
    what = IMAGES.name if is_of_images(table.metadata) else TEXTS.name
    if what == IMAGES.name:
        return f"The images of {table.label} are not found: pass --texts FOLDER to show them."
    return (
        f"The texts of {table.label} are not found: pass --texts FILE, or extract with "
        "--include-columns text, to have them shown."
    )


def _as_texts(values: Sequence[Any]) -> list[str | None]:
    return [None if value is None else str(value) for value in values]


def check_column(table: VectorTable, name: str, *, option: str) -> None:
    """Check that a file has a column.

    Raises:
        InputError: it does not; the message names those there are.
    """
    if name not in table.available:
        raise InputError(f"{table.label}: {missing_column(name, table.available, option=option)}")
