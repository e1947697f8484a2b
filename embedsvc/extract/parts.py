"""A finished window as a part: its table, and the counts that the journal keeps of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from embedsvc.errors import ArtifactError
from embedsvc.extract.journal import Part
from embedsvc.extract.passthrough import kind_of, storable
from embedsvc.extract.windows import Window

PARTS_LAYOUT = 1
"""Changes when the same input and settings give other parts."""


@dataclass(frozen=True)
class Encoded:
    """What came of one window.

    Attributes:
        vectors: float32 array of shape (n_encoded, dim).
        info: further columns of the output, each of shape (n_encoded,).
        counts: what to add up over the run, by the names of fields of the part's record.
        failures: what is wrong with the inputs that have no vector, by their number in the window.
    """

    vectors: NDArray[np.float32]
    info: Mapping[str, NDArray[Any]]
    counts: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class VectorPart(Part):
    """What the journal keeps of a part with vectors.

    Attributes:
        largest: the largest absolute component, from which the scale of int8 vectors comes.
        longest: characters of the longest string, of the ids and of each passthrough column.
        kinds: the kinds of JSON values in each passthrough column.
    """

    largest: float
    longest: dict[str, int]
    kinds: dict[str, list[str]]


@dataclass(frozen=True, kw_only=True)
class TextPart(VectorPart):
    """What the journal keeps of a part with vectors of texts.

    Attributes:
        tokens: tokens of its texts, before any truncation.
        empty: texts of nothing but white space.
        truncated: texts that were truncated.
    """

    tokens: int
    empty: int
    truncated: int


@dataclass(frozen=True)
class Summary:
    """What a run did.

    Attributes:
        rows: vectors in the output.
        counts: what the records of the parts count beside; of texts "tokens" before any truncation,
            "empty" texts of nothing but white space, which have a vector too, and "truncated" ones.
        rejects: defects that were skipped.
        resumed: vectors that were there from an earlier run.
        seconds: wall time of this run, model loading not included.
        stood_already: the output was there, and nothing was done.
    """

    rows: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    rejects: int = 0
    resumed: int = 0
    seconds: float = 0.0
    stood_already: bool = False

    @property
    def rate(self) -> float:
        """Vectors made by this run, per second."""
        return (self.rows - self.resumed) / self.seconds if self.seconds else 0.0


def to_part(
    window: Window, encoded: Encoded, include: tuple[str, ...], part: type[VectorPart]
) -> tuple[pa.Table, VectorPart]:
    """Turn an encoded window into the table that is saved and the record of it.

    Args:
        window: the rows that have a vector, and defects.
        encoded: their vectors.
        include: names of the passthrough columns.
        part: the type of the record.

    Returns:
        A table of `id`, what is told beside, `vector` and `columns`, and its record. The one type
        of a passthrough column is known only when all parts are, so `columns` holds JSON.

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
            **{name: pa.array(values) for name, values in encoded.info.items()},
            "vector": pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]),
            "columns": pa.array(packed, pa.binary()),
        }
    )
    columns = {name: [row.columns.get(name) for row in rows] for name in include}
    record = part(
        index=window.index,
        digest=window.digest,
        rows=len(rows),
        rejects=len(window.rejects),
        largest=float(np.abs(vectors).max(initial=0.0)),
        longest={
            "id": max((len(row.id) for row in rows), default=0),
            **{name: max(map(_length, values), default=0) for name, values in columns.items()},
        },
        kinds={name: sorted(set(map(kind_of, values))) for name, values in columns.items()},
        **encoded.counts,
    )
    return table, record


def summarize(records: Iterable[VectorPart], part: type[VectorPart]) -> Summary:
    """Add the parts up."""
    records = list(records)
    counted = {one.name for one in fields(part)} - {one.name for one in fields(VectorPart)}
    return Summary(
        rows=sum(record.rows for record in records),
        counts={
            one.name: sum(getattr(record, one.name) for record in records)
            for one in fields(part)
            if one.name in counted
        },
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
