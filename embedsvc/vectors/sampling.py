"""A random part of many rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def some_rows(rows: NDArray[Any], most: int, *, seed: int) -> NDArray[Any]:
    """At most so many rows, drawn by the seed, in the order they came; all if they are no more.

    Args:
        rows: array of shape (n, ...).
        most: how many at most.
        seed: equal seeds draw equal rows.

    Returns:
        Array of shape (min(n, most), ...); `rows` itself where nothing is left out.
    """
    if len(rows) <= most:
        return rows
    chosen = np.random.default_rng(seed).choice(len(rows), most, replace=False)
    return rows[np.sort(chosen)]
