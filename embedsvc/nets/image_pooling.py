"""From a map of a picture to one vector."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

IMAGE_POOLINGS = ("mean", "gem", "max")
GEM_FLOOR = 1e-6


def pool_maps(maps: NDArray[np.float32], *, pooling: str) -> NDArray[np.float32]:
    """Pool each channel over the positions of its map.

    Args:
        maps: float32 array of shape (n_images, height, width, channels).
        pooling: "mean"; "max"; or "gem", the generalized mean with power 3, which lies between
            the two. It is meant for maps after a ReLU: values below 1e-6 count as 1e-6.

    Returns:
        Float32 array of shape (n_images, channels). A picture's vector does not depend on the
        others.

    Source:
        Generalized mean: Radenovic, Tolias and Chum 2018, https://arxiv.org/abs/1711.02512
    """
    if pooling not in IMAGE_POOLINGS:
        raise ValueError(f"Expected pooling out of {', '.join(IMAGE_POOLINGS)}, got {pooling!r}.")
    if pooling == "max":
        pooled: NDArray[np.float32] = maps.max(axis=(1, 2))
    elif pooling == "mean":
        pooled = maps.mean(axis=(1, 2))
    else:
        floored = np.maximum(maps, np.float32(GEM_FLOOR))
        pooled = np.cbrt((floored * floored * floored).mean(axis=(1, 2)))
    return pooled


def unit_rows(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale each row to length 1; a row of zeros stays as it is.

    Args:
        vectors: float32 array of shape (n, dim).

    Returns:
        Float32 array of shape (n, dim).
    """
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    norms[norms == 0] = 1
    unit: NDArray[np.float32] = vectors / norms
    return unit
