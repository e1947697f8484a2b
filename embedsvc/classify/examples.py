"""Texts with all that is known of them, and which are learned from and which are held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embedsvc.classify.batches import TOKENS, Arrays
from embedsvc.errors import InputError
from embedsvc.evaluation.stratify import stratified_holdout

_TAKEN = (*TOKENS, "embedding", "targets", "weights")
# Fewer texts are all needed to learn from.
_HELD_OUT_FROM = 10


@dataclass(frozen=True)
class Examples:
    """What is trained with.

    Attributes:
        texts: those to learn from and those held out.
        arrays: `targets`, `weights` and whatever extra losses need, each with a row a text.
        training: rows to learn from.
        held: rows held out; empty where none are.
        n_given: texts given to learn from; those behind them came as validation.
    """

    texts: list[str]
    arrays: Arrays
    training: NDArray[np.int64]
    held: NDArray[np.int64]
    n_given: int

    @property
    def was_split(self) -> bool:
        """Whether the held-out texts are some of those given to learn from."""
        return len(self.held) > 0 and int(self.held[0]) < self.n_given

    def held_targets(self) -> NDArray[Any]:
        """What is true of the held-out texts."""
        return self.arrays["targets"][self.held]

    def held_positions(self) -> NDArray[np.int64]:
        """Where the held-out texts stand among those given as what they are."""
        return self.held if self.was_split else self.held - self.n_given


def split_examples(
    texts: list[str], arrays: Arrays, *, fraction: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows to learn from and rows to hold out, every label in both as far as that is possible."""
    if fraction == 0 or len(texts) < _HELD_OUT_FROM:
        return np.arange(len(texts)), np.empty(0, np.int64)
    return stratified_holdout(arrays["targets"], fraction, seed=seed)


def check_texts(texts: Sequence[Any], name: str) -> list[str]:
    """Texts as a list.

    Raises:
        InputError: one string, no text at all, or something that is no string.
    """
    if isinstance(texts, str):
        raise InputError(
            f"Expected {name} to be a list of texts, got one string, {texts[:40]!r}. "
            "Put it in a list."
        )
    found = list(texts)
    if not found:
        raise InputError(f"Expected {name} to hold at least one text, got none.")
    for i, text in enumerate(found):
        if not isinstance(text, str):
            raise InputError(
                f"Expected {name} to be strings, got {type(text).__name__} ({text!r:.40}) at "
                f"position {i}. Drop it or convert it to str."
            )
    return found


def check_extra(extra: Mapping[str, ArrayLike] | None, n_texts: int) -> Arrays:
    """Arrays for extra losses.

    Raises:
        InputError: a name that is taken, another number of rows, or no numbers.
    """
    arrays = {name: np.asarray(values) for name, values in (extra or {}).items()}
    for name, values in arrays.items():
        if name in _TAKEN:
            raise InputError(
                f"Expected extra arrays of other names than {', '.join(_TAKEN)}, which a batch "
                f"holds already; got {name!r}. Rename it."
            )
        if values.ndim == 0 or len(values) != n_texts or values.dtype.kind not in "biuf":
            raise InputError(
                f"Expected extra array {name!r} to hold numbers, a row for each of {n_texts} "
                f"texts, got {values.dtype} of shape {values.shape}."
            )
    return {
        name: values.astype(np.float32) if values.dtype.kind == "f" else values
        for name, values in arrays.items()
    }
