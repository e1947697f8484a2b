"""Mahalanobis distance on pooled features of a CNN: cheap, and hard to beat."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from embedsvc.detectors.learned import Shape, State
from embedsvc.detectors.pooled import PooledDetector
from embedsvc.detectors.whitening import SHAPES, fit_whitening, whiten


class Gaussian(PooledDetector):
    """Distance from the normal images, in the spread they have themselves.

    One Gaussian for each size of region, its covariance shrunk as Ledoit and Wolf do; the score is
    the logarithm of the Mahalanobis distance. The settings are those of every detector and `model`,
    the backbone.

    Example:
        >>> detector = Gaussian().fit(good_images)
        >>> detector.predict(images)
        array([0, 1])

    Source:
        Rippel, Mertens, Merhof 2021, https://arxiv.org/abs/2005.14140.
    """

    kind: ClassVar[str] = "gaussian"

    def _level_shapes(self) -> dict[str, Shape]:
        return SHAPES

    def _learn_level(self, regions: NDArray[Any], *, grid: int) -> State:
        del grid
        mean, projection = fit_whitening(regions, seed=self.seed)
        return {"mean": mean, "projection": projection}

    def _score_regions(self, regions: NDArray[Any], learned: State) -> NDArray[np.float64]:
        return mahalanobis(regions, learned)


def mahalanobis(regions: NDArray[Any], learned: State) -> NDArray[np.float64]:
    """Logarithm of the squared distance: (n, dim) to (n,)."""
    whitened = whiten(regions, learned["mean"], learned["projection"])
    logarithms: NDArray[np.float64] = np.log(np.square(whitened).sum(axis=1) + 1e-12)
    return logarithms
