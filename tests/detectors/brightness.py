"""A detector that looks at brightness alone, to see what all of them have from their base."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from embedsvc.detectors.base import AnomalyDetector
from embedsvc.detectors.learned import Shape, State


class Brightness(AnomalyDetector):
    """Scores a picture by how far its mean brightness is from that of the normal ones."""

    kind: ClassVar[str] = "brightness"
    has_maps: ClassVar[bool] = True

    def __init__(
        self,
        *,
        size: int | tuple[int, int] = 8,
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
        self.learned: list[list[int]] = []

    def _state_shapes(self) -> dict[str, Shape]:
        return {"mean": (1,)}

    def _features(self, pixels: np.ndarray) -> np.ndarray:
        return pixels.mean(axis=3)

    def _learn(self, features: np.ndarray, labels: np.ndarray) -> State:
        means = features.mean(axis=(1, 2))
        self.learned.append(np.rint(means).astype(int).tolist())
        return {"mean": means.mean(keepdims=True)}

    def _score(self, features: np.ndarray, state: State) -> np.ndarray:
        return np.abs(features.mean(axis=(1, 2)) - state["mean"])

    def _maps(self, features: np.ndarray, state: State) -> np.ndarray:
        return np.abs(features - state["mean"]).astype(np.float32)


class Few(Brightness):
    max_images: ClassVar[int | None] = 10


class Supervised(Brightness):
    needs_anomalies: ClassVar[bool] = True


def grey(*levels: int) -> list[np.ndarray]:
    """A flat picture of each level."""
    return [np.full((8, 8, 3), level, np.uint8) for level in levels]


NORMAL = grey(*range(100, 125))
