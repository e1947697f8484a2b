"""What is added, batch by batch, whatever it comes from: files, folders of images, or vectors."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedsvc.errors import InputError
from embedsvc.extract.ids import SeenIds
from embedsvc.extract.kinds import IMAGES, Inputs
from embedsvc.extract.rows import ImageRow, Item, Reject, Row, as_unicode, printable
from embedsvc.extract.windows import windows_of
from embedsvc.files import sha256_of
from embedsvc.tables.contents import Contents
from embedsvc.tables.vector_table import VectorTable

# An id that is made of a text: 80 bits, so that two of a hundred million texts share one with odds
# of one in 240 million.
_ID_DIGITS = 20
_BATCH_BYTES = 1 << 24
_MOST_ROWS = 16_384


@dataclass(frozen=True)
class NewRow:
    """One row to add.

    Attributes:
        id: what it will be called.
        content: the text, or the path of the image; None where a vector is all there is.
        digest: a sha256 that changes when the vector has to be another one.
        columns: the user's columns.
        where: for people: where it stands in the input.
        input: what is encoded; None where the vector is given.
        vector: float32 array of shape (dim,); None where it is to be made.
        item: the row of the input, to say what is wrong with it; None for vectors.
    """

    id: str
    content: str | None
    digest: str
    columns: dict[str, Any]
    where: str
    input: Any = None
    vector: NDArray[np.float32] | None = None
    item: Item | None = None


@dataclass(frozen=True)
class Batch:
    """Rows that are written together.

    Attributes:
        rows: no id twice.
        rejects: defects found among them.
        n_repeated: texts that were left out as they came before.
    """

    rows: list[NewRow]
    rejects: list[Reject] = field(default_factory=list)
    n_repeated: int = 0


def batches_of_inputs(inputs: Inputs, *, named: bool) -> Iterator[Batch]:
    """The rows of texts or images.

    Args:
        inputs: the texts or images.
        named: whether ids come from a column. Otherwise a text is called by its sha256, so that it
            is the same row wherever it stands, and an image by its absolute path.
    """
    images = inputs.kind is IMAGES
    seen = SeenIds()
    for window in windows_of(inputs):
        rows = [_of_image(row, named=named) if images else _of_text(row) for row in window.rows]
        if not named and not images:
            rows = [_called_by_content(row) for row in rows]
        kept = rows if named else _first_of_each(rows, seen)
        yield Batch(kept, window.rejects, len(rows) - len(kept))


def batches_of_vectors(
    table: VectorTable, contents: Contents | None, *, named: bool
) -> Iterator[Batch]:
    """The rows of vectors that are there already.

    Args:
        table: the vectors, with the columns that are kept.
        contents: the texts or images they were made from, where these are known.
        named: whether the ids of the table say more than positions. Otherwise a row is called by
            the sha256 of its text, or of its vector.

    Raises:
        InputError: an id stands there twice.
    """
    if named:
        _check_once(table)
    seen = SeenIds()
    size = max(1, min(_MOST_ROWS, _BATCH_BYTES // (4 * table.dim)))
    for start in range(0, len(table), size):
        numbers = range(start, min(start + size, len(table)))
        # A table without columns has as many rows as it is asked for.
        has_columns = bool(table.columns.num_columns)
        columns = table.columns.slice(start, size).to_pylist() if has_columns else []
        rows = []
        for at, own in zip(numbers, columns or [{}] * len(numbers), strict=True):
            content = None if contents is None else contents.values[at]
            vector = np.ascontiguousarray(table.vectors[at], np.float32)
            digest = _digest((content or "").encode() + b"\0" + vector.tobytes())
            where = f"{table.label}, row {at + 1}"
            row = NewRow(table.ids[at], content, digest, own, where, vector=vector)
            rows.append(row if named else _called_by_content(row))
        kept = rows if named else _first_of_each(rows, seen)
        yield Batch(kept, [], len(rows) - len(kept))


def ids_say_more(table: VectorTable, id_column: str | None) -> bool:
    """Whether the ids of vectors are more than positions, which others have as well.

    Args:
        table: the vectors.
        id_column: the column of the ids that was asked for; it is taken at its word.
    """
    if id_column is not None or table.ids != [str(at) for at in range(len(table))]:
        return True
    return isinstance(table.metadata.get("id_column"), str)


def _of_text(row: Any) -> NewRow:
    text: Row = row
    digest = _digest(text.text.encode())
    return NewRow(text.id, text.text, digest, text.columns, text.where, text.text, item=text)


def _of_image(row: Any, *, named: bool) -> NewRow:
    image: ImageRow = row
    path = as_unicode(os.path.abspath(image.path))  # noqa: PTH100  links stay as they are
    digest = _digest_of_file(image.path)
    own_id = image.id if named else path
    return NewRow(own_id, path, digest, image.columns, image.where, image.path, item=image)


def _digest_of_file(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError:
        return ""  # Encoding will tell what is wrong with it.


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _called_by_content(row: NewRow) -> NewRow:
    of = row.digest if row.content is None else _digest(row.content.encode())
    return replace(row, id=of[:_ID_DIGITS])


def _first_of_each(rows: Sequence[NewRow], seen: SeenIds) -> list[NewRow]:
    new = seen.add_new([row.id for row in rows])
    return [row for row, is_new in zip(rows, new, strict=True) if is_new]


def _check_once(table: VectorTable) -> None:
    first: dict[str, int] = {}
    for at, name in enumerate(table.ids):
        before = first.setdefault(name, at)
        if before != at:
            raise InputError(
                f"Expected ids that occur once in {table.label}, got "
                f"'{printable(name, limit=60)}' in the rows {before + 1:,} and {at + 1:,}. Remove "
                "one, or name another column with --id-column."
            )
