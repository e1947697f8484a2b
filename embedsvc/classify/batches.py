"""Training batches: shuffled, of texts of similar length, and the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from embedsvc.text.buckets import pad

Arrays = Mapping[str, NDArray[Any]]

TOKENS = ("token_ids", "segment_ids", "attention_mask")

# Batches that are shuffled together before their texts are sorted by length: enough that little is
# computed for padding, and few enough that a batch is still drawn from everywhere.
_POOL_BATCHES = 32


@dataclass(frozen=True)
class TrainingTexts:
    """Tokenized texts with all that a loss may need of them.

    Attributes:
        sequences: token ids of each text, special tokens included.
        arrays: whatever else a batch holds, such as targets and weights; each with a row a text.
    """

    sequences: Sequence[Sequence[int]]
    arrays: Arrays
    lengths: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        lengths = np.fromiter(map(len, self.sequences), np.int64, count=len(self.sequences))
        object.__setattr__(self, "lengths", lengths)

    def __len__(self) -> int:
        return len(self.sequences)

    def signature(self) -> dict[str, tf.TensorSpec]:
        """What a batch of any size and length looks like."""
        tokens = {name: tf.TensorSpec([None, None], tf.int32, name=name) for name in TOKENS}
        return {**tokens, **_signature(self.arrays)}

    def batch(self, rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """One batch: `token_ids`, `segment_ids` and `attention_mask`, and the other arrays."""
        token_ids = pad([list(self.sequences[row]) for row in rows])
        mask = np.arange(token_ids.shape[1]) < self.lengths[rows, np.newaxis]
        return {
            "token_ids": token_ids,
            "segment_ids": np.zeros_like(token_ids),
            "attention_mask": mask.astype(np.int32),
            **{name: values[rows] for name, values in self.arrays.items()},
        }

    def plan(
        self, rows: NDArray[np.int64], *, batch_size: int, seed: int, epoch: int
    ) -> Iterator[NDArray[np.int64]]:
        """The rows of each batch of an epoch.

        Args:
            rows: those that are learned from.
            batch_size: texts a batch.
            seed: the same seed and epoch give the same batches.
            epoch: its number.
        """
        rng = np.random.default_rng((seed, epoch))
        order = rng.permutation(rows)
        pool = batch_size * _POOL_BATCHES
        batches = [
            part[start : start + batch_size]
            for first in range(0, len(order), pool)
            for part in [_by_length(order[first : first + pool], self.lengths)]
            for start in range(0, len(part), batch_size)
        ]
        for number in rng.permutation(len(batches)):
            yield batches[number]


@dataclass(frozen=True)
class TrainingVectors:
    """Vectors computed once, with all that a loss may need of them.

    Attributes:
        arrays: `embedding` of shape (n_texts, dim) and whatever else a batch holds.
    """

    arrays: Arrays

    def __len__(self) -> int:
        return len(self.arrays["embedding"])

    def signature(self) -> dict[str, tf.TensorSpec]:
        """What a batch of any size looks like."""
        return _signature(self.arrays)

    def batch(self, rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """One batch."""
        return {name: values[rows] for name, values in self.arrays.items()}

    def plan(
        self, rows: NDArray[np.int64], *, batch_size: int, seed: int, epoch: int
    ) -> Iterator[NDArray[np.int64]]:
        """The rows of each batch of an epoch, as `TrainingTexts.plan` has them."""
        order = np.random.default_rng((seed, epoch)).permutation(rows)
        for start in range(0, len(order), batch_size):
            yield order[start : start + batch_size]


def _signature(arrays: Arrays) -> dict[str, tf.TensorSpec]:
    return {
        name: tf.TensorSpec([None, *values.shape[1:]], values.dtype, name=name)
        for name, values in arrays.items()
    }


def _by_length(rows: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return rows[np.argsort(lengths[rows], kind="stable")]
