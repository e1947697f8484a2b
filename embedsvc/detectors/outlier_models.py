"""What makes a vector an outlier, three ways; each learns from rows and scores others.

Sources: Ramaswamy, Rastogi, Shim: Efficient algorithms for mining outliers from large data sets,
2000, and Angiulli, Pizzuti: Fast outlier detection in high dimensional spaces, 2002 (mean distance
to the nearest); `whitening` and `svm` name theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from embedsvc.detectors.learned import State
from embedsvc.detectors.svm import MOST_EXACT_ROWS, fit_one_class_svm, one_class_scores
from embedsvc.detectors.whitening import fit_whitening, whiten
from embedsvc.evaluation.splits import grouped_folds
from embedsvc.vectors.sampling import some_rows

OutlierMethod = Literal["knn", "mahalanobis", "ocsvm"]
OUTLIER_METHODS: tuple[OutlierMethod, ...] = get_args(OutlierMethod)

CUTOFFS: dict[str, float] = {"knn": 4.0, "mahalanobis": 3.5, "ocsvm": 6.0}
"""So many spreads above the median scores of normal texts hardly ever lie, but those of others do.

Measured on queries to a bank among which comments on other things were planted.
"""

_FOLDS = 5
_BLOCK = 8192
_NU = 0.1
_GAMMA = 0.1
_LEAST_INSIDE = 1e-6


@dataclass(frozen=True)
class LearnedScores:
    """A method that has learned.

    Attributes:
        state: named arrays.
        score: of rows, higher = more anomalous; (n, dim) to (n,).
    """

    state: State
    score: Callable[[NDArray[np.float32], State], NDArray[np.float64]]

    def scores(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score rows of shape (n, dim) block by block."""
        starts = range(0, len(rows), _BLOCK)
        parts = [self.score(rows[at : at + _BLOCK], self.state) for at in starts]
        return np.concatenate([np.empty(0), *parts])


def learn_scores(rows: NDArray[np.float32], method: OutlierMethod, *, seed: int) -> LearnedScores:
    """Learn "mahalanobis" or "ocsvm" from float32 rows of shape (n, dim)."""
    if method == "mahalanobis":
        mean, projection = fit_whitening(rows, seed=seed)
        return LearnedScores({"mean": mean, "projection": projection}, _distance)
    mean, projection = fit_whitening(rows, seed=seed)
    some = whiten(some_rows(rows, MOST_EXACT_ROWS, seed=seed), mean, projection)
    svm = fit_one_class_svm(some, nu=_NU, gamma=_GAMMA / rows.shape[1], seed=seed)
    return LearnedScores({"mean": mean, "projection": projection, **svm}, _outside)


def cross_fitted_scores(
    rows: NDArray[np.float32], method: OutlierMethod, *, seed: int
) -> NDArray[np.float64]:
    """Score each row by a model that did not learn from it; 0 for a single row."""
    scores = np.zeros(len(rows))
    if len(rows) < 2:
        return scores
    everything = np.arange(len(rows))
    for fold in grouped_folds(len(rows), n_folds=_FOLDS, seed=seed):
        others = rows[np.setdiff1d(everything, fold)]
        scores[fold] = learn_scores(others, method, seed=seed).scores(rows[fold])
    return scores


def _distance(rows: NDArray[np.float32], state: State) -> NDArray[np.float64]:
    """Logarithm of the squared Mahalanobis distance."""
    whitened = whiten(rows, state["mean"], state["projection"])
    return np.asarray(np.log(np.square(whitened).sum(axis=1) + 1e-12), np.float64)


def _outside(rows: NDArray[np.float32], state: State) -> NDArray[np.float64]:
    """Minus the logarithm of the kernel sum, which is 0 at the border of the SVM."""
    whitened = whiten(rows, state["mean"], state["projection"])
    inside = 1 + one_class_scores(whitened, state) / state["offset"][0]
    return np.asarray(-np.log(np.maximum(inside, _LEAST_INSIDE)), np.float64)
