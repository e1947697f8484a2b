"""What every possible threshold of one label gives, from a single sort."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The thresholds that part the probabilities of a label, from the highest down.

    Attributes:
        lowest: the lowest probability above the threshold; float64 of shape (n_steps,).
        given: how many texts lie above it and are given the label, 1 to n_texts; int64 of shape
            (n_steps,).
        hits: how many of these have it; int64 of shape (n_steps,).
    """

    lowest: NDArray[np.float64]
    given: NDArray[np.int64]
    hits: NDArray[np.int64]

    @property
    def n_positive(self) -> int:
        """How many texts have the label."""
        return int(self.hits[-1])

    @property
    def f1(self) -> NDArray[np.float64]:
        """2 TP / (given + positive), of shape (n_steps,)."""
        return np.asarray(2 * self.hits / (self.given + self.n_positive))

    @property
    def auroc(self) -> float | None:
        """The area under the ROC curve, ties counting half; None unless there are both kinds."""
        n_negative = int(self.given[-1]) - self.n_positive
        if not self.n_positive or not n_negative:
            return None
        hits = np.concatenate([[0], self.hits])
        alarms = np.concatenate([[0], self.given - self.hits])
        # As whole numbers, halved at the end.
        twice = int(np.sum(np.diff(alarms) * (hits[1:] + hits[:-1])))
        return twice / (2 * self.n_positive * n_negative)

    @property
    def average_precision(self) -> float | None:
        """The area under the precision-recall curve, as steps; None unless there are both kinds."""
        if self.auroc is None:
            return None
        found = np.diff(self.hits, prepend=0)
        return float(np.sum(found * self.hits / self.given) / self.n_positive)

    def nearest(self, n_given: NDArray[np.float64]) -> NDArray[np.int64]:
        """The steps at which about so many texts are given the label, of the shape of `n_given`.

        Nearness is a ratio: 2 texts for 1 are as far off as 4 for 2.
        """
        last = len(self.given) - 1
        above = np.searchsorted(self.given, n_given).clip(min(1, last), last)
        below = np.maximum(above - 1, 0)
        is_nearer = self.given[above] / n_given < n_given / self.given[below]
        return np.where(is_nearer, above, below)


def label_curve(probabilities: NDArray[np.float64], has_label: NDArray[np.bool_]) -> Curve:
    """Sort once, count along.

    Args:
        probabilities: of one label, shape (n_texts,), one text or more.
        has_label: whether it applies, shape (n_texts,).
    """
    order = np.argsort(-probabilities, kind="stable")
    falling, hits = probabilities[order], np.cumsum(has_label[order], dtype=np.int64)
    ends = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))  # the last of each tie
    return Curve(falling[ends], ends + 1, hits[ends])
