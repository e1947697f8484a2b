"""Checks of vectors, the same for everything that is computed from them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embedsvc.errors import InputError

_BLOCK = 65_536
# Of a whole row; products of longer ones come near to what float32 holds.
_LARGEST_SQUARE = 1e30


def check_vectors(vectors: ArrayLike, *, name: str = "vectors", least: int = 0) -> NDArray[Any]:
    """Check that vectors are a matrix of finite numbers.

    Args:
        vectors: numbers of shape (n, dim); a memory map is read in blocks.
        name: what messages call them.
        least: the fewest rows that are of use.

    Returns:
        Float32 array of shape (n, dim); the very same one where it was such.

    Raises:
        InputError: another shape, no numbers, NaN, infinity, numbers from 1e15 on, or too few rows.
    """
    try:
        found = np.asanyarray(vectors)
    except ValueError as err:  # Rows of different lengths.
        raise InputError(
            f"Expected {name} of shape (n, dim), got rows of different lengths. "
            "Encode all of them with the same model."
        ) from err
    if found.ndim != 2 or not found.shape[1]:
        raise InputError(
            f"Expected {name} of shape (n, dim), got the shape {found.shape}. "
            "Pass one row a text or image."
        )
    if found.dtype.kind not in "fiu":
        raise InputError(
            f"Expected {name} to be numbers, got the type {found.dtype}. Convert them to float32."
        )
    if len(found) < least:
        raise InputError(f"Expected at least {least} {name}, got {len(found)}. Give more of them.")
    with np.errstate(over="ignore"):
        checked = found.astype(np.float32, copy=False)
    bad = bad_rows(checked)
    if len(bad):
        raise InputError(
            f"Expected finite numbers below 1e15, got NaN, infinite or larger ones in {len(bad):,} "
            f"of {len(checked):,} {name}, the first in row {bad[0]:,} (counted from 0). Leave "
            "those rows out, or look at what made them."
        )
    return checked


def bad_rows(vectors: NDArray[Any]) -> NDArray[np.int64]:
    """The rows that hold NaN, infinity or numbers too large to be multiplied; shape (n_bad,)."""
    parts = []
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(vectors), _BLOCK):
            block = np.asarray(vectors[start : start + _BLOCK], np.float32)
            squares = np.einsum("nd,nd->n", block, block)
            # A comparison with NaN is false.
            parts.append(start + np.flatnonzero(~(squares < _LARGEST_SQUARE)))
    return np.concatenate([np.empty(0, np.int64), *parts])


def unit_rows(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """Vectors scaled to length 1, float32; a row of zeros stays zeros, similar to nothing."""
    # In half precision squares overflow; in single precision those of tiny vectors are 0.
    rows = np.array(vectors, np.float32)
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        largest = np.abs(block).max(axis=1, keepdims=True, initial=0)
        block /= np.where(largest > 0, largest, 1)
        lengths = np.sqrt(np.einsum("nd,nd->n", block, block))[:, np.newaxis]
        block /= np.where(lengths > 0, lengths, 1)
    return rows


def check_same_dim(queries: NDArray[Any], vectors: NDArray[Any]) -> None:
    """Check that two sets of vectors can be compared.

    Raises:
        InputError: they have different numbers of components.
    """
    if queries.shape[1] != vectors.shape[1]:
        raise InputError(
            "Expected queries and vectors of shapes (n, dim) with the same dim, got "
            f"{queries.shape} and {vectors.shape}. Encode both with the same model."
        )
