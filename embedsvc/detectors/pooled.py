"""Detectors on pooled features of a pretrained CNN: the whole picture, its quarters, sixteenths.

The features are the mean and the maximum over a region of the CNN's maps at strides 8, 16 and 32.
The mean tells what a region is made of, the maximum whether anything in it sticks out. Regions of
each size are judged among themselves, and a picture by its most unusual region of each size: large
regions know the object, small ones see small defects.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from embedsvc.detectors.base import AnomalyDetector, Pixels
from embedsvc.detectors.learned import Shape, State, part_of
from embedsvc.encoders.image_network import ImageNetwork, load_image_network
from embedsvc.errors import InputError

TAPS = ("stride8", "stride16", "stride32")
GRIDS = (1, 2, 4)
"""Regions a side."""


class PooledDetector(AnomalyDetector):
    """A detector on regional features of a CNN.

    Args:
        model: a backbone out of the catalogue, or "keras:NAME".
        size: as for every detector.
        resize: as for every detector.
        lighting: as for every detector.
        tiles: as for every detector.
        false_alarm_rate: as for every detector.
        folds: as for every detector.
        seed: as for every detector.
    """

    has_maps: ClassVar[bool] = True

    def __init__(
        self,
        *,
        model: str = "efficientnet-lite0",
        size: int | tuple[int, int] = 256,
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
        self.model = model

    @property
    def network(self) -> ImageNetwork:
        """The backbone; loading happens here, once a process."""
        return load_image_network(self.model, taps=TAPS)

    def describe(self) -> dict[str, Any]:
        """The backbone and its weights."""
        return self.network.describe()

    def _check_settings(self) -> None:
        if min(self._tile_size()) < 64:
            raise InputError(
                f"Expected a size of at least 64 for features of a CNN, got {self.size}. "
                "Small pictures are enlarged: leave size as it is."
            )

    def _features(self, pixels: Pixels) -> NDArray[np.float32]:
        """Float32 array of shape (n, 1 + 4 + 16 regions, dim)."""
        maps = self.network.maps(pixels)
        return np.concatenate([_pooled(maps, grid) for grid in GRIDS], axis=1)

    def _learn(self, features: NDArray[Any], labels: NDArray[np.int64]) -> State:
        state: State = {}
        for level, (grid, regions) in enumerate(zip(GRIDS, _levels(features), strict=True)):
            learned = self._learn_level(regions.reshape(-1, regions.shape[-1]), grid=grid)
            state.update({f"level{level}.{name}": value for name, value in learned.items()})
        return state

    def _score(self, features: NDArray[Any], state: State) -> NDArray[np.float64]:
        return _of_pictures(self._by_region(features, state))

    def _maps(self, features: NDArray[Any], state: State) -> NDArray[np.float32]:
        return _of_cells(self._by_region(features, state))

    def _judge(
        self, features: NDArray[Any], state: State
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        scores = self._by_region(features, state)
        return _of_pictures(scores), _of_cells(scores)

    def _by_region(self, features: NDArray[Any], state: State) -> list[NDArray[np.float64]]:
        """Scores of the regions of each size, arrays of shape (n, n_regions)."""
        return [
            self._score_regions(
                regions.reshape(-1, regions.shape[-1]), part_of(state, f"level{level}.")
            ).reshape(regions.shape[:2])
            for level, regions in enumerate(_levels(features))
        ]

    def _state_shapes(self) -> dict[str, Shape]:
        shapes = self._level_shapes()
        return {
            # The number of vectors differs between levels, that of features does not.
            f"level{level}.{name}": tuple(
                f"{length}{level}" if length == "n_vectors" else length for length in shape
            )
            for level in range(len(GRIDS))
            for name, shape in shapes.items()
        }

    @abstractmethod
    def _level_shapes(self) -> dict[str, Shape]:
        """Names and shapes of what `_learn_level` returns."""

    @abstractmethod
    def _learn_level(self, regions: NDArray[Any], *, grid: int) -> State:
        """Learn from regions of one size, shape (n, dim), of which a picture has grid * grid."""

    @abstractmethod
    def _score_regions(self, regions: NDArray[Any], learned: State) -> NDArray[np.float64]:
        """Score regions of one size: (n, dim) to (n,)."""


def _of_pictures(scores: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The most unusual region of each size, averaged over the sizes.

    Not standardized: with fewer pictures than features the spread of training scores is next to
    nothing, and the size that fits best by heart would drown the others.
    """
    most: NDArray[np.float64] = np.mean([regions.max(axis=1) for regions in scores], axis=0)
    return most


def _of_cells(scores: list[NDArray[np.float64]]) -> NDArray[np.float32]:
    """The scores of the smallest regions as a map: coarse, but it tells where to look."""
    return scores[-1].reshape(-1, GRIDS[-1], GRIDS[-1]).astype(np.float32)


def _levels(features: NDArray[Any]) -> list[NDArray[Any]]:
    """Regions by size: arrays of shape (n, n_regions, dim)."""
    ends = np.cumsum([grid * grid for grid in GRIDS])
    return [
        features[:, end - grid * grid : end] for grid, end in zip(GRIDS, ends.tolist(), strict=True)
    ]


def _pooled(maps: dict[str, NDArray[np.float32]], grid: int) -> NDArray[np.float32]:
    """Maxima and means of a grid of regions, float32 of shape (n, grid * grid, dim)."""
    parts = [_regions(maps[tap], grid, np.max) for tap in TAPS]
    parts += [_regions(maps[tap], grid, np.mean) for tap in TAPS[1:]]
    return np.concatenate(parts, axis=-1)


def _regions(values: NDArray[np.float32], grid: int, reduce: Any) -> NDArray[np.float32]:
    rows, columns = (_cuts(length, grid) for length in values.shape[1:3])
    return np.stack(
        [reduce(values[:, row, column], axis=(1, 2)) for row in rows for column in columns], axis=1
    )


def _cuts(length: int, grid: int) -> list[slice]:
    """A side in `grid` stretches, each of at least one cell."""
    edges = [round(i * length / grid) for i in range(grid + 1)]
    return [
        slice(min(a, length - 1), max(b, a + 1)) for a, b in zip(edges, edges[1:], strict=False)
    ]
