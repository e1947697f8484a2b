"""Rows given in Python, in the shape that those of files have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
from numpy.typing import ArrayLike

from embedsvc.errors import InputError
from embedsvc.extract.image_inputs import looked_up
from embedsvc.extract.kinds import IMAGES, TEXTS, Kind
from embedsvc.extract.passthrough import column_array, column_type, kind_of
from embedsvc.extract.rows import ImageRow, Reject, Row, as_unicode
from embedsvc.tables.vector_table import VectorTable
from embedsvc.vectors.checks import check_vectors

_LABEL = "the rows given"


@dataclass(frozen=True)
class Given:
    """What `Collection.add` was given, checked.

    Attributes:
        texts: texts, or None.
        images: files of images, or None.
        vectors: numbers of shape (n, dim), or None.
        ids: of the rows, or None.
        columns: values by the name of the column.

    Raises:
        InputError: nothing to add, parts of different lengths, or anything but strings as texts or
            ids.
    """

    texts: Sequence[str] | None = None
    images: Sequence[str | Path] | None = None
    vectors: ArrayLike | None = None
    ids: Sequence[str] | None = None
    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.images is not None and (self.texts is not None or self.vectors is not None):
            raise InputError("Expected images alone, got texts or vectors too. Add them apart.")
        if self.texts is None and self.images is None and self.vectors is None:
            raise InputError("Expected texts, images or vectors, got none. Pass one of them.")
        for name, values in (("texts", self.texts), ("ids", self.ids)):
            _check_strings(name, values)
        if isinstance(self.images, str | Path):
            raise InputError(f"Expected a list of files, got {str(self.images)!r}. Pass a list.")
        lengths = {name: len(part) for name, part in self._parts() if part is not None}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{n:,} {name}" for name, n in lengths.items())
            raise InputError(f"Expected parts of the same length, got {told}. Pass one a row.")

    def _parts(self) -> list[tuple[str, Any]]:
        vectors = None if self.vectors is None else check_vectors(self.vectors)
        parts = [("texts", self.texts), ("images", self.images), ("vectors", vectors)]
        return [*parts, ("ids", self.ids), *self.columns.items()]

    @cached_property
    def table(self) -> VectorTable | None:
        """The vectors with ids and columns; None where they are to be made."""
        if self.vectors is None:
            return None
        vectors = check_vectors(self.vectors)
        ids = [str(at) for at in range(len(vectors))] if self.ids is None else list(self.ids)
        arrays = {name: _array(_plain(values)) for name, values in self.columns.items()}
        return VectorTable(_LABEL, None, vectors, ids, pa.table(arrays), tuple(arrays), {})

    @property
    def inputs(self) -> GivenInputs:
        """The texts or images."""
        return GivenInputs(self)


class GivenInputs:
    """Texts or images as `Inputs`."""

    files: list[Path] = []
    from_stdin = False
    told_by_settings = False
    label = _LABEL

    def __init__(self, given: Given) -> None:
        self._given = given
        self.kind: Kind = TEXTS if given.images is None else IMAGES
        self.unique_ids = given.ids is not None

    def settings(self) -> dict[str, Any]:
        """Nothing: there is no file."""
        return {"input": []}

    def total(self) -> int:
        """How many rows there are."""
        return len(self._given.texts or self._given.images or ())

    def rows(self) -> Iterator[Row | ImageRow | Reject]:
        """The rows in order."""
        columns = {name: _plain(values) for name, values in self._given.columns.items()}
        things: Sequence[Any] = self._given.texts or self._given.images or ()
        for at, thing in enumerate(things):
            own = {name: values[at] for name, values in columns.items()}
            called = str(at) if self._given.ids is None else self._given.ids[at]
            if self.kind is TEXTS:
                yield Row(called, thing, own, _LABEL, at + 1, "row")
                continue
            path = Path(thing)
            name = as_unicode(str(path))
            row = ImageRow(called, name, path, 0, 0, _LABEL, at + 1, own, "row")
            yield looked_up(row, "Check the file and its permissions.")


def _plain(values: Sequence[Any]) -> list[Any]:
    """Values of Python, out of arrays as well."""
    to_list = getattr(values, "tolist", None) or getattr(values, "to_pylist", None)
    return list(values) if to_list is None else list(to_list())


def _array(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except pa.ArrowException:  # Values of several types.
        return column_array(values, column_type(map(kind_of, values)))


def _check_strings(name: str, values: Sequence[str] | None) -> None:
    if values is None:
        return
    if isinstance(values, str):
        raise InputError(f"Expected a list of {name}, got a string. Pass [{values[:60]!r}].")
    for at, value in enumerate(values):
        if not isinstance(value, str):
            raise InputError(
                f"Expected {name} that are strings, got {type(value).__name__} at position {at}. "
                "Convert it."
            )
        try:
            value.encode()
        except UnicodeEncodeError as err:
            raise InputError(
                f"Expected {name} in Unicode, got half a character at position {at}. Remove it."
            ) from err
