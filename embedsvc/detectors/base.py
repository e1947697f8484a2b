"""What every anomaly detector for images does, whatever it learns.

    images -> prepared pixels -> features -> score -> threshold -> label

A subclass says how pixels become features, how features become a learned state, and how features
and a state become scores. Its state is a flat dict of named arrays: that is what is saved.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from embedsvc.detectors.calibration import Calibration, calibrate
from embedsvc.detectors.checks import check_at_least, check_counts, check_scoring, check_types
from embedsvc.detectors.fitting import (
    Judged,
    Method,
    choose_images,
    collect,
    learn_and_judge,
)
from embedsvc.detectors.learned import Learned, Shape, State, check_shapes
from embedsvc.detectors.reading import Tiling, by_tile, compute_in_order
from embedsvc.detectors.splitting import fitting_splits
from embedsvc.errors import InputError, NotFittedError
from embedsvc.evaluation.checks import check_labels, check_share, number_groups
from embedsvc.evaluation.conformal import conformal_p_values, contamination_suspects
from embedsvc.evaluation.scores import is_anomalous
from embedsvc.images.loading import Batch, Failure, ImageLike, load_batches
from embedsvc.images.near_duplicates import group_of_descriptors
from embedsvc.images.prepare import Preparation
from embedsvc.progress import progress_bar

Pixels = NDArray[np.uint8]


def _no_failure(failure: Failure) -> None:
    del failure


def _no_progress(count: int) -> None:
    del count


@dataclass(frozen=True)
class ScoredBatch:
    """Scores of some images.

    Attributes:
        indices: which of the images given these are; int64 array of shape (b,).
        scores: higher = more anomalous; float64 array of shape (b,).
        sizes: (height, width) of each picture as it came; int64 array of shape (b, 2).
        maps: float32 array of shape (b, height', width'), or None where none were asked for.
    """

    indices: NDArray[np.int64]
    scores: NDArray[np.float64]
    sizes: NDArray[np.int64]
    maps: NDArray[np.float32] | None


class AnomalyDetector(BaseEstimator, ABC):
    """The base of all detectors: learns what is normal, and says how far an image is from it.

    Args:
        size: height and width that images are brought to, one number for both.
        resize: "stretch", "fit" or "crop", see `Preparation`.
        lighting: "keep", or "normalize" where the brightness of the lamp must not tell anything.
        tiles: a large picture is cut into tiles x tiles overlapping pieces of `size`; its score is
            the highest of theirs.
        false_alarm_rate: the share of normal images that may be reported; None means 0.05, or,
            where labelled anomalies were given, the threshold of the best F1.
        folds: normal images are scored by a detector that did not learn from them to find the
            threshold: in so many folds, or with 1 on a fifth of the images that is held out.
        seed: the same seed gives the same detector.

    Attributes:
        threshold_: a score above it is an anomaly.
        calibration_scores_: scores of normal images the detector did not learn from, ascending.
        calibration_: how the threshold came about.
        suspects_: positions of training images that are probably anomalies themselves.
        map_range_: the median of normal maps, and what hardly any of their cells exceeds; None
            where there are no maps.
        state_: everything that scores are computed from, named arrays.
        descriptors_: of the normal images, to find their copies among others.
        n_images_: images learned from, those that chose the threshold included.
        trained_at_: when, in UTC.
        fit_seconds_: how long it took.
    """

    kind: ClassVar[str]
    has_maps: ClassVar[bool] = False
    needs_anomalies: ClassVar[bool] = False
    max_images: ClassVar[int | None] = None

    # For what takes long in `_learn`.
    _show_progress: bool = False

    state_: State
    threshold_: float
    calibration_scores_: NDArray[np.float64]
    calibration_: Calibration
    suspects_: NDArray[np.int64]
    descriptors_: NDArray[np.float32]
    map_range_: tuple[float, float] | None
    n_images_: int
    trained_at_: str
    fit_seconds_: float

    def __init__(
        self,
        *,
        size: int | tuple[int, int] = 256,
        resize: str = "stretch",
        lighting: str = "keep",
        tiles: int = 1,
        false_alarm_rate: float | None = None,
        folds: int = 5,
        seed: int = 0,
    ) -> None:
        self.size = size
        self.resize = resize
        self.lighting = lighting
        self.tiles = tiles
        self.false_alarm_rate = false_alarm_rate
        self.folds = folds
        self.seed = seed

    # What a subclass does

    @abstractmethod
    def _features(self, pixels: Pixels) -> NDArray[Any]:
        """Pixels of shape (n, height, width, 3) to features, one row a picture."""

    @abstractmethod
    def _learn(self, features: NDArray[Any], labels: NDArray[np.int64]) -> State:
        """Learn from features, one row a picture, with labels 0 or 1."""

    @abstractmethod
    def _score(self, features: NDArray[Any], state: State) -> NDArray[np.float64]:
        """Features to scores of shape (n,)."""

    def _maps(self, features: NDArray[Any], state: State) -> NDArray[np.float32]:
        """Features to maps of shape (n, height', width')."""
        raise InputError(
            f"Expected a detector with maps, got {self.kind!r}, which scores whole pictures. "
            "Choose ocsvm, gaussian, patchcore, autoencoder or regressor."
        )

    def _judge(
        self, features: NDArray[Any], state: State
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """The same scores and maps together, for classes that compute both from one thing."""
        return self._score(features, state), self._maps(features, state)

    def _check_settings(self) -> None:
        """Check what the subclass added; the types are right already."""

    def _state_shapes(self) -> dict[str, Shape] | None:
        """The names and shapes of the state, to check what was saved; None: not known before."""
        return None

    def describe(self) -> dict[str, Any]:
        """What the scores depend on beside the settings, such as the weights of a backbone."""
        return {}

    # Fitting

    def fit(
        self,
        images: Iterable[ImageLike],
        y: ArrayLike | None = None,
        *,
        groups: Iterable[object] | None = None,
        on_error: str = "error",
        on_failure: Callable[[Failure], None] = _no_failure,
        show_progress: bool = False,
    ) -> AnomalyDetector:
        """Learn what is normal, and a threshold.

        Args:
            images: files, bytes or arrays of normal images; with `y` also of anomalous ones.
            y: 0 for normal, 1 for anomalous, shape (n_images,). Most detectors learn from the
                normal images alone and use the others to choose the threshold.
            groups: pictures of one object have the same group and are kept together wherever
                images are split. Without it, pictures that look alike are.
            on_error: "skip" leaves unreadable images out, "error" refuses them.
            on_failure: called for each image left out.
            show_progress: whether progress bars are drawn on stderr.

        Returns:
            The detector itself.

        Raises:
            InputError: images, labels or settings that are not usable.
        """
        start = time.perf_counter()
        self._show_progress = show_progress
        self.check_settings()
        # Refuses what is no list of images, such as one path, before it is taken for letters.
        load_batches(images, self.preparation, on_error=on_error).close()
        images = images if isinstance(images, np.ndarray) else list(images)
        labels = check_labels([0] * len(images) if y is None else y, len(images))
        named = None if groups is None else number_groups(groups, len(images))
        check = partial(check_counts, kind=self.kind, needs_anomalies=self.needs_anomalies)
        check(labels)
        chosen = choose_images(labels, max_images=self.max_images, seed=self.seed)
        with progress_bar(
            "Reading", total=len(chosen), unit="images", show=show_progress
        ) as advance:
            collected = collect(
                images,
                chosen,
                self.preparation,
                self._tile_features,
                on_error=on_error,
                on_failure=on_failure,
                advance=advance,
            )
        kept = collected.kept
        labels = labels[kept]
        check(labels)
        look_alikes = group_of_descriptors(collected.descriptors) if named is None else named[kept]
        judged = self._learn_and_judge(collected.features, labels, look_alikes)
        normal = judged.scores[judged.normal]
        calibration = calibrate(
            normal, judged.scores[judged.anomalous], false_alarm_rate=self.false_alarm_rate
        )
        self.restore(
            Learned(
                state=judged.state,
                calibration=calibration,
                suspects=kept[judged.normal[contamination_suspects(normal)]],
                descriptors=collected.descriptors[labels == 0],
                map_range=judged.map_range,
                n_images=len(labels),
                trained_at=datetime.now(UTC).isoformat(timespec="seconds"),
                fit_seconds=time.perf_counter() - start,
            )
        )
        return self

    def restore(self, learned: Learned) -> None:
        """Take over what was learned, here or by a detector that was saved."""
        self.state_ = learned.state
        self.calibration_ = learned.calibration
        self.threshold_ = learned.calibration.threshold
        self.calibration_scores_ = learned.calibration.scores
        self.suspects_ = learned.suspects
        self.descriptors_ = learned.descriptors
        self.map_range_ = learned.map_range
        self.n_images_ = learned.n_images
        self.trained_at_ = learned.trained_at
        self.fit_seconds_ = learned.fit_seconds

    def _learn_and_judge(
        self, features: NDArray[Any], labels: NDArray[np.int64], groups: NDArray[np.int64]
    ) -> Judged:
        splits = fitting_splits(
            labels,
            groups,
            n_folds=self.folds,
            needs_anomalies=self.needs_anomalies,
            false_alarm_rate=self.false_alarm_rate,
            seed=self.seed,
        )
        method = Method(
            learn=self._learn,
            score=self._score_tiles,
            maps=self._maps if self.has_maps else None,
            needs_anomalies=self.needs_anomalies,
        )
        return learn_and_judge(method, features, labels, splits)

    # Scoring

    def anomaly_score(
        self, images: Iterable[ImageLike], *, show_progress: bool = False
    ) -> NDArray[np.float64]:
        """How far each image is from normal: higher = more anomalous.

        Args:
            images: files, bytes or arrays.
            show_progress: whether a progress bar is drawn on stderr.

        Returns:
            Float64 array of shape (n_images,).

        Raises:
            NotFittedError: nothing was learned yet.
            InputError: an image is not readable.
        """
        total = len(images) if isinstance(images, (list, tuple)) else None
        with progress_bar("Scoring", total=total, unit="images", show=show_progress) as advance:
            batches = list(self.score_stream(images, advance=advance))
        return np.concatenate([np.empty(0), *(batch.scores for batch in batches)])

    def anomaly_map(self, images: Iterable[ImageLike]) -> NDArray[np.float32]:
        """Where each image is not normal.

        Returns:
            Float32 array of shape (n_images, height', width'): the prepared picture in cells.
            `preparation.restore_map` brings a map onto the original picture.

        Raises:
            NotFittedError: nothing was learned yet.
            InputError: the detector has no maps, or an image is not readable.
        """
        self._check_fitted()
        if not self.has_maps:
            self._maps(np.empty(0), {})
        maps = [batch.maps for batch in self.score_stream(images, with_maps=True)]
        found = [part for part in maps if part is not None]
        return np.concatenate(found) if found else np.empty((0, 0, 0), np.float32)

    def score_stream(
        self,
        images: Iterable[ImageLike],
        *,
        with_maps: bool = False,
        on_error: str = "error",
        on_failure: Callable[[Failure], None] = _no_failure,
        advance: Callable[[int], None] = _no_progress,
    ) -> Iterator[ScoredBatch]:
        """Score images as they come, with bounded memory.

        Args:
            images: any iterable of images, read a few batches ahead.
            with_maps: whether maps are wanted too.
            on_error: "skip" leaves unreadable images out, "error" refuses them.
            on_failure: called for each image left out.
            advance: called, from worker threads, with the number of images just done.

        Yields:
            The next images' scores, in order.
        """
        self._check_fitted()
        state = self.state_

        def compute(batch: Batch) -> tuple[NDArray[np.float64], NDArray[np.float32] | None]:
            features = self._tile_features(batch.pixels)
            scores, maps = (
                self._judge_tiles(features, state)
                if with_maps
                else (self._score_tiles(features, state), None)
            )
            advance(len(batch.indices))
            return scores, maps

        for batch, (scores, maps) in compute_in_order(
            images, self.preparation, compute, on_error=on_error, on_failure=on_failure
        ):
            yield ScoredBatch(batch.indices, scores, batch.sizes, maps)

    def predict(self, images: Iterable[ImageLike]) -> NDArray[np.int64]:
        """1 for an anomaly, 0 for a normal image; int64 array of shape (n_images,)."""
        return self.label(self.anomaly_score(images))

    def label(self, scores: ArrayLike) -> NDArray[np.int64]:
        """Scores to labels: 1 above the threshold, otherwise 0."""
        self._check_fitted()
        return is_anomalous(scores, self.threshold_).astype(np.int64)

    def p_value(self, scores: ArrayLike) -> NDArray[np.float64]:
        """How rare each score is among normal images, see `conformal_p_values`."""
        self._check_fitted()
        return conformal_p_values(scores, self.calibration_scores_)

    # Inside

    @property
    def preparation(self) -> Preparation:
        """How pictures become the pixels of all tiles together."""
        height, width = self._tiling.whole
        return Preparation(height, width, resize=self.resize, lighting=self.lighting)

    def _tile_size(self) -> tuple[int, int]:
        if isinstance(self.size, (tuple, list)):
            return int(self.size[0]), int(self.size[1])
        return int(self.size), int(self.size)

    @property
    def _tiling(self) -> Tiling:
        height, width = self._tile_size()
        return Tiling(height, width, self.tiles)

    def _tile_features(self, pixels: Pixels) -> NDArray[Any]:
        """Pixels of prepared pictures to features of shape (n, n_tiles, ...)."""
        tiling = self._tiling
        return tiling.by_picture(self._features(tiling.cut(pixels)))

    def _score_tiles(self, features: NDArray[Any], state: State) -> NDArray[np.float64]:
        """Features of shape (n, n_tiles, ...) to scores of shape (n,): the worst tile's."""
        return self._worst(self._score(by_tile(features), state))

    def _judge_tiles(
        self, features: NDArray[Any], state: State
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """The same scores, and maps of shape (n, height', width')."""
        scores, maps = self._judge(by_tile(features), state)
        return self._worst(scores), self._tiling.stitch(maps)

    def _worst(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self._tiling.by_picture(scores).max(axis=1), np.float64)

    def check_settings(self) -> None:
        """Check all settings, as fitting does first.

        Raises:
            InputError: a setting has another type or value than it may; the message names it.
        """
        check_types(self)
        check_at_least(self, {"tiles": 1, "folds": 1, "seed": 0})
        if self.false_alarm_rate is not None:
            check_share(self.false_alarm_rate, name="false_alarm_rate")
        _ = self.preparation
        self._check_settings()

    def check_state(self) -> None:
        """Check that what was learned is what a detector with these settings can score with.

        Raises:
            NotFittedError: nothing was learned yet.
            ArtifactError: it is not.
        """
        self._check_fitted()
        expected = self._state_shapes()
        if expected is not None:
            check_shapes(self.state_, expected)
        check_scoring(
            lambda pixels: self._score(self._features(pixels), self.state_),
            self._tile_size(),
            kind=self.kind,
        )

    def _check_fitted(self) -> None:
        if not hasattr(self, "state_"):
            raise NotFittedError(
                f"Expected a fitted detector, got a {type(self).__name__} that has learned "
                "nothing. Call fit(images) first, or load a saved one."
            )
