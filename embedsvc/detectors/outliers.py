"""Outliers among vectors, whatever they are of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OutlierMixin
from threadpoolctl import threadpool_limits

from embedsvc.detectors.outlier_models import (
    CUTOFFS,
    OUTLIER_METHODS,
    LearnedScores,
    OutlierMethod,
    cross_fitted_scores,
    learn_scores,
)
from embedsvc.errors import InputError, NotFittedError
from embedsvc.evaluation.checks import check_share
from embedsvc.evaluation.conformal import (
    conformal_p_values,
    conformal_threshold,
    upper_tail_threshold,
)
from embedsvc.vectors.checks import check_same_dim, check_vectors, unit_rows
from embedsvc.vectors.distinct import distinct_rows
from embedsvc.vectors.neighbors import nearest_neighbors, without_own
from embedsvc.vectors.sampling import some_rows
from embedsvc.vectors.similarity import top_k

Advance = Callable[[int], None]

MOST_COMPARED = 50_000
"""Rows that each row is compared with; of more a part is drawn, so that a million take minutes.

Distances to a part tell outliers as well as distances to all: Sugiyama, Borgwardt: Rapid
distance-based outlier detection via sampling, 2013.
"""

_BLOCK = 8192


@dataclass(frozen=True)
class Nearest:
    """What lies nearest to each of some rows.

    Attributes:
        positions: among the rows learned from, int64 of shape (n,); -1 where there is none.
        cosines: float32 of shape (n,); NaN where there is none.
    """

    positions: NDArray[np.int64]
    cosines: NDArray[np.float32]


class VectorOutliers(OutlierMixin, BaseEstimator):
    """Finds vectors that are unlike the others, or unlike those that are known to be normal.

    Rows learned from are scored as new ones are: by what was learned from the others. Only the
    directions of vectors count. Equal rows count once, so that a text that is repeated a hundred
    times is no more normal for it. Of more than 50,000 different rows, so many are drawn that all
    are compared with.

    Args:
        method: "knn", the mean cosine distance to the nearest rows; "mahalanobis", the distance
            from the mean in the rows' own spread; "ocsvm", a one-class SVM in that spread.
        k: how many of the nearest rows, for "knn".
        false_alarm_rate: the share of normal rows that may be called outliers, where all rows
            learned from are normal. None: some of them may be outliers; what lies several spreads
            above the median of the scores is one, which hardly any row does where there are none.
        seed: of parts and samples.

    Attributes:
        scores_: of the rows learned from, float64 of shape (n,); higher = more anomalous.
        threshold_: a score above it is an outlier's; infinite where there are too few rows to tell.
        nearest_: what lies nearest to each of the rows learned from, equal ones left out.
        n_compared_: how many different rows each one was compared with.

    Example:
        >>> outliers = VectorOutliers().fit_predict(vectors)       # 1 = outlier
        >>> detector = VectorOutliers(false_alarm_rate=0.05).fit(normal_vectors)
        >>> detector.predict(vectors), detector.p_value(vectors)
    """

    def __init__(
        self,
        *,
        method: OutlierMethod = "knn",
        k: int = 10,
        false_alarm_rate: float | None = None,
        seed: int = 0,
    ) -> None:
        self.method = method
        self.k = k
        self.false_alarm_rate = false_alarm_rate
        self.seed = seed

    def fit(
        self, vectors: ArrayLike, y: object = None, *, advance: Advance = lambda count: None
    ) -> Self:
        """Learn what is usual.

        Args:
            vectors: numbers of shape (n, dim), at least two.
            y: not used.
            advance: called with the number of rows just compared.

        Raises:
            InputError: no matrix of finite numbers, unknown settings, or too few rows for the
                false alarm rate.
        """
        del y
        self._check_settings()
        found = unit_rows(check_vectors(vectors, least=2))
        if self.false_alarm_rate is not None:
            conformal_threshold(np.zeros(len(found)), self.false_alarm_rate)
        different = distinct_rows(found)
        rows = found[different.first]
        chosen = some_rows(np.arange(len(rows)), MOST_COMPARED, seed=self.seed)
        self.n_compared_ = len(chosen)
        self._rows, self._first = rows[chosen], different.first[chosen]
        near, cosines = self._own_neighbours(rows, chosen, advance)
        self._learned: LearnedScores | None = None
        if self.method == "knn":
            scores = _mean_distance(cosines)
        else:
            with threadpool_limits(1):
                scores = cross_fitted_scores(rows, self.method, seed=self.seed)
                self._learned = learn_scores(rows, self.method, seed=self.seed)
        owner = different.owner
        self.nearest_ = Nearest(
            np.where(near < 0, -1, self._first[near])[owner, 0], cosines[owner, 0]
        )
        self.scores_ = scores[owner]
        self.threshold_ = self._threshold()
        return self

    def fit_predict(self, X: ArrayLike, y: object = None) -> NDArray[np.int64]:  # noqa: N803
        """Which of the rows learned from are outliers: int64 of shape (n,), 1 = outlier."""
        fitted = self.fit(X, y)
        return np.asarray(fitted.scores_ > fitted.threshold_, np.int64)

    def anomaly_score(
        self, vectors: ArrayLike, *, advance: Advance = lambda count: None
    ) -> NDArray[np.float64]:
        """How unlike the rows learned from new rows are: (n, dim) to (n,), higher = more so.

        Raises:
            NotFittedError: nothing was learned yet.
            InputError: another dim, or no finite numbers.
        """
        rows = self._checked(vectors)
        if self._learned is not None:
            with threadpool_limits(1):
                return self._learned.scores(rows)
        _, cosines = self._neighbours(rows, self.k, advance)
        return _mean_distance(cosines)

    def nearest(self, vectors: ArrayLike) -> Nearest:
        """Which of the rows learned from lies nearest to each new row.

        Raises:
            NotFittedError: nothing was learned yet.
            InputError: another dim, or no finite numbers.
        """
        near, cosines = self._neighbours(self._checked(vectors), 1, lambda count: None)
        return Nearest(self._first[near[:, 0]], cosines[:, 0])

    def p_value(self, vectors: ArrayLike) -> NDArray[np.float64]:
        """How rare so high a score is among the rows learned from: (n, dim) to (n,), up to 1.

        Raises:
            NotFittedError: nothing was learned yet.
            InputError: another dim, or no finite numbers.
        """
        return conformal_p_values(self.anomaly_score(vectors), self.scores_)

    def predict(self, vectors: ArrayLike) -> NDArray[np.int64]:
        """Which new rows are outliers: int64 of shape (n,), 1 = outlier.

        Raises:
            NotFittedError: nothing was learned yet.
            InputError: another dim, or no finite numbers.
        """
        return np.asarray(self.anomaly_score(vectors) > self.threshold_, np.int64)

    def _threshold(self) -> float:
        if self.false_alarm_rate is not None:
            return conformal_threshold(self.scores_, self.false_alarm_rate)
        return upper_tail_threshold(self.scores_, CUTOFFS[self.method])

    def _own_neighbours(
        self, rows: NDArray[np.float32], chosen: NDArray[np.int64], advance: Advance
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Of the different rows, among those chosen; of a single one none, at position -1."""
        if len(rows) < 2:
            return np.full((1, 1), -1), np.full((1, 1), np.nan, np.float32)
        k = self.k if self.method == "knn" else 1
        if len(chosen) == len(rows):
            return nearest_neighbors(rows, k=k, seed=self.seed, advance=advance)
        near, cosines = self._neighbours(rows, k + 1, advance)
        own = np.full(len(rows), -1)
        own[chosen] = np.arange(len(chosen))
        return without_own(near, cosines, own)

    def _neighbours(
        self, rows: NDArray[np.float32], k: int, advance: Advance
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        k = min(k, len(self._rows))
        near = np.empty((len(rows), k), np.int64)
        cosines = np.empty((len(rows), k), np.float32)
        for start in range(0, len(rows), _BLOCK):
            part = slice(start, start + _BLOCK)
            near[part], cosines[part] = top_k(rows[part], self._rows, k=k)
            advance(len(near[part]))
        return near, cosines

    def _checked(self, vectors: ArrayLike) -> NDArray[np.float32]:
        if not hasattr(self, "threshold_"):
            raise NotFittedError("Expected a fitted VectorOutliers. Call fit(vectors) first.")
        found = check_vectors(vectors)
        check_same_dim(found, self._rows)
        return unit_rows(found)

    def _check_settings(self) -> None:
        if self.method not in OUTLIER_METHODS:
            raise InputError(
                f"Expected a method out of {', '.join(OUTLIER_METHODS)}, got {self.method!r}."
            )
        if self.k < 1:
            raise InputError(f"Expected k to be at least 1, got {self.k}. Ten are usual.")
        if self.false_alarm_rate is not None:
            check_share(self.false_alarm_rate, name="false_alarm_rate")


def _mean_distance(cosines: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of cosines to the nearest, shape (n, k); 0 where there are none."""
    distances = 1 - cosines.mean(axis=1, dtype=np.float64)
    return np.asarray(np.maximum(np.nan_to_num(distances), 0))
