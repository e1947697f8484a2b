"""A finished window as a part: its table, and the counts that the journal keeps of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from embedsvc.errors import ArtifactError
from embedsvc.extract.passthrough import kind_of, storable
from embedsvc.extract.windows import Window

PARTS_LAYOUT = 1
"""Changes when the same input and settings give other parts."""


class Encoded(Protocol):
    """What an encoder says of one window."""

    @property
    def vectors(self) -> NDArray[np.float32]:
        """Array of shape (n_rows, dim)."""
        ...

    @property
    def n_tokens(self) -> NDArray[np.int32]:
        """Tokens of each whole text, shape (n_rows,)."""
        ...

    @property
    def truncated(self) -> NDArray[np.bool_]:
        """Whether tokens were left out, shape (n_rows,)."""
        ...


@dataclass(frozen=True)
class PartRecord:
    """What the journal keeps of a part.

    Attributes:
        index: its window's number.
        digest: sha256 of the window's input.
        rows: vectors in it.
        tokens: tokens of its texts, before any truncation.
        truncated: texts that were truncated.
        empty: texts of nothing but white space.
        rejects: how many defects there were.
        largest: the largest absolute component, from which the scale of int8 vectors comes.
        longest: characters of the longest string, of the ids and of each passthrough column.
        kinds: the kinds of JSON values in each passthrough column.
        bytes: size of the part's file.
        crc32: of the part's file.
    """

    index: int
    digest: str
    rows: int
    tokens: int
    truncated: int
    empty: int
    rejects: int
    largest: float
    longest: dict[str, int]
    kinds: dict[str, list[str]]
    bytes: int = 0
    crc32: int = 0


@dataclass(frozen=True)
class Summary:
    """What a run did.

    Attributes:
        rows: vectors in the output.
        tokens: tokens of their texts, before any truncation.
        truncated: texts that were truncated.
        empty: texts of nothing but white space; they have a vector all the same.
        rejects: defects that were skipped.
        resumed: vectors that were there from an earlier run.
        seconds: wall time of this run, model loading not included.
        stood_already: the output was there, and nothing was done.
    """

    rows: int = 0
    tokens: int = 0
    truncated: int = 0
    empty: int = 0
    rejects: int = 0
    resumed: int = 0
    seconds: float = 0.0
    stood_already: bool = False

    @property
    def rate(self) -> float:
        """Texts encoded by this run, per second."""
        return (self.rows - self.resumed) / self.seconds if self.seconds else 0.0


def to_part(
    window: Window, encoded: Encoded, include: tuple[str, ...]
) -> tuple[pa.Table, PartRecord]:
    """Turn an encoded window into the table that is saved and the record of it.

    Args:
        window: the rows.
        encoded: their vectors.
        include: names of the passthrough columns.

    Returns:
        A table of `id`, `n_tokens`, `truncated`, `vector` and `columns`, and its record. The one
        type of a passthrough column is known only when all parts are, so `columns` holds JSON.

    Raises:
        ArtifactError: the encoder gave vectors that are not finite.
    """
    rows = window.rows
    vectors = np.ascontiguousarray(encoded.vectors, np.float32)
    _check_finite(window, vectors)
    flat = pa.array(vectors.reshape(-1))
    packed = [orjson.dumps(storable(row.columns), default=str) for row in rows]
    table = pa.table(
        {
            "id": pa.array([row.id for row in rows], pa.string()),
            "n_tokens": pa.array(encoded.n_tokens, pa.int32()),
            "truncated": pa.array(encoded.truncated, pa.bool_()),
            "vector": pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]),
            "columns": pa.array(packed, pa.binary()),
        }
    )
    columns = {name: [row.columns.get(name) for row in rows] for name in include}
    record = PartRecord(
        index=window.index,
        digest=window.digest,
        rows=len(rows),
        tokens=int(encoded.n_tokens.sum()),
        truncated=int(encoded.truncated.sum()),
        empty=sum(not row.text.strip() for row in rows),
        rejects=len(window.rejects),
        largest=float(np.abs(vectors).max(initial=0.0)),
        longest={
            "id": max((len(row.id) for row in rows), default=0),
            **{name: max(map(_length, values), default=0) for name, values in columns.items()},
        },
        kinds={name: sorted(set(map(kind_of, values))) for name, values in columns.items()},
    )
    return table, record


def summarize(records: Iterable[PartRecord]) -> Summary:
    """Add the parts up."""
    records = list(records)
    return Summary(
        rows=sum(record.rows for record in records),
        tokens=sum(record.tokens for record in records),
        truncated=sum(record.truncated for record in records),
        empty=sum(record.empty for record in records),
        rejects=sum(record.rejects for record in records),
    )


def _check_finite(window: Window, vectors: NDArray[np.float32]) -> None:
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        row = window.rows[int(np.argmin(finite))]
        raise ArtifactError(
            f"Expected finite vectors of the model, got NaN or infinity for {row.where}. The model "
            "or its weights are broken: check them, or choose another model."
        )


def _length(value: Any) -> int:
    """Characters of a value once it is in a column of strings."""
    return len(value) if isinstance(value, str) else len(orjson.dumps(value, default=str))
