"""How far a figure would move on other images of the same kind: bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embedsvc.errors import InputError
from embedsvc.evaluation.checks import (
    Groups,
    check_both_classes,
    check_labels,
    check_scores,
    check_share,
    number_groups,
)
from embedsvc.evaluation.scores import auroc

Statistic = Callable[[NDArray[np.float64], NDArray[np.int64]], float]

_BLOCK_CELLS = 2**21


def bootstrap_interval(
    statistic: Statistic,
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    n_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    groups: Groups | None = None,
) -> tuple[float, float]:
    """The interval in which a figure lies in most resamples of the images.

    Normal and anomalous images are drawn apart, with replacement, so that every resample has as
    many of each. With groups, whole groups are drawn: pictures of one object are no independent
    evidence, and an interval that takes them for it is too narrow.

    Args:
        statistic: a function of scores float64 and labels int64, both of shape (n,). `auroc` is
            computed for many resamples at once.
        scores: numbers of shape (n,).
        labels: 0 or 1, shape (n,).
        n_resamples: how often to draw.
        level: the share of the resamples inside the interval.
        seed: equal seeds give equal intervals.
        groups: the group of each image; None among them is an image that stands alone. Groups
            with normal images only, with anomalous ones only and with both are drawn apart.

    Returns:
        The low and the high end: percentiles of the resampled figure. A perfect AUROC of 1 gives
        (1, 1), however few images it rests on.

    Raises:
        InputError: bad scores, labels or options, no image, or one class only where the
            statistic needs both.

    Example:
        >>> bootstrap_interval(auroc, [0.1, 0.3, 0.2, 0.9], [0, 0, 1, 1])
        (0.0, 1.0)

    Source:
        Efron, Tibshirani: An Introduction to the Bootstrap, 1993, chapter 13 (percentiles).
    """
    checked = check_scores(scores)
    marks = check_labels(labels, len(checked))
    draws = _draw(marks, groups, n_resamples=n_resamples, seed=seed)
    if statistic is auroc:
        check_both_classes(marks, figure="AUROC")
        figures = np.concatenate([_aurocs(checked, marks, counts) for counts in draws])
    else:
        picks = (np.repeat(np.arange(len(marks)), row) for counts in draws for row in counts)
        figures = np.array([statistic(checked[pick], marks[pick]) for pick in picks])
    return _percentiles(figures, level)


def paired_difference_interval(
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    labels: ArrayLike,
    *,
    n_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    groups: Groups | None = None,
) -> tuple[float, float]:
    """The interval of AUROC(a) - AUROC(b) for two detectors on the same images.

    Both are computed on the same resamples. What makes an image hard for both cancels out, so
    this tells detectors apart that their own intervals cannot. An interval that holds 0 is a tie.

    Args:
        scores_a: numbers of shape (n,).
        scores_b: numbers of shape (n,), of the same images in the same order; another scale is
            allowed.
        labels: 0 or 1, shape (n,).
        n_resamples: how often to draw.
        level: the share of the resamples inside the interval.
        seed: equal seeds give equal intervals.
        groups: the group of each image, as for `bootstrap_interval`.

    Returns:
        The low and the high end of the difference, -1 to 1.

    Raises:
        InputError: bad scores, labels or options, different lengths, or one class only.
    """
    first = check_scores(scores_a, name="scores_a")
    second = check_scores(scores_b, name="scores_b")
    if len(first) != len(second):
        raise InputError(
            f"Expected scores of the same images, got {len(first)} and {len(second)}. "
            "Score both detectors on one list of images."
        )
    marks = check_labels(labels, len(first))
    draws = _draw(marks, groups, n_resamples=n_resamples, seed=seed)
    check_both_classes(marks, figure="AUROC")
    differences = [
        _aurocs(first, marks, counts) - _aurocs(second, marks, counts) for counts in draws
    ]
    return _percentiles(np.concatenate(differences), level)


def _draw(
    labels: NDArray[np.int64], groups: Groups | None, *, n_resamples: int, seed: int
) -> Iterator[NDArray[np.int64]]:
    """How often each image is in each resample, in blocks of shape (n_block, n)."""
    if n_resamples < 1:
        raise InputError(f"Expected n_resamples to be at least 1, got {n_resamples}. Try 1000.")
    if not len(labels):
        raise InputError("Expected images to resample, got none. Give labelled images.")
    group = number_groups(groups, len(labels))
    return _blocks(labels, group, n_resamples, np.random.default_rng(seed))


def _blocks(
    labels: NDArray[np.int64],
    group: NDArray[np.int64],
    n_resamples: int,
    generator: np.random.Generator,
) -> Iterator[NDArray[np.int64]]:
    n_groups = int(group.max()) + 1
    has_normal = np.bincount(group, weights=labels == 0) > 0
    has_anomalous = np.bincount(group, weights=labels == 1) > 0
    kind = has_normal + 2 * has_anomalous  # 1 normal, 2 anomalous, 3 mixed: (n_groups,)
    strata = [np.flatnonzero(kind == value) for value in np.unique(kind)]
    size = max(1, _BLOCK_CELLS // len(labels))
    for start in range(0, n_resamples, size):
        n_block = min(size, n_resamples - start)
        counts = np.empty((n_block, n_groups), np.int64)
        for members in strata:
            even = np.full(len(members), 1 / len(members))
            counts[:, members] = generator.multinomial(len(members), even, size=n_block)
        yield counts[:, group]


def _aurocs(
    scores: NDArray[np.float64], labels: NDArray[np.int64], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The AUROC of each resample, shape (n_block,), as the share of pairs in the right order."""
    normal, anomalous = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    normal = normal[np.argsort(scores[normal])]
    # Normal images up to each rank in each resample, (n_block, n_normal + 1).
    up_to = np.pad(np.cumsum(counts[:, normal], axis=1), ((0, 0), (1, 0)))
    below = np.searchsorted(scores[normal], scores[anomalous], side="left")
    not_above = np.searchsorted(scores[normal], scores[anomalous], side="right")
    weights = counts[:, anomalous]
    twice = np.sum(weights * (up_to[:, below] + up_to[:, not_above]), axis=1)  # a tie is a half
    return np.asarray(twice / (2 * up_to[:, -1] * weights.sum(axis=1)), np.float64)


def _percentiles(figures: NDArray[np.float64], level: float) -> tuple[float, float]:
    outside = (1 - check_share(level, name="level")) / 2
    low, high = np.quantile(figures, [outside, 1 - outside])
    return float(low), float(high)
