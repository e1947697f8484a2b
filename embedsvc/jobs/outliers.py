"""`outliers`: which rows are unlike the others, or unlike those known to be normal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from embedsvc.detectors.outlier_models import CUTOFFS, OutlierMethod
from embedsvc.detectors.outliers import MOST_COMPARED, Nearest, VectorOutliers
from embedsvc.errors import InputError
from embedsvc.evaluation.conformal import conformal_p_values, default_rate
from embedsvc.tables.contents import Contents
from embedsvc.tables.matching import check_same_vectors
from embedsvc.tables.results import check_included
from embedsvc.tables.vector_table import VectorTable

OWN_COLUMNS = ("id", "anomaly_score", "p_value", "is_outlier", "nearest", "similarity")


@dataclass(frozen=True)
class OutlierOptions:
    """How outliers are found.

    Attributes:
        method: see `VectorOutliers`.
        k: see `VectorOutliers`.
        false_alarm_rate: the share of normal rows that may be called outliers; None: 0.05 where
            normal rows are given, otherwise a rule on the upper tail of the scores.
        seed: see `VectorOutliers`.
    """

    method: OutlierMethod = "knn"
    k: int = 10
    false_alarm_rate: float | None = None
    seed: int = 0


@dataclass(frozen=True)
class Outliers:
    """What is found.

    Attributes:
        rows: `id`, `anomaly_score`, `p_value`, `is_outlier`, `nearest` (the id of the row that lies
            nearest), `similarity` (to it), `text`, if texts are found, and the columns asked for.
        threshold: a score above it is an outlier's; None where there are too few rows to tell.
        about: how the threshold came about, in words.
        n_compared: how many rows each row was compared with, where that is a part drawn of them.
    """

    rows: pa.Table
    threshold: float | None
    about: str
    n_compared: int | None = None

    @property
    def n_outliers(self) -> int:
        """How many rows are outliers."""
        return int(np.count_nonzero(self.rows.column("is_outlier").to_numpy()))

    def most_anomalous(self, n: int) -> list[dict[str, Any]]:
        """The n rows with the highest scores, highest first."""
        order = np.argsort(-self.rows.column("anomaly_score").to_numpy(), kind="stable")
        rows: list[dict[str, Any]] = self.rows.take(pa.array(order[:n])).to_pylist()
        return rows


def find_outliers(
    table: VectorTable,
    options: OutlierOptions,
    *,
    normal: VectorTable | None = None,
    contents: Contents | None = None,
    include_columns: Sequence[str] = (),
    advance: Callable[[int], None] = lambda count: None,
) -> Outliers:
    """Find the rows that are outliers.

    Args:
        table: the vectors.
        options: how.
        normal: vectors of normal rows to compare with; by default with each other.
        contents: texts to hand through.
        include_columns: columns of the vectors' file to hand through.
        advance: called with the number of rows just compared.

    Raises:
        InputError: too few rows, other dims, or a column that would be there twice.
        ArtifactError: the normal vectors were made by another model.
    """
    check_included(include_columns, OWN_COLUMNS)
    rate = options.false_alarm_rate
    if normal is not None:
        check_normal(table, normal)
        rate = default_rate(len(normal)) if rate is None else rate
    detector = VectorOutliers(
        method=options.method, k=options.k, false_alarm_rate=rate, seed=options.seed
    )
    if normal is None:
        detector.fit(table.vectors, advance=advance)
        scores, nearest, ids = detector.scores_, detector.nearest_, table.ids
        order = np.sort(scores)
        p_values = (len(scores) - np.searchsorted(order, scores, side="left")) / len(scores)
    else:
        detector.fit(normal.vectors, advance=advance)
        scores = detector.anomaly_score(table.vectors, advance=advance)
        nearest, ids = detector.nearest(table.vectors), normal.ids
        p_values = conformal_p_values(scores, detector.scores_)
    rows = _rows(table, ids, scores, p_values, scores > detector.threshold_, nearest)
    if contents is not None and contents.kind == "texts" and "text" not in include_columns:
        rows["text"] = pa.array(contents.values, pa.string())
    rows |= {name: table.columns.column(name) for name in include_columns}
    told = bool(np.isfinite(detector.threshold_))
    about = _about(options.method, rate, len(table) if normal is None else len(normal), told=told)
    drawn = detector.n_compared_ == MOST_COMPARED
    return Outliers(
        rows=pa.table(rows),
        threshold=float(detector.threshold_) if told else None,
        about=about,
        n_compared=detector.n_compared_ if drawn else None,
    )


def check_normal(table: VectorTable, normal: VectorTable) -> None:
    """Check that vectors can be compared with those of normal rows.

    Raises:
        InputError: they have other dims.
        ArtifactError: both say what made them, and differ.
    """
    check_same_vectors(normal.metadata, table.metadata, normal.label)
    if normal.dim != table.dim:
        raise InputError(
            f"Expected {table.label} to have {normal.dim} dimensions, as {normal.label} has, got "
            f"{table.dim}. Encode both with the same model."
        )


def _rows(
    table: VectorTable,
    ids: Sequence[str],
    scores: NDArray[np.float64],
    p_values: NDArray[np.float64],
    outliers: NDArray[np.bool_],
    nearest: Nearest,
) -> dict[str, Any]:
    known = nearest.positions >= 0
    places = pa.array(nearest.positions, mask=~known)
    return {
        "id": pa.array(table.ids, pa.string()),
        "anomaly_score": pa.array(scores.astype(np.float32)),
        "p_value": pa.array(p_values.astype(np.float32)),
        "is_outlier": pa.array(outliers.astype(np.int8)),
        "nearest": pa.array(ids, pa.string()).take(places),
        "similarity": pa.array(nearest.cosines, mask=~known),
    }


def _about(method: OutlierMethod, rate: float | None, n: int, *, told: bool) -> str:
    if rate is not None:
        return f"of rows such as the {n:,} learned from a share of {rate:.3g} does, judging by them"
    if not told:
        return "no row is called an outlier, as there are too few that differ to judge by"
    return (
        f"more than {CUTOFFS[method]:g} spreads above the median, where rows of one kind hardly "
        "ever score"
    )
