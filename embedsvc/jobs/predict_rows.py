"""From the probabilities of a part to the rows of the output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from embedsvc.classify.label_reading import text_of
from embedsvc.evaluation.decisions import decide
from embedsvc.extract.joining import ColumnTypes
from embedsvc.extract.passthrough import column_array, column_type, kind_of
from embedsvc.jobs.label_columns import LabelColumns, Labels, read_truth

Label = str | int | bool
TRUE_LABEL = "true_label"


@dataclass(frozen=True)
class PartRows:
    """A part as it was computed, ready to be told in rows.

    Attributes:
        table: with the columns of `to_part`, whose vectors are probabilities.
        probabilities: float32 array of shape (n_rows, n_labels).
        columns: what stands in the columns of each row, where any are kept.
        truth: the true labels of each row, None where a row tells none; empty without truth.
    """

    table: pa.Table
    probabilities: NDArray[np.float32]
    columns: list[dict[str, Any]]
    truth: list[Labels | None]

    @classmethod
    def of(cls, table: pa.Table, true_labels: LabelColumns | None, *, keeps: bool) -> PartRows:
        """Unpack a part.

        Args:
            table: the part.
            true_labels: where the true labels stand.
            keeps: whether columns are kept at all.
        """
        lists = table.column("vector").combine_chunks()
        flat = lists.flatten().to_numpy()
        columns = [orjson.loads(one) for one in table.column("columns").to_pylist()]
        truth = [] if true_labels is None else [read_truth(true_labels, row) for row in columns]
        shape = (len(table), lists.type.list_size)
        return cls(table, flat.reshape(shape), columns if keeps else [], truth)


@dataclass(frozen=True)
class Decoding:
    """How probabilities are told.

    Attributes:
        task: "binary", "multiclass" or "multilabel".
        labels: in the order of the probabilities.
        thresholds: float64 array of shape (n_labels,); see `decide`.
        probabilities: whether each label has a column of its own.
        top: how many labels are named, the likeliest first; more than one for "multiclass" alone.
        with_truth: whether there is a column of true labels.
        types: of the columns handed through.
    """

    task: str
    labels: tuple[Label, ...]
    thresholds: NDArray[np.float64] | None = None
    probabilities: bool = False
    top: int = 1
    with_truth: bool = False
    types: ColumnTypes = field(default_factory=dict)

    @property
    def schema(self) -> pa.Schema:
        """The columns of the output."""
        label, number = label_type(self.labels), pa.float32()
        several = self.task == "multilabel"
        fields = [
            pa.field("id", pa.string(), nullable=False),
            pa.field("label", pa.list_(label) if several else label, nullable=False),
            pa.field("probability", pa.list_(number) if several else number, nullable=False),
        ]
        for rank in range(2, self.top + 1):
            fields += [pa.field(rank_name(rank, "label"), label, nullable=False)]
            fields += [pa.field(rank_name(rank, "probability"), number, nullable=False)]
        if self.probabilities:
            names = map(probability_name, self.labels)
            fields += [pa.field(name, number, nullable=False) for name in names]
        fields += [
            pa.field("n_tokens", pa.int32(), nullable=False),
            pa.field("truncated", pa.bool_(), nullable=False),
        ]
        if self.with_truth:
            fields.append(pa.field(TRUE_LABEL, pa.list_(pa.string()) if several else pa.string()))
        return pa.schema(fields + [pa.field(name, of) for name, of in self.types.items()])

    def rows(self, part: PartRows) -> pa.Table:
        """The rows of a part as they stand in the output."""
        arrays = [part.table.column("id").combine_chunks(), *self._labels(part.probabilities)]
        if self.probabilities:
            arrays += [pa.array(column) for column in part.probabilities.T]
        arrays += [part.table.column(name).combine_chunks() for name in ("n_tokens", "truncated")]
        if self.with_truth:
            arrays.append(self._truth(part.truth))
        arrays += [
            column_array([row.get(name) for row in part.columns], of)
            for name, of in self.types.items()
        ]
        return pa.table(arrays, schema=self.schema)

    def _labels(self, probabilities: NDArray[np.float32]) -> Iterator[pa.Array]:
        """The columns of labels and of their probabilities, the likeliest first."""
        of = label_type(self.labels)
        decided = decide(probabilities, task=self.task, thresholds=self.thresholds)
        if self.task == "multilabel":
            chosen = [np.flatnonzero(row) for row in decided]
            names = [[_typed(self.labels[i], of) for i in own] for own in chosen]
            yield pa.array(names, pa.list_(of))
            found = [row[own] for row, own in zip(probabilities, chosen, strict=True)]
            yield pa.array(found, pa.list_(pa.float32()))
            return
        order = decided.reshape(-1, 1)
        if self.top > 1:
            # Stable, so that the first of equal ones is the one that is decided for.
            order = np.argsort(-probabilities, axis=1, kind="stable")[:, : self.top]
        for column in order.T:
            yield pa.array([_typed(self.labels[i], of) for i in column], of)
            yield pa.array(probabilities[np.arange(len(column)), column])

    def _truth(self, truth: Sequence[Labels | None]) -> pa.Array:
        if self.task == "multilabel":
            lists = [(one,) if isinstance(one, str) else one for one in truth]
            return pa.array(lists, pa.list_(pa.string()))
        return pa.array([one if isinstance(one, str) else None for one in truth], pa.string())


def label_type(labels: Sequence[Label]) -> pa.DataType:
    """The type of a column of labels."""
    return column_type(map(kind_of, labels))


def probability_name(label: Label) -> str:
    """The column of a label's probability."""
    return f"probability_{text_of(label)}"


def rank_name(rank: int, what: str) -> str:
    """The column of the second, third, ... label, or of its probability."""
    return f"top_{rank}_{what}"


def _typed(label: Label, of: pa.DataType) -> Label:
    return text_of(label) if pa.types.is_string(of) else label
