"""The baseline: HOG and a one-class SVM, no deep learning."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from embedsvc.detectors.base import AnomalyDetector, Pixels
from embedsvc.detectors.learned import Shape, State
from embedsvc.detectors.svm import SHAPES, fit_one_class_svm, one_class_scores
from embedsvc.errors import InputError
from embedsvc.images.hog import hog_features


class Hog(AnomalyDetector):
    """Histograms of oriented gradients with a one-class SVM: what deep learning has to beat.

    Args:
        nu: 0 to 1, the share of training images that may lie outside.
        cell: pixels a side of a histogram's cell.
        size: as for every detector; 128 px is what HOG is good at.
        resize: as for every detector.
        lighting: as for every detector.
        tiles: as for every detector.
        false_alarm_rate: as for every detector.
        folds: as for every detector.
        seed: as for every detector.

    Source:
        Dalal, Triggs: Histograms of oriented gradients for human detection, 2005.
    """

    kind: ClassVar[str] = "hog"

    def __init__(
        self,
        *,
        nu: float = 0.1,
        cell: int = 16,
        size: int | tuple[int, int] = 128,
        resize: str = "stretch",
        lighting: str = "keep",
        tiles: int = 1,
        false_alarm_rate: float | None = None,
        folds: int = 5,
        seed: int = 0,
    ) -> None:
        super().__init__(
            size=size,
            resize=resize,
            lighting=lighting,
            tiles=tiles,
            false_alarm_rate=false_alarm_rate,
            folds=folds,
            seed=seed,
        )
        self.nu = nu
        self.cell = cell

    def _check_settings(self) -> None:
        if not 0 < self.nu <= 1:
            raise InputError(f"Expected nu above 0 and at most 1, got {self.nu}.")
        if self.cell < 2 or 2 * self.cell > min(self._tile_size()):
            raise InputError(
                f"Expected cells from 2 pixels to half of the size, got {self.cell} for a size "
                f"of {self.size}."
            )

    def _state_shapes(self) -> dict[str, Shape]:
        return {"mean": ("dim",), **SHAPES}

    def _features(self, pixels: Pixels) -> NDArray[np.float32]:
        return hog_features(pixels, cell=self.cell)

    def _learn(self, features: NDArray[Any], labels: NDArray[np.int64]) -> State:
        mean = features.mean(axis=0, dtype=np.float64)
        # scikit-learn's gamma="scale", written down so that it is saved.
        gamma = 1 / (features.shape[1] * max(float(features.var()), 1e-12))
        rows = np.asarray(features, np.float64) - mean
        return {"mean": mean, **fit_one_class_svm(rows, nu=self.nu, gamma=gamma, seed=self.seed)}

    def _score(self, features: NDArray[Any], state: State) -> NDArray[np.float64]:
        return one_class_scores(np.asarray(features, np.float64) - state["mean"], state)
