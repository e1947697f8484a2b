"""Short rows whose cosines are never below those of the vectors they stand for.

Of a vector of length 1 the components along some directions are kept, and all the rest becomes one
number, its length. By Cauchy and Schwarz x.y = x1.y1 + x2.y2 <= x1.y1 + |x2| |y2|, which is the
cosine of the short rows. Whatever they show to be too far apart is so: nothing that is near gets
lost. Along the directions in which vectors vary most a few dozen components are enough to tell
nearly all pairs apart; where no direction is better than another, a fifth of them does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

ROUNDING = 1e-5
"""By how much float32 may get the cosine of two short rows wrong, amply."""

_LENGTHS = (16, 32, 48, 64, 96, 128, 192)
_SAMPLE = 4096
_QUERIES = 512
# Nanoseconds of one core: of a product, of each of its components, of a pair looked at in full.
_PRODUCT, _COMPONENT, _PAIR = 0.4, 0.013, 1000.0


@dataclass(frozen=True)
class Shortening:
    """How rows are shortened.

    Attributes:
        directions: orthonormal columns, float32 of shape (dim, n_directions); None leaves rows as
            they are, where shortening does not pay.
    """

    directions: NDArray[np.float32] | None

    def shorten(self, units: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rows of length 1, (n, dim), to rows of length 1, (n, n_directions + 1)."""
        if self.directions is None:
            return units
        kept = units @ self.directions
        # From differences: one minus a square would lose half of the digits.
        rest = units - kept @ self.directions.T
        lengths = np.sqrt(np.einsum("nd,nd->n", rest, rest))
        return np.concatenate([kept, lengths[:, np.newaxis]], axis=1)


def fit_shortening(units: NDArray[np.float32], *, threshold: float, seed: int) -> Shortening:
    """Choose directions that tell as many pairs as possible apart at the least cost.

    Args:
        units: rows of length 1, or some thousands of them, float32 of shape (n, dim).
        threshold: pairs of at least this cosine have to be looked at in full.
        seed: of the sample and the directions.
    """
    generator = np.random.default_rng(seed)
    # What pays is judged on rows that the directions were not learned from.
    chosen = generator.permutation(len(units))[: 2 * _SAMPLE]
    sample, judged = units[chosen[::2]], units[chosen[1::2]]
    dim = units.shape[1]
    most = min(_LENGTHS[-1], *sample.shape)
    plain = _PRODUCT + _COMPONENT * dim
    _, _, turned = randomized_svd(sample.astype(np.float64), most, random_state=seed)
    directions = np.asarray(turned.T, np.float32)  # the most important first
    best, cost = Shortening(None), plain
    for length in _LENGTHS:
        if length > most or length >= dim:
            break
        tried = Shortening(np.ascontiguousarray(directions[:, :length]))
        rows = tried.shorten(judged)
        near = rows[:_QUERIES] @ rows[_QUERIES:].T >= threshold
        share = near.mean() if near.size else 1.0
        needed = _PRODUCT + _COMPONENT * length + _PAIR * share
        if needed < cost:
            best, cost = tried, needed
    return best
