"""From arrays to what the page about a training run shows: class balance and worst mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedsvc.errors import InputError
from embedsvc.report.training_data import Answer, LabelBalance, Mistake

MOST_MISTAKES = 50


def class_balance(
    targets: NDArray[Any], class_weights: NDArray[np.floating], weights: NDArray[np.floating]
) -> list[LabelBalance]:
    """How much of the training data is of each label, before and after weighting.

    The weighted share of a label is `sum_{i: y_i = k} w_i / sum_i w_i`; for multi-label
    `p_k sum_i w_i y_ik / sum_i w_i (p_k y_ik + 1 - y_ik)`, with the positive weight p_k.

    Args:
        targets: label positions, int64 of shape (n_texts,), or 0 and 1 of shape
            (n_texts, n_labels) for multi-label.
        class_weights: float of shape (n_labels,); for multi-label the positive weights.
        weights: of the texts, float of shape (n_texts,): sample weight times class weight, or for
            multi-label the sample weight.

    Returns:
        One entry a label.

    Raises:
        InputError: the shapes do not agree.
    """
    n_texts, n_labels = len(targets), len(class_weights)
    if len(weights) != n_texts or (targets.ndim == 2 and targets.shape[1] != n_labels):
        raise InputError(
            f"Expected one weight a text and one class weight a label, got targets of shape "
            f"{targets.shape}, {len(weights)} weights and {n_labels} class weights. "
            "Pass what the classifier learned with."
        )
    w = weights.astype(np.float64)
    if targets.ndim == 2:
        counts = (targets > 0).sum(axis=0)
        positive = class_weights * (w @ targets)
        whole = positive + w @ (1.0 - targets)
    else:
        counts = np.bincount(targets, minlength=n_labels)
        positive = np.bincount(targets, weights=w, minlength=n_labels)
        whole = np.full(n_labels, w.sum())
    shares = positive / np.where(whole > 0, whole, 1.0)
    return [
        LabelBalance(int(count), int(count) / max(n_texts, 1), float(weight), float(share))
        for count, weight, share in zip(counts, class_weights, shares, strict=True)
    ]


def worst_mistakes(
    texts: Sequence[str],
    targets: NDArray[Any],
    predicted: NDArray[Any],
    probabilities: NDArray[np.floating],
    labels: Sequence[str],
    *,
    most: int = MOST_MISTAKES,
) -> tuple[list[Mistake], int]:
    """The texts on which the classifier was most sure of something wrong.

    A text counts by the wrongly judged label whose probability is farthest from the truth.

    Args:
        texts: n_texts of them.
        targets: label positions, int64 of shape (n_texts,), or 0 and 1 of shape
            (n_texts, n_labels) for multi-label.
        predicted: in the form of `targets`.
        probabilities: of shape (n_texts, n_labels).
        labels: names, shape (n_labels,).
        most: mistakes returned.

    Returns:
        The worst first, and how many there are in all.

    Raises:
        InputError: the shapes do not agree.
    """
    n_labels = len(labels)
    if not (
        targets.shape == predicted.shape
        and probabilities.shape == (len(texts), n_labels)
        and targets.shape in ((len(texts),), (len(texts), n_labels))
    ):
        raise InputError(
            f"Expected targets, predictions and probabilities of {len(texts)} texts and "
            f"{n_labels} labels, got shapes {targets.shape}, {predicted.shape} and "
            f"{probabilities.shape}. Pass those of the same texts."
        )
    truth, decided = _indicator(targets, n_labels), _indicator(predicted, n_labels)
    off = np.where(truth != decided, np.abs(truth - probabilities.astype(np.float64)), -1.0)
    worst = off.max(axis=1, initial=-1.0)  # (n_texts,)
    wrong = np.flatnonzero((truth != decided).any(axis=1))
    order = wrong[np.argsort(-worst[wrong], kind="stable")]
    found = [
        Mistake(
            texts[i],
            _answers(truth[i], probabilities[i], labels),
            _answers(decided[i], probabilities[i], labels),
        )
        for i in order[:most].tolist()
    ]
    return found, len(wrong)


def _indicator(targets: NDArray[Any], n_labels: int) -> NDArray[np.bool_]:
    several = targets.ndim == 2
    applies: NDArray[np.bool_]
    applies = targets > 0 if several else targets[:, np.newaxis] == np.arange(n_labels)
    return applies


def _answers(
    applies: NDArray[np.bool_], probabilities: NDArray[np.floating], labels: Sequence[str]
) -> tuple[Answer, ...]:
    return tuple(
        Answer(labels[k], float(probabilities[k])) for k in np.flatnonzero(applies).tolist()
    )
