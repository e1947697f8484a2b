"""One-class SVM on pooled features of a CNN."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from embedsvc.detectors.learned import Shape, State
from embedsvc.detectors.pooled import PooledDetector
from embedsvc.detectors.svm import SHAPES as SVM_SHAPES
from embedsvc.detectors.svm import fit_one_class_svm, one_class_scores
from embedsvc.detectors.whitening import SHAPES as WHITENING_SHAPES
from embedsvc.detectors.whitening import fit_whitening, whiten
from embedsvc.errors import InputError
from embedsvc.vectors.sampling import some_rows

_MOST_PICTURES = 50_000
_MOST_REGIONS = 4_000
_LEAST_INSIDE = 1e-6


class OneClassSVM(PooledDetector):
    """A one-class SVM around the normal images' whitened features.

    Plain pooled features lose to HOG, as a few directions of large variance drown all others;
    whitened by a shrunk covariance they win. There is one SVM for each size of region. The settings
    are those of every detector and these.

    Args:
        model: a backbone out of the catalogue, or "keras:NAME".
        nu: 0 to 1, the share of training images that may lie outside.
        gamma: of the radial kernel, times the number of features.
        size: as for every detector.
        resize: as for every detector.
        lighting: as for every detector.
        tiles: as for every detector.
        false_alarm_rate: as for every detector.
        folds: as for every detector.
        seed: as for every detector.

    Example:
        >>> detector = OneClassSVM().fit(good_images)
        >>> detector.anomaly_score(images)
        array([-0.31,  4.72])
    """

    kind: ClassVar[str] = "ocsvm"

    def __init__(
        self,
        *,
        model: str = "efficientnet-lite0",
        nu: float = 0.1,
        gamma: float = 0.1,
        size: int | tuple[int, int] = 256,
        resize: str = "stretch",
        lighting: str = "keep",
        tiles: int = 1,
        false_alarm_rate: float | None = None,
        folds: int = 5,
        seed: int = 0,
    ) -> None:
        super().__init__(
            model=model,
            size=size,
            resize=resize,
            lighting=lighting,
            tiles=tiles,
            false_alarm_rate=false_alarm_rate,
            folds=folds,
            seed=seed,
        )
        self.nu = nu
        self.gamma = gamma

    def _check_settings(self) -> None:
        super()._check_settings()
        if not 0 < self.nu <= 1 or not self.gamma > 0:
            raise InputError(
                f"Expected nu above 0 and at most 1 and gamma above 0, got {self.nu} and "
                f"{self.gamma}."
            )

    def _level_shapes(self) -> dict[str, Shape]:
        return {**WHITENING_SHAPES, **SVM_SHAPES}

    def _learn_level(self, regions: NDArray[Any], *, grid: int) -> State:
        mean, projection = fit_whitening(regions, seed=self.seed)
        # Neighbouring regions are much alike, and the time of an SVM is quadratic.
        most = _MOST_PICTURES if grid == 1 else _MOST_REGIONS
        rows = whiten(some_rows(regions, most, seed=self.seed), mean, projection)
        svm = fit_one_class_svm(
            rows, nu=self.nu, gamma=self.gamma / regions.shape[1], seed=self.seed
        )
        return {"mean": mean, "projection": projection, **svm}

    def _score_regions(self, regions: NDArray[Any], learned: State) -> NDArray[np.float64]:
        """Minus the logarithm of the kernel sum, which is 0 at the border of the SVM.

        Region sizes share this unit, a tenth of the squared distance a feature, and are averaged.
        """
        rows = whiten(regions, learned["mean"], learned["projection"])
        inside = 1 + one_class_scores(rows, learned) / learned["offset"][0]
        return np.asarray(-np.log(np.maximum(inside, _LEAST_INSIDE)), np.float64)
