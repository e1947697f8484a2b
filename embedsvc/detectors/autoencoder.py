"""Anomalies by reconstruction: what an autoencoder has never seen, it draws wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from embedsvc.detectors.base import AnomalyDetector, Pixels
from embedsvc.detectors.learned import State, part_of
from embedsvc.errors import InputError
from embedsvc.nets.autoencoder import AutoencoderConfig
from embedsvc.nets.autoencoder_residuals import (
    ResidualStatistics,
    anomaly_maps,
    reconstructor,
    residual_scores,
    residual_statistics,
)
from embedsvc.nets.autoencoder_training import TrainingOptions, train_autoencoder
from embedsvc.progress import progress_bar

_WEIGHTS = "weights/"
_STATISTICS = ("mean", "deviation", "peak_mean", "peak_deviation")


class Autoencoder(AnomalyDetector):
    """A convolutional autoencoder trained on the normal images; needs no pretrained weights.

    The residual, structural dissimilarity and difference, is compared with what is usual at its
    position. Best on parts that are always photographed the same way.

    Args:
        latent: channels of the bottleneck.
        activity_penalty: weight of an L1 penalty on the bottleneck's activations.
        denoising: share of each picture that is hidden and has to be drawn all the same.
        epochs: the most passes over the images; None suits their number. Training stops when
            images held aside are not drawn better any more, and keeps the best.
        time_limit: seconds, or None. With it results depend on the speed of the machine.
        size: as for every detector.
        resize: as for every detector.
        lighting: as for every detector.
        tiles: as for every detector.
        false_alarm_rate: as for every detector.
        folds: as for every detector; each fold trains a network.
        seed: as for every detector.

    Example:
        >>> detector = Autoencoder().fit(good_images, show_progress=True)
        >>> detector.anomaly_map(images).shape
        (2, 128, 128)

    Source:
        Bergmann et al.: Improving unsupervised defect segmentation by applying structural
        similarity to autoencoders, 2019, https://arxiv.org/abs/1807.02011.
    """

    kind: ClassVar[str] = "autoencoder"
    has_maps: ClassVar[bool] = True
    # All training images are in memory, and more than so many teach nothing new.
    max_images: ClassVar[int | None] = 5000

    def __init__(
        self,
        *,
        latent: int = 32,
        activity_penalty: float = 0.0,
        denoising: float = 0.0,
        epochs: int | None = None,
        time_limit: float | None = None,
        size: int | tuple[int, int] = 128,
        resize: str = "stretch",
        lighting: str = "keep",
        tiles: int = 1,
        false_alarm_rate: float | None = None,
        folds: int = 1,
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
        self.latent = latent
        self.activity_penalty = activity_penalty
        self.denoising = denoising
        self.epochs = epochs
        self.time_limit = time_limit

    def _check_settings(self) -> None:
        _ = self._config(), self._training()
        if not self.activity_penalty >= 0:
            raise InputError(
                f"Expected activity_penalty to be 0 or more, got {self.activity_penalty}."
            )

    def _config(self) -> AutoencoderConfig:
        height, width = self._tile_size()
        return AutoencoderConfig(
            height, width, latent=self.latent, activity_penalty=self.activity_penalty
        )

    def _training(self) -> TrainingOptions:
        return TrainingOptions(
            epochs=self.epochs, denoising=self.denoising, time_limit=self.time_limit
        )

    def _features(self, pixels: Pixels) -> Pixels:
        return pixels

    def _learn(self, features: Pixels, labels: NDArray[np.int64]) -> State:
        options = self._training()
        epochs = options.planned_epochs(len(features), self._config())
        with progress_bar(
            "Training", total=epochs, unit="epochs", show=self._show_progress
        ) as advance:
            weights = train_autoencoder(
                features, self._config(), seed=self.seed, options=options, advance=advance
            )
        statistics = residual_statistics(reconstructor(weights, self._config())(features))
        return {
            **{name: getattr(statistics, name) for name in _STATISTICS},
            **{f"{_WEIGHTS}{name}": value for name, value in weights.items()},
        }

    def _score(self, features: Pixels, state: State) -> NDArray[np.float64]:
        return residual_scores(self._residuals(state)(features), _statistics(state))

    def _maps(self, features: Pixels, state: State) -> NDArray[np.float32]:
        return anomaly_maps(self._residuals(state)(features), _statistics(state))

    def _judge(
        self, features: Pixels, state: State
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        residuals, statistics = self._residuals(state)(features), _statistics(state)
        return residual_scores(residuals, statistics), anomaly_maps(residuals, statistics)

    def _residuals(self, state: State) -> Callable[[Pixels], NDArray[np.float32]]:
        """The network with these weights, built once for as long as they are in use."""
        built: tuple[State, Callable[[Pixels], NDArray[np.float32]]] | None
        built = getattr(self, "_built", None)
        if built is None or built[0] is not state:
            built = (state, reconstructor(part_of(state, _WEIGHTS), self._config()))
            self._built = built
        return built[1]

    def __getstate__(self) -> dict[str, Any]:
        # Another process builds the network itself.
        found: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in found.items() if name != "_built"}


def _statistics(state: State) -> ResidualStatistics:
    return ResidualStatistics(*(state[name] for name in _STATISTICS))
