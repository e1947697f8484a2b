"""How much labels and texts count in the loss.

    one label a text    L = 1/B * sum_i s_i c[y_i] loss_i
    any number          L = 1/B * sum_i s_i loss_i,    loss_i = 1/K * sum_k of
                        -(p_k y_ik log sigma_ik + (1 - y_ik) log(1 - sigma_ik))

over the B texts of a batch and the K labels, with the sample weight s_i of a text, the class weight
c of its label and the positive weight p_k of a label. Weights act there and nowhere else; the sum
is divided by the number of texts, not by the sum of the weights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embedsvc.classify.label_codec import LabelCodec, nearest_label
from embedsvc.classify.label_reading import show, text_of
from embedsvc.errors import InputError
from embedsvc.evaluation.decisions import as_array, check_indicator, check_positions

ClassWeight = Literal["balanced"] | Mapping[Any, float] | None

_LARGEST = float(np.finfo(np.float32).max)


def class_weights(
    targets: NDArray[Any], n_labels: int, spec: ClassWeight, *, codec: LabelCodec
) -> NDArray[np.float64]:
    """The class weight c of each label; for a multilabel task its positive weight p.

    With n texts, of which n_k have label k and n - n_k have not, "balanced" is

        one label a text    c_k = n / (n_labels * n_k)      so that every label weighs the same
        any number          p_k = (n - n_k) / n_k           so that its texts weigh like the others

    and 1 for a label that no text has or, where any number may apply, that every text has.

    Args:
        targets: of the texts to learn from: positions of shape (n_texts,), or 0s and 1s of shape
            (n_texts, n_labels).
        n_labels: how many labels there are.
        spec: None weighs all labels 1; "balanced" as above; a mapping from labels to weights, in
            which a label may be written as text ("1" for 1, as JSON has it), and a label that is
            not in it weighs 1.
        codec: the labels.

    Returns:
        float64 of shape (n_labels,).

    Raises:
        InputError: another word, unknown labels, weights that are negative or no numbers, or all
            of them 0.

    Example:
        >>> codec = LabelCodec("binary", ("ham", "spam"))
        >>> class_weights(np.array([0, 0, 0, 1]), 2, "balanced", codec=codec)
        array([0.66666667, 2.        ])
        >>> class_weights(np.array([0, 0, 0, 1]), 2, {"spam": 5}, codec=codec)
        array([1., 5.])

    Source:
        King, Zeng: Logistic regression in rare events data, 2001
        (https://doi.org/10.1093/oxfordjournals.pan.a004868).
    """
    if spec is None:
        return np.ones(n_labels)
    if isinstance(spec, Mapping):
        return _given_weights(spec, codec)
    if spec != "balanced":
        raise InputError(
            f"Expected class_weight to be 'balanced', None or weights by label, got {spec!r}. "
            "Write for example {'spam': 5.0}."
        )
    if codec.task == "multilabel":
        n_with = check_indicator(targets, n_labels=n_labels).sum(axis=0)
        n_without = len(targets) - n_with
        varies = (n_with > 0) & (n_without > 0)
        return np.where(varies, n_without / np.maximum(n_with, 1), 1.0)
    positions = check_positions(targets, n_labels=n_labels)
    counts = np.bincount(positions, minlength=n_labels)
    return np.where(counts, len(positions) / (n_labels * np.maximum(counts, 1)), 1.0)


def example_weights(
    targets: NDArray[Any], weights: ArrayLike, sample_weight: ArrayLike | None
) -> NDArray[np.float32]:
    """What the loss of each text is multiplied with.

    Args:
        targets: positions of shape (n_texts,), or 0s and 1s of shape (n_texts, n_labels).
        weights: of `class_weights`, shape (n_labels,).
        sample_weight: shape (n_texts,); None weighs every text 1.

    Returns:
        float32 of shape (n_texts,): s_i * c[y_i], or s_i where any number of labels may apply, as
        the positive weights act inside the loss of a text.

    Raises:
        InputError: bad targets or sample weights.
    """
    n_texts = len(targets)
    own = (
        np.ones(n_texts, np.float32)
        if sample_weight is None
        else check_sample_weight(sample_weight, n_texts)
    )
    if np.ndim(targets) == 2:
        return own
    values = np.asarray(weights, np.float64)
    positions = check_positions(targets, n_labels=len(values))
    return (own * values[positions]).astype(np.float32)


def check_sample_weight(sample_weight: ArrayLike, n_texts: int) -> NDArray[np.float32]:
    """The weight of each text as float32, shape (n_texts,).

    Raises:
        InputError: not one number a text, missing, negative or infinite numbers, or all of them 0.
    """
    given = as_array(sample_weight, name="sample_weight")
    if given.shape != (n_texts,):
        raise InputError(
            f"Expected sample_weight to be {n_texts:,} numbers, one a text, got shape "
            f"{given.shape}. Give a weight for every text."
        )
    plain = given.tolist()
    values = np.array([_number(value) for value in plain], np.float64)
    wrong = np.flatnonzero(~((values >= 0) & (values <= _LARGEST)))
    if len(wrong):
        raise InputError(
            f"Expected weights of 0 or more, got {plain[wrong[0]]!r} at position "
            f"{show(wrong.tolist())}. Fill them in, or leave these texts out."
        )
    weights = values.astype(np.float32)
    if n_texts and not weights.any():
        raise InputError(
            f"Expected a weight above 0 for some text, got 0 for all {n_texts:,}. Leave "
            "sample_weight out to weigh all texts the same."
        )
    return weights


def _given_weights(spec: Mapping[Any, float], codec: LabelCodec) -> NDArray[np.float64]:
    weights = np.ones(len(codec.labels))
    known: dict[object, int] = {text_of(label): k for k, label in enumerate(codec.labels)}
    known |= {label: k for k, label in enumerate(codec.labels)}
    keys: dict[int, object] = {}
    for key, value in spec.items():
        position = known.get(key)
        if position is None:
            raise InputError(_unknown_key(key, codec))
        if position in keys:
            raise InputError(
                f"Expected one weight a label, got two for {codec.labels[position]!r}: "
                f"{keys[position]!r} and {key!r}. Leave one out."
            )
        number = _number(value)
        if not 0 <= number <= _LARGEST:
            raise InputError(
                f"Expected weights of 0 or more, got {value!r} for {key!r}. Write 1 for a label "
                "that counts as usual."
            )
        keys[position], weights[position] = key, number
    if not weights.any():
        raise InputError(
            "Expected a weight above 0 for some label, got 0 for all of them. Nothing would be "
            "learned."
        )
    return weights


def _unknown_key(key: object, codec: LabelCodec) -> str:
    near = nearest_label(key, codec.labels)
    guess = "" if near is None else f" Did you mean {near!r}?"
    return (
        f"Expected weights for the labels {show(codec.labels)}, got one for {key!r}.{guess} "
        "A label without a weight counts 1."
    )


def _number(value: object) -> float:
    """The value as a float, NaN if it is no number."""
    is_number = isinstance(value, int | float | np.integer | np.floating)
    return float(value) if is_number else math.nan  # type: ignore[arg-type]
