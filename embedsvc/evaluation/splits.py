"""Parts of a set of images that keep the pictures of one object together.

scikit-learn's StratifiedGroupKFold was not used: it refuses a class with fewer images than folds,
and with few groups it can leave a fold empty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embedsvc.errors import InputError
from embedsvc.evaluation.checks import Groups, check_labels, check_share, number_groups

Indices = NDArray[np.int64]


def grouped_folds(
    n: int,
    *,
    n_folds: int,
    groups: Groups | None = None,
    labels: ArrayLike | None = None,
    seed: int,
) -> list[Indices]:
    """Split n images into folds of about equal size and with about equally many anomalies.

    The groups with the most anomalies go first, each into the fold with the fewest, then the
    normal ones, the largest first, each into the smallest fold.

    Args:
        n: how many images there are.
        n_folds: how many folds, at least 2; with fewer groups there is one fold a group.
        groups: the group of each image, never split over folds; None among them is an image that
            stands alone.
        labels: 0 or 1, shape (n,), to spread the anomalies evenly.
        seed: orders groups of equal size; equal seeds give equal folds.

    Returns:
        For each fold its images: rising positions, int64. Every image is in one fold, and no fold
        is empty.

    Raises:
        InputError: fewer than two images, folds or groups, or labels or groups that are not n.

    Example:
        >>> folds = grouped_folds(4, n_folds=2, groups=["a", "a", "b", "b"], seed=0)
        >>> sorted(fold.tolist() for fold in folds)
        [[0, 1], [2, 3]]
    """
    if n_folds < 2:
        raise InputError(f"Expected at least 2 folds, got {n_folds}. Five are usual.")
    table = _tabulate(n, groups, labels, seed)
    n_folds = min(n_folds, len(table.sizes))
    fold_of_group = np.empty(len(table.sizes), np.int64)
    anomalies, sizes = [0] * n_folds, [0] * n_folds
    largest_first = np.lexsort((-table.sizes[table.order], -table.anomalies[table.order]))
    for group in table.order[largest_first].tolist():
        n_anomalous, size = int(table.anomalies[group]), int(table.sizes[group])
        full = anomalies if n_anomalous else sizes
        fold = min(range(n_folds), key=lambda fold: (full[fold], sizes[fold]))
        fold_of_group[group] = fold
        anomalies[fold] += n_anomalous
        sizes[fold] += size
    fold_of_image = fold_of_group[table.group]
    return [np.flatnonzero(fold_of_image == fold) for fold in range(n_folds)]


def grouped_holdout(
    n: int,
    *,
    fraction: float,
    groups: Groups | None = None,
    labels: ArrayLike | None = None,
    seed: int,
) -> tuple[Indices, Indices]:
    """Split n images into one part to learn from and one to hold out.

    Groups are taken in random order, each if it brings the part held out nearer to its size;
    those with anomalies and the others separately.

    Args:
        n: how many images there are.
        fraction: the share to hold out, of the normal and of the anomalous images.
        groups: the group of each image, never split; None among them is an image that stands
            alone.
        labels: 0 or 1, shape (n,), to hold out the same share of both. Of two or more groups with
            anomalies at least one goes to either part.
        seed: equal seeds give equal parts.

    Returns:
        The images to learn from and those held out: rising positions, int64, neither empty.

    Raises:
        InputError: fewer than two images or groups, a fraction outside 0 to 1, or labels or groups
            that are not n.

    Example:
        >>> train, holdout = grouped_holdout(10, fraction=0.2, seed=0)
        >>> len(train), len(holdout)
        (8, 2)
    """
    check_share(fraction, name="fraction")
    table = _tabulate(n, groups, labels, seed)
    normals = table.sizes - table.anomalies
    chosen = _near(table.order[table.anomalies[table.order] > 0], table.anomalies, fraction)
    # Mixed groups have brought normal images along.
    missing = fraction * normals.sum() - normals[chosen].sum()
    rest = table.order[table.anomalies[table.order] == 0]
    chosen = np.append(chosen, _near(rest, normals, missing / max(1, normals[rest].sum())))
    if not len(chosen):
        chosen = table.order[[np.argmin(table.sizes[table.order])]]
    elif len(chosen) == len(table.order):
        chosen = np.delete(chosen, np.argmin(table.sizes[chosen]))
    held = np.isin(table.group, chosen)
    return np.flatnonzero(~held), np.flatnonzero(held)


@dataclass(frozen=True)
class _Table:
    """The groups of n images: the group of each, (n,), and by group its images and anomalies."""

    group: Indices
    sizes: Indices
    anomalies: Indices
    order: Indices  # the groups, shuffled


def _tabulate(n: int, groups: Groups | None, labels: ArrayLike | None, seed: int) -> _Table:
    if n < 2:
        raise InputError(f"Expected at least 2 images to split, got {n}. Give more images.")
    group = number_groups(groups, n)
    marks = np.zeros(n, np.int64) if labels is None else check_labels(labels, n)
    sizes = np.bincount(group)
    if len(sizes) < 2:
        raise InputError(
            f"Expected at least 2 groups to split, got 1 that holds all {n} images. "
            "Name the groups by object, or leave them out if all images are independent."
        )
    anomalies = np.bincount(group[marks == 1], minlength=len(sizes))
    order = np.random.default_rng(seed).permutation(len(sizes))
    return _Table(group, sizes, anomalies, order)


def _near(candidates: Indices, weights: Indices, fraction: float) -> Indices:
    """Of the groups in this order those that together weigh about a fraction of all.

    Of two or more at least one is taken and one left, unless the fraction is used up.
    """
    total = int(weights[candidates].sum())
    target, weight, chosen = fraction * total, 0, []
    for group in candidates.tolist():
        more = weight + int(weights[group])
        if abs(more - target) < abs(weight - target):
            weight = more
            chosen.append(group)
    lightest = candidates[np.argsort(weights[candidates], kind="stable")]
    if len(candidates) > 1 and not chosen and fraction > 0:
        chosen = lightest[:1].tolist()
    elif len(candidates) > 1 and len(chosen) == len(candidates):
        chosen.remove(int(lightest[0]))
    return np.array(chosen, np.int64)
