"""Batches of texts of nearly the same length, so that little is computed for padding."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def plan_batches(lengths: NDArray[np.int64], *, batch_tokens: int) -> list[NDArray[np.int64]]:
    """Group texts by length under a budget of padded tokens a batch.

    Texts are sorted by length and cut into batches; each batch is as long as its longest text.
    The longest come first, so that a batch too large for memory fails at once and the workers
    end together.

    Args:
        lengths: tokens of each text, shape (n_texts,).
        batch_tokens: most padded tokens a batch; a single longer text is a batch of its own.

    Returns:
        Index arrays into `lengths` that together hold every index once.

    Example:
        >>> [batch.tolist() for batch in plan_batches(np.array([3, 9, 4]), batch_tokens=10)]
        [[1], [2, 0]]
    """
    order = np.argsort(-lengths, kind="stable")
    batches = []
    start = 0
    while start < len(order):
        size = max(1, batch_tokens // int(lengths[order[start]]))
        batches.append(order[start : start + size])
        start += size
    return batches


def pad(sequences: list[list[int]], *, pad_id: int = 0) -> NDArray[np.int32]:
    """Write sequences of token ids into one array, padded at the end.

    Returns:
        int32 array of shape (n_sequences, longest length).
    """
    lengths = np.fromiter(map(len, sequences), dtype=np.int64, count=len(sequences))
    padded = np.full((len(sequences), lengths.max(initial=0)), pad_id, dtype=np.int32)
    for row, sequence in zip(padded, sequences, strict=True):
        row[: len(sequence)] = sequence
    return padded
