"""PatchCore: a memory of normal patches, and the distance of each new patch to it.

Source: Roth et al.: Towards total recall in industrial anomaly detection, 2022,
https://arxiv.org/abs/2106.08265. Deviations, measured to help with small backbones: features are
standardized by channel and every tap counts the same, however many channels it has; neighbouring
patches are not averaged unless asked; a picture is judged by the mean of its most unusual patches
instead of one patch reweighted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy.special import softmax

from embedsvc.detectors.base import AnomalyDetector, Pixels
from embedsvc.detectors.coreset import greedy_coreset
from embedsvc.detectors.learned import Shape, State
from embedsvc.detectors.nearest import nearest_distances
from embedsvc.encoders.image_network import ImageNetwork, load_image_network
from embedsvc.errors import InputError
from embedsvc.vectors.sampling import some_rows

IMAGE_SCORES = ("top", "max", "reweighted")
_MOST_PATCHES = 100_000


class PatchCore(AnomalyDetector):
    """Distances of patches to a bank of normal ones: finds small defects, and shows where.

    Args:
        model: a backbone out of the catalogue, or "keras:NAME".
        taps: outputs of the backbone that are put together, at the resolution of the finest.
        neighbourhood: patches a side that are averaged with their neighbours; 1 for none.
        bank_size: patches kept, chosen so that no normal patch is far from all of them.
        n_neighbours: a patch's score is its mean distance to so many patches of the bank.
        image_score: from patches to a picture: "top" is the mean of the highest share `top`,
            "max" the highest, "reweighted" the highest as the paper weights it.
        top: the share of patches for "top".
        size: as for every detector.
        resize: as for every detector.
        lighting: as for every detector.
        tiles: as for every detector.
        false_alarm_rate: as for every detector.
        folds: as for every detector.
        seed: as for every detector.

    Example:
        >>> detector = PatchCore().fit(good_images)
        >>> detector.anomaly_map(images).shape
        (2, 32, 32)
    """

    kind: ClassVar[str] = "patchcore"
    has_maps: ClassVar[bool] = True
    # Patches of all training images are in memory at once: 0.7 GB for so many of 256 pixels.
    max_images: ClassVar[int | None] = 500

    def __init__(
        self,
        *,
        model: str = "efficientnet-lite0",
        taps: Sequence[str] = ("stride8", "stride16", "stride32"),
        neighbourhood: int = 1,
        bank_size: int = 4000,
        n_neighbours: int = 1,
        image_score: str = "top",
        top: float = 0.01,
        size: int | tuple[int, int] = 256,
        resize: str = "stretch",
        lighting: str = "keep",
        tiles: int = 1,
        false_alarm_rate: float | None = None,
        folds: int = 4,
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
        self.taps = taps
        self.neighbourhood = neighbourhood
        self.bank_size = bank_size
        self.n_neighbours = n_neighbours
        self.image_score = image_score
        self.top = top

    @property
    def network(self) -> ImageNetwork:
        """The backbone; loading happens here, once a process."""
        return load_image_network(self.model, taps=tuple(self.taps))

    def describe(self) -> dict[str, Any]:
        """The backbone and its weights."""
        return self.network.describe()

    def _check_settings(self) -> None:
        if self.image_score not in IMAGE_SCORES:
            raise InputError(
                f"Expected image_score to be one of {', '.join(IMAGE_SCORES)}, got "
                f"{self.image_score!r}."
            )
        if not 0 < self.top <= 1:
            raise InputError(f"Expected top above 0 and at most 1, got {self.top}.")
        for name in ("neighbourhood", "bank_size", "n_neighbours"):
            value = getattr(self, name)
            if value < 1:
                raise InputError(f"Expected {name} to be at least 1, got {value!r}.")
        if self.neighbourhood % 2 == 0:
            raise InputError(f"Expected neighbourhood to be odd, got {self.neighbourhood}.")
        if not self.taps:
            raise InputError(f"Expected taps to be one or more names, got {self.taps!r}.")

    def _state_shapes(self) -> dict[str, Shape]:
        return {"mean": ("dim",), "spread": ("dim",), "bank": ("n_patches", "dim")}

    def _features(self, pixels: Pixels) -> NDArray[np.float32]:
        """Float32 array of shape (n, rows, columns, dim): a patch a cell of the finest tap."""
        maps = self.network.maps(pixels)
        finest = max((m.shape[1:3] for m in maps.values()), key=lambda shape: shape[0])
        return np.concatenate(
            [
                _resized(_averaged(maps[tap], self.neighbourhood), (finest[0], finest[1]))
                for tap in self.taps
            ],
            axis=-1,
        )

    def _learn(self, features: NDArray[Any], labels: NDArray[np.int64]) -> State:
        patches = some_rows(features.reshape(-1, features.shape[-1]), _MOST_PATCHES, seed=self.seed)
        mean = patches.mean(axis=0, dtype=np.float64)
        spread = patches.std(axis=0, dtype=np.float64)
        spread = np.maximum(spread, max(1e-6, 1e-3 * float(np.median(spread))))
        spread *= self._tap_sizes()
        state = {"mean": mean.astype(np.float32), "spread": spread.astype(np.float32)}
        standardized = _standardized(patches, state)
        size = min(self.bank_size, len(standardized))
        chosen = greedy_coreset(standardized, size, seed=self.seed)
        return {**state, "bank": standardized[np.sort(chosen)]}

    def _score(self, features: NDArray[Any], state: State) -> NDArray[np.float64]:
        return self._image_scores(features, self._distances(features, state), state)

    def _maps(self, features: NDArray[Any], state: State) -> NDArray[np.float32]:
        return _means(self._distances(features, state))

    def _judge(
        self, features: NDArray[Any], state: State
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        distances = self._distances(features, state)
        return self._image_scores(features, distances, state), _means(distances)

    def _image_scores(
        self, features: NDArray[Any], distances: NDArray[np.float32], state: State
    ) -> NDArray[np.float64]:
        """From the distances of patches to a score a picture, as `image_score` says."""
        patches = distances.mean(axis=-1, dtype=np.float64).reshape(len(features), -1)
        if self.image_score == "max":
            return np.asarray(patches.max(axis=1))
        if self.image_score == "top":
            count = max(1, round(self.top * patches.shape[1]))
            highest = np.partition(patches, -count, axis=1)[:, -count:]
            return np.asarray(np.sort(highest, axis=1).mean(axis=1))
        return self._reweighted(features, patches, state)

    def _tap_sizes(self) -> NDArray[np.float64]:
        """For each channel, the root of the number of channels of its tap; shape (dim,)."""
        channels = [self.network.channels[tap] for tap in self.taps]
        return np.sqrt(np.repeat(channels, channels).astype(np.float64))

    def _distances(self, features: NDArray[Any], state: State) -> NDArray[np.float32]:
        """Of each patch to its nearest of the bank, shape (n, rows, columns, n_neighbours)."""
        rows = _standardized(features.reshape(-1, features.shape[-1]), state)
        distances = nearest_distances(rows, state["bank"], n_neighbours=self._k(state))
        return distances.reshape(*features.shape[:3], -1)

    def _k(self, state: State) -> int:
        return min(self.n_neighbours, len(state["bank"]))

    def _reweighted(
        self, features: NDArray[Any], patches: NDArray[np.float64], state: State
    ) -> NDArray[np.float64]:
        """The paper's equation 7: more weight where other normal patches are farther still.

        The others are those nearest to the picture's own patch, not those nearest to its nearest
        patch; distances are divided by the root of the number of taps, each of which has a variance
        of about 1, as one large distance would decide alone.
        """
        worst = patches.argmax(axis=1)
        rows = features.reshape(len(features), -1, features.shape[-1])
        queries = _standardized(rows[np.arange(len(rows)), worst], state)
        k = min(9, len(state["bank"]))
        near = nearest_distances(queries, state["bank"], n_neighbours=k).astype(np.float64)
        if k == 1:
            return np.asarray(near[:, 0])
        shares = softmax(near / np.sqrt(len(self.taps)), axis=1)
        return np.asarray((1 - shares[:, 0]) * near[:, 0])


def _standardized(rows: NDArray[Any], state: State) -> NDArray[np.float32]:
    return np.asarray((rows - state["mean"]) / state["spread"], np.float32)


def _means(distances: NDArray[np.float32]) -> NDArray[np.float32]:
    maps: NDArray[np.float32] = distances.mean(axis=-1)
    return maps


def _averaged(maps: NDArray[np.float32], neighbourhood: int) -> NDArray[np.float32]:
    if neighbourhood == 1:
        return maps
    averaged: NDArray[np.float32] = tf.nn.avg_pool2d(
        maps, neighbourhood, strides=1, padding="SAME"
    ).numpy()
    return averaged


def _resized(maps: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    if maps.shape[1:3] == size:
        return maps
    resized: NDArray[np.float32] = tf.image.resize(maps, size, method="bilinear").numpy()
    return resized
