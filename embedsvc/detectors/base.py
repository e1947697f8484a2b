"""What every anomaly detector for images does, whatever it learns.

    images -> prepared pixels -> features -> score -> threshold -> label

A subclass says how pixels become features, how features become a learned state, and how features
and a state become scores. Its state is a flat dict of named arrays: that is what is saved.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from embedsvc.detectors.calibration import Calibration, calibrate
from embedsvc.detectors.learned import Learned, Shape, State, check_shapes
from embedsvc.detectors.settings import fits, in_words, setting_types
from embedsvc.detectors.splitting import fitting_splits, learnable
from embedsvc.encoders.pipeline import Plan, run_pipeline
from embedsvc.errors import ArtifactError, InputError, NotFittedError
from embedsvc.evaluation.checks import check_labels, check_share, number_groups
from embedsvc.evaluation.conformal import conformal_p_values, contamination_suspects
from embedsvc.evaluation.scores import is_anomalous
from embedsvc.evaluation.splits import Indices
from embedsvc.images.loading import Batch, Failure, ImageLike, load_batches
from embedsvc.images.near_duplicates import group_of_descriptors, thumbnail_descriptors
from embedsvc.images.prepare import Preparation
from embedsvc.images.tiles import cut_tiles, stitch_maps
from embedsvc.nets.runtime import available_cores
from embedsvc.progress import progress_bar

Pixels = NDArray[np.uint8]

_BATCH_PIXELS = 8 * 256 * 256
_MAPS_SAMPLED = 32


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


@dataclass(frozen=True)
class _Collected:
    """What fitting knows of the readable images.

    Attributes:
        features: array of shape (n_images, n_tiles, ...).
        descriptors: small look-alike descriptors, float32 array of shape (n_images, 64).
        kept: which of the images given could be read, int64 array of shape (n_images,).
    """

    features: NDArray[Any]
    descriptors: NDArray[np.float32]
    kept: NDArray[np.int64]


@dataclass(frozen=True)
class _Judged:
    """A learned state, and scores of images by states that did not learn from them.

    Attributes:
        state: what is kept.
        scores: float64 array of shape (n_images,).
        judged: which images have such a score, bool array of shape (n_images,).
        map_range: see `AnomalyDetector`.
    """

    state: State
    scores: NDArray[np.float64]
    judged: NDArray[np.bool_]
    map_range: tuple[float, float] | None


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
            "Choose patchcore or autoencoder."
        )

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
        self._check_counts(labels)
        chosen = self._choose(labels)
        if len(chosen) < len(images):
            images = [images[i] for i in chosen]
        with progress_bar(
            "Reading", total=len(images), unit="images", show=show_progress
        ) as advance:
            collected = self._collect(
                images,
                on_error,
                lambda failure: on_failure(replace(failure, index=int(chosen[failure.index]))),
                advance,
            )
        kept = chosen[collected.kept]
        labels = labels[kept]
        self._check_counts(labels)
        look_alikes = group_of_descriptors(collected.descriptors) if named is None else named[kept]
        judged = self._learn_and_judge(collected.features, labels, look_alikes)
        suspects, calibration = self._calibrate(judged, labels)
        self.restore(
            Learned(
                state=judged.state,
                calibration=calibration,
                suspects=kept[suspects],
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

    def _calibrate(self, judged: _Judged, labels: NDArray[np.int64]) -> tuple[Indices, Calibration]:
        """Positions of suspects among the images, and the threshold."""
        normal = np.flatnonzero(judged.judged & (labels == 0))
        anomalous = np.flatnonzero(judged.judged & (labels == 1))
        calibration = calibrate(
            judged.scores[normal],
            judged.scores[anomalous],
            false_alarm_rate=self.false_alarm_rate,
        )
        return normal[contamination_suspects(judged.scores[normal])], calibration

    def _learn_and_judge(
        self, features: NDArray[Any], labels: NDArray[np.int64], groups: NDArray[np.int64]
    ) -> _Judged:
        """Learn, and score every image by a state that did not see it where there is one."""
        splits = fitting_splits(
            labels,
            groups,
            n_folds=self.folds,
            needs_anomalies=self.needs_anomalies,
            false_alarm_rate=self.false_alarm_rate,
            seed=self.seed,
        )
        scores = np.zeros(len(labels))
        judged = np.zeros(len(labels), np.bool_)
        map_range = None
        for learned, held_out in splits:
            state = self._learn_from(features, labels, learned)
            scores[held_out] = self._score_tiles(features[held_out], state)
            judged[held_out] = True
            if self.has_maps and map_range is None:
                map_range = self._map_range(features[held_out[:_MAPS_SAMPLED]], state)
        if len(splits) > 1:
            everything = learnable(labels, needs_anomalies=self.needs_anomalies)
            state = self._learn_from(features, labels, everything)
        if not self.needs_anomalies and (labels == 1).any():
            scores[labels == 1] = self._score_tiles(features[labels == 1], state)
            judged[labels == 1] = True
        return _Judged(state, scores, judged, map_range)

    def _learn_from(
        self, features: NDArray[Any], labels: NDArray[np.int64], learned: Indices
    ) -> State:
        # Features may be most of the memory: all of them are not copied.
        own = features if len(learned) == len(features) else features[learned]
        return self._learn(_rows(own), np.repeat(labels[learned], own.shape[1]))

    def _map_range(self, features: NDArray[Any], state: State) -> tuple[float, float]:
        """What normal is on a map: its median, and what hardly any cell exceeds."""
        maps = self._maps(_rows(features), state)
        low, high = float(np.median(maps)), float(np.quantile(maps, 0.999))
        # Of identical pictures no cell differs; a range has to have two ends all the same.
        return low, max(high, low + 1e-6 * max(1.0, abs(low)))

    def _collect(
        self,
        images: Iterable[ImageLike],
        on_error: str,
        on_failure: Callable[[Failure], None],
        advance: Callable[[int], None],
    ) -> _Collected:
        def compute(batch: Batch) -> tuple[NDArray[Any], NDArray[np.float32]]:
            found = self._tile_features(batch.pixels), thumbnail_descriptors(batch.pixels)
            advance(len(batch.indices))
            return found

        features, descriptors, kept = [], [], []
        for batch, (found, thumbnails) in self._run(images, compute, on_error, on_failure):
            features.append(found)
            descriptors.append(thumbnails)
            kept.append(batch.indices)
        if not features:
            raise InputError(
                "Expected images to learn from, got none that can be read. Check the folder."
            )
        return _Collected(_joined(features), np.concatenate(descriptors), np.concatenate(kept))

    def _choose(self, labels: NDArray[np.int64]) -> Indices:
        """Positions of all images, or of more normal ones than it can hold a random part."""
        normal = np.flatnonzero(labels == 0)
        if self.max_images is None or len(normal) <= self.max_images:
            return np.arange(len(labels))
        chosen = np.random.default_rng(self.seed).choice(normal, self.max_images, replace=False)
        return np.sort(np.concatenate([chosen, np.flatnonzero(labels == 1)]))

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
            scores = self._score_tiles(features, state)
            maps = self._stitched(features, state) if with_maps else None
            advance(len(batch.indices))
            return scores, maps

        for batch, (scores, maps) in self._run(images, compute, on_error, on_failure):
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
        (height, width), overlap = self._tile_size(), self._overlap()
        extra = self.tiles - 1
        return Preparation(
            height + extra * (height - overlap),
            width + extra * (width - overlap),
            resize=self.resize,
            lighting=self.lighting,
        )

    def _tile_size(self) -> tuple[int, int]:
        if isinstance(self.size, (tuple, list)):
            return int(self.size[0]), int(self.size[1])
        return int(self.size), int(self.size)

    def _overlap(self) -> int:
        return min(self._tile_size()) // 8 if self.tiles > 1 else 0

    def _tile_features(self, pixels: Pixels) -> NDArray[Any]:
        """Pixels of prepared pictures to features of shape (n, n_tiles, ...)."""
        if self.tiles == 1:
            return self._features(pixels)[:, np.newaxis]
        tiles = [cut_tiles(p, self._tile_size(), overlap=self._overlap()) for p in pixels]
        features = self._features(np.concatenate(tiles))
        return features.reshape(len(pixels), -1, *features.shape[1:])

    def _score_tiles(self, features: NDArray[Any], state: State) -> NDArray[np.float64]:
        n_images, n_tiles = features.shape[:2]
        scores = self._score(_rows(features), state).reshape(n_images, n_tiles)
        return np.asarray(scores.max(axis=1), np.float64)

    def _stitched(self, features: NDArray[Any], state: State) -> NDArray[np.float32]:
        maps = self._maps(_rows(features), state)
        if self.tiles == 1:
            return maps
        preparation = self.preparation
        per_image = maps.reshape(len(features), -1, *maps.shape[1:])
        return np.stack(
            [
                stitch_maps(
                    tiles,
                    (preparation.height, preparation.width),
                    self._tile_size(),
                    overlap=self._overlap(),
                )
                for tiles in per_image
            ]
        )

    def _run(
        self,
        images: Iterable[ImageLike],
        compute: Callable[[Batch], Any],
        on_error: str,
        on_failure: Callable[[Failure], None],
    ) -> Iterator[tuple[Batch, Any]]:
        """Decode ahead, compute a batch a core, in order."""
        preparation = self.preparation
        batch_size = max(1, _BATCH_PIXELS // (preparation.height * preparation.width))
        cores = available_cores()
        batches = load_batches(
            images,
            preparation,
            batch_size=min(batch_size, 64),
            workers=cores,
            on_error=on_error,
            on_failure=on_failure,
        )
        with closing(batches):
            yield from run_pipeline(
                batches,
                prepare=lambda batch: Plan([batch], lambda results: (batch, results[0])),
                compute=compute,
                workers=cores,
            )

    def check_settings(self) -> None:
        """Check all settings, as fitting does first.

        Raises:
            InputError: a setting has another type or value than it may; the message names it.
        """
        for name, hint in setting_types(type(self)).items():
            value = getattr(self, name)
            if not fits(value, hint):
                raise InputError(f"Expected {name} to be {in_words(hint)}, got {value!r}.")
        for name, least in (("tiles", 1), ("folds", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise InputError(
                    f"Expected {name} to be at least {least}, got {getattr(self, name)!r}."
                )
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
        height, width = self._tile_size()
        try:
            with np.errstate(all="ignore"):
                features = self._features(np.zeros((1, height, width, 3), np.uint8))
                score = self._score(features, self.state_)
        except (ValueError, TypeError, LookupError, ArithmeticError, tf.errors.OpError) as err:
            raise ArtifactError(
                f"Expected a {self.kind} detector that can score, but a black picture gave: {err}"
            ) from err
        if score.shape != (1,) or not np.isfinite(score).all():
            raise ArtifactError(
                f"Expected a {self.kind} detector that can score, but a black picture gave "
                f"{score.tolist()}. Save the detector again."
            )

    def _check_counts(self, labels: NDArray[np.int64]) -> None:
        n_normal, n_anomalous = int((labels == 0).sum()), int((labels == 1).sum())
        if n_normal < 2:
            raise InputError(
                f"Expected at least 2 normal images to learn from, got {n_normal}. "
                "Give more pictures of good parts."
            )
        if self.needs_anomalies and n_anomalous < 2:
            raise InputError(
                f"Expected at least 2 labelled anomalies for {self.kind!r}, got {n_anomalous}. "
                "Label some, or choose a detector that learns from normal images alone."
            )

    def _check_fitted(self) -> None:
        if not hasattr(self, "state_"):
            raise NotFittedError(
                f"Expected a fitted detector, got a {type(self).__name__} that has learned "
                "nothing. Call fit(images) first, or load a saved one."
            )


def _rows(features: NDArray[Any]) -> NDArray[Any]:
    """(n_images, n_tiles, ...) to (n_images * n_tiles, ...)."""
    return features.reshape(-1, *features.shape[2:])


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """Join batches, giving each one's memory back as it is copied."""
    n = sum(len(part) for part in parts)
    joined = np.empty((n, *parts[0].shape[1:]), parts[0].dtype)
    parts.reverse()
    start = 0
    while parts:
        part = parts.pop()
        joined[start : start + len(part)] = part
        start += len(part)
    return joined
