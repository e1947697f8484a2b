"""A part of the texts held out in which every label has its share."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embedsvc.evaluation.checks import check_share
from embedsvc.evaluation.decisions import as_array, check_indicator, check_positions

Indices = NDArray[np.int64]

# Shares such as 0.1 * 30 are a rounding away from the whole number they mean.
_ROUNDING = 1e-9


def stratified_holdout(
    targets: ArrayLike, fraction: float, *, seed: int
) -> tuple[Indices, Indices]:
    """Split texts into those to learn from and those held out, label by label.

    With one label a text, each label gives its share rounded up or down such that the whole is as
    near as can be to `fraction` (largest remainder). With several, the rarest label is dealt out
    first, each text to the part that lacks its label most (iterative stratification). Every label
    that some text has is kept in training, so a label with one text is never held out.

    Args:
        targets: label positions of shape (n_texts,), or 0s and 1s of shape (n_texts, n_labels).
        fraction: the share to hold out.
        seed: equal seeds give equal parts.

    Returns:
        The texts to learn from and those held out: rising positions, int64. Two texts or more
        give two parts that are not empty, unless each text is the only one of a label: then none
        is held out.

    Raises:
        InputError: a fraction outside 0 to 1, or targets of another kind.

    Example:
        >>> train, held = stratified_holdout([0, 0, 0, 0, 1, 1, 1, 1], 0.25, seed=0)
        >>> len(train), len(held)
        (6, 2)

    Source:
        Sechidis, Tsoumakas, Vlahavas: On the stratification of multi-label data, 2011
        (https://doi.org/10.1007/978-3-642-23808-6_10). Texts of one label are dealt at once,
        as the choice of the part does not depend on which of them comes first.
    """
    check_share(fraction, name="fraction")
    generator = np.random.default_rng(seed)
    given = as_array(targets, name="targets")
    if given.ndim == 2:
        held = _hold_by_labels(check_indicator(given), fraction, generator)
    else:
        held = _hold_by_class(check_positions(given), fraction, generator)
    return np.flatnonzero(~held), np.flatnonzero(held)


def _hold_by_class(
    positions: Indices, fraction: float, generator: np.random.Generator
) -> NDArray[np.bool_]:
    n_texts = len(positions)
    held = np.zeros(n_texts, np.bool_)
    if n_texts < 2:
        return held
    _, classes, sizes = np.unique(positions, return_inverse=True, return_counts=True)
    n_held = _class_shares(sizes, fraction, generator)
    order = generator.permutation(n_texts)
    order = order[np.argsort(classes[order], kind="stable")]  # class by class, shuffled within
    rank = np.arange(n_texts) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    held[order] = rank < np.repeat(n_held, sizes)
    return held


def _class_shares(sizes: Indices, fraction: float, generator: np.random.Generator) -> Indices:
    """How many texts of each class are held out, (n_classes,): largest remainder."""
    shares = fraction * sizes
    whole = np.floor(shares + _ROUNDING).astype(np.int64)
    n_held: Indices = np.minimum(whole, sizes - 1)
    total = max(1, int(np.floor(fraction * sizes.sum() + 0.5 + _ROUNDING)))
    remainder = np.round(shares - whole, 9)
    # Rounded up at most: texts that a tiny class cannot give are not taken from the others.
    can_give = np.flatnonzero((n_held < sizes - 1) & (remainder > 0))
    ties = generator.random(len(can_give))
    first = can_give[np.lexsort((ties, -remainder[can_give]))]
    n_held[first[: max(0, total - int(n_held.sum()))]] += 1
    return n_held


def _hold_by_labels(
    marks: NDArray[np.bool_], fraction: float, generator: np.random.Generator
) -> NDArray[np.bool_]:
    n_texts, n_labels = marks.shape
    held = np.zeros(n_texts, np.bool_)
    if n_texts < 2:
        return held
    waiting = np.ones(n_texts, np.bool_)
    remaining = marks.sum(axis=0)  # texts that wait, by label
    # What the held part lacks more than the training part: texts (first), then by label.
    lack_all = n_texts * (2 * fraction - 1)
    lack = remaining * (2 * fraction - 1)
    order = generator.permutation(n_labels)  # decides between equally rare labels
    while remaining.any():
        rarest = order[np.argmin(np.where(remaining[order], remaining[order], n_texts + 1))]
        texts = generator.permutation(np.flatnonzero(waiting & marks[:, rarest]))
        goes = _deal(len(texts), float(lack[rarest]), lack_all, generator)
        held[texts] = goes
        waiting[texts] = False
        n_to_held, n_to_training = marks[texts[goes]].sum(axis=0), marks[texts[~goes]].sum(axis=0)
        lack = lack - n_to_held + n_to_training
        lack_all -= 2 * int(goes.sum()) - len(texts)
        remaining = remaining - n_to_held - n_to_training
    rest = generator.permutation(np.flatnonzero(waiting))
    held[rest] = _deal(len(rest), 0.0, lack_all, generator, by_label=False)
    return _repaired(held, marks, generator)


def _deal(
    n_texts: int,
    lack: float,
    lack_all: float,
    generator: np.random.Generator,
    *,
    by_label: bool = True,
) -> NDArray[np.bool_]:
    """Whether each of some texts with one label goes to the held part, bool of shape (n_texts,).

    Args:
        n_texts: how many to deal, one after the other.
        lack: how many texts of the label the held part still wants more than the training part.
        lack_all: the same of texts of any kind, which decides where `lack` is even.
        generator: decides where both are even.
        by_label: False for texts without a label.
    """
    goes = np.zeros(n_texts, np.bool_)
    for i in range(n_texts):
        decisive = lack if by_label and abs(lack) > _ROUNDING else lack_all
        if abs(decisive) <= _ROUNDING:
            decisive = generator.random() - 0.5
        goes[i] = decisive > 0
        step = -1 if decisive > 0 else 1
        lack += step
        lack_all += step
    return goes


def _repaired(
    held: NDArray[np.bool_], marks: NDArray[np.bool_], generator: np.random.Generator
) -> NDArray[np.bool_]:
    """The split with every label in training, and neither part empty where that can be."""
    held = held.copy()
    in_training = marks[~held].sum(axis=0)
    for label in np.flatnonzero((in_training == 0) & marks.any(axis=0)):
        if not (marks[~held, label]).any():  # an earlier text may have brought it along
            held[generator.choice(np.flatnonzero(held & marks[:, label]))] = False
    if held.all():
        held[generator.integers(len(held))] = False
    if not held.any():
        in_training = marks.sum(axis=0)
        spare = np.flatnonzero(~(marks & (in_training < 2)).any(axis=1))
        if len(spare):
            held[generator.choice(spare)] = True
    return held
