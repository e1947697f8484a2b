"""Made pictures for detectors: a woven texture, and the same with something planted in it."""

from __future__ import annotations

import numpy as np

SIDE = 64
PLANTED = (slice(36, 56), slice(8, 28))
"""Rows and columns of what is planted."""


def woven(n: int, *, seed: int = 0) -> np.ndarray:
    """Normal pictures, uint8 of shape (n, 64, 64, 3): each with its own phase, light and noise."""
    generator = np.random.default_rng(seed)
    rows, columns = np.indices((SIDE, SIDE))
    pictures = np.empty((n, SIDE, SIDE, 3), np.uint8)
    for picture in pictures:
        across, down = generator.uniform(0, 2 * np.pi, 2)
        pattern = np.sin(2 * np.pi * columns / 8 + across) + np.sin(2 * np.pi * rows / 16 + down)
        level = 120 + generator.normal(0, 4) + 22 * pattern
        colours = level[..., None] * (1.0, 0.95, 0.85)
        picture[:] = np.clip(colours + generator.normal(0, 8, colours.shape), 0, 255)
    return pictures


def planted(n: int, *, seed: int = 1) -> np.ndarray:
    """Anomalous pictures: in a square of each stands a bright, finely checked texture."""
    pictures = woven(n, seed=seed)
    rows, columns = np.indices((20, 20))
    checks = np.where((rows // 3 + columns // 3) % 2, 250, 30).astype(np.uint8)
    pictures[:, *PLANTED] = checks[..., None]
    return pictures
