"""Image models and anomaly detectors as the service has them: computed in batches, in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from embedsvc.images.loading import Failure, ImageLike, name_of
from embedsvc.jobs.pictures import shown_range
from embedsvc.report.heatmap import overlay_png
from embedsvc.server.hosting import Kind
from embedsvc.server.image_data import Picture
from embedsvc.server.image_queue import ImageLimits, ImageQueue, Observer, Task
from embedsvc.server.problems import BadRequest, Problem
from embedsvc.server.settings import ServeSettings

if TYPE_CHECKING:
    # They import TensorFlow, which takes seconds; the service listens before.
    from embedsvc.detectors.base import AnomalyDetector, ScoredBatch
    from embedsvc.encoders.image import ImageEncoder

Vectors = NDArray[np.float32]

LARGEST_HEATMAP = 1024
"""Pixels of a heat map's longer side, at most."""


@dataclass(frozen=True)
class ScoredImage:
    """What a detector says of an image.

    Attributes:
        score: higher = more anomalous.
        is_anomaly: whether the score is above the threshold.
        p_value: the share of normal images that score at least as high.
        height: of the picture, upright, in pixels.
        width: of the picture, upright, in pixels.
        heatmap: a PNG to be laid over the picture; None where none was asked for or there are no
            maps.
    """

    score: float
    is_anomaly: bool
    p_value: float
    height: int
    width: int
    heatmap: bytes | None = None


class HostedImageEncoder:
    """A pretrained image model.

    Args:
        name: what requests call it.
        encoder: ready to compute.
        settings: of the service.
        metrics: told of each batch.
        limits: how much is computed at once, and how much may wait; None suits the settings.
    """

    kind: ClassVar[Kind] = "image"

    def __init__(
        self,
        name: str,
        encoder: ImageEncoder,
        *,
        settings: ServeSettings,
        metrics: Observer,
        limits: ImageLimits | None = None,
    ) -> None:
        self.name, self._encoder = name, encoder
        self._queue = ImageQueue(
            self._compute, name=name, observer=metrics, limits=limits or _limits(settings)
        )
        described = encoder.describe()
        self.dim: int = described["dim"]
        self.size: tuple[int, int] = (described["size"][0], described["size"][1])

    def about(self) -> dict[str, Any]:
        """What `/v1/models` says of it; `size` is (height, width)."""
        return {"dim": self.dim, "size": list(self.size)}

    def warm(self) -> None:
        """Compute a plain picture: TensorFlow makes its kernels ready at the first call."""
        self._encoder.encode([_plain(self.size)])

    async def embed(self, pictures: Sequence[Picture]) -> Vectors:
        """Vectors of a request's pictures.

        Args:
            pictures: as `image_data.pictures_of` gives them.

        Returns:
            Float32 array of shape (n_images, dim).

        Raises:
            Problem: a picture cannot be decoded, the first such; or too much waits already.
        """
        rows = np.empty((len(pictures), self.dim), np.float32)
        for index, row in enumerate(await self._queue.run([Task(one) for one in pictures])):
            if isinstance(row, Problem):
                raise row
            rows[index] = row
        return rows

    async def close(self) -> None:
        """Finish what was accepted."""
        await self._queue.close()

    def _compute(self, tasks: list[Task]) -> list[Vectors | Problem]:
        images: list[ImageLike] = [task.picture.data for task in tasks]
        (encoded,) = self._encoder.encode_windows([images], on_error="skip")
        vectors = iter(encoded.vectors)
        return [
            _unusable(task, encoded.failures[index], name_of(task.picture.data, index))
            if index in encoded.failures
            else next(vectors)
            for index, task in enumerate(tasks)
        ]


class HostedDetector:
    """A fitted anomaly detector.

    Args:
        name: what requests call it.
        detector: as `load_detector` gives it.
        settings: of the service.
        metrics: told of each batch.
        limits: how much is computed at once, and how much may wait; None suits the settings.
    """

    kind: ClassVar[Kind] = "detector"

    def __init__(
        self,
        name: str,
        detector: AnomalyDetector,
        *,
        settings: ServeSettings,
        metrics: Observer,
        limits: ImageLimits | None = None,
    ) -> None:
        self.name, self._detector = name, detector
        self._queue = ImageQueue(
            self._compute, name=name, observer=metrics, limits=limits or _limits(settings)
        )
        self._preparation = detector.preparation
        self.method: str = detector.kind
        self.threshold = float(detector.threshold_)
        self.has_maps = detector.map_range_ is not None

    def about(self) -> dict[str, Any]:
        """What `/v1/models` says of it; `size` is (height, width)."""
        return {
            "method": self.method,
            "threshold": self.threshold,
            "heatmap": self.has_maps,
            "size": [self._preparation.height, self._preparation.width],
        }

    def warm(self) -> None:
        """Score a plain picture, with its map."""
        plain = [_plain((self._preparation.height, self._preparation.width))]
        for with_maps in {False, self.has_maps}:
            list(self._detector.score_stream(plain, with_maps=with_maps))

    async def score(
        self, pictures: Sequence[Picture], *, heatmap: bool
    ) -> list[ScoredImage | Problem]:
        """Scores of a request's pictures.

        Args:
            pictures: as `image_data` gives them.
            heatmap: whether heat maps are wanted; there are none where the detector has no maps.

        Returns:
            A result each, or what is wrong with the picture.

        Raises:
            Overloaded: too much waits already.
        """
        with_maps = heatmap and self.has_maps
        found = await self._queue.run([Task(one, heatmap=with_maps) for one in pictures])
        if with_maps:
            return await asyncio.to_thread(lambda: [self._drawn(one) for one in found])
        return [one if isinstance(one, Problem) else one[0] for one in found]

    async def close(self) -> None:
        """Finish what was accepted."""
        await self._queue.close()

    def _drawn(self, found: _Scored | Problem) -> ScoredImage | Problem:
        if isinstance(found, Problem):
            return found
        scored, anomaly_map = found
        map_range = self._detector.map_range_
        if anomaly_map is None or map_range is None:
            return scored
        scale = min(1.0, LARGEST_HEATMAP / max(scored.height, scored.width))
        shape = (max(1, round(scored.height * scale)), max(1, round(scored.width * scale)))
        low, high = shown_range(map_range)
        restored = self._preparation.restore_map(anomaly_map, shape)
        return replace(scored, heatmap=overlay_png(restored, low=low, high=high))

    # In the queue's thread

    def _compute(self, tasks: list[Task]) -> list[_Scored | Problem]:
        """Those with maps and those without apart, so that none is computed for nothing."""
        results: dict[int, _Scored | Problem] = {}
        for with_maps in (False, True):
            places = [place for place, task in enumerate(tasks) if task.heatmap is with_maps]
            scored = self._score([tasks[place] for place in places], with_maps=with_maps)
            results |= zip(places, scored, strict=True)
        return [results[place] for place in range(len(tasks))]

    def _score(self, tasks: list[Task], *, with_maps: bool) -> list[_Scored | Problem]:
        results: dict[int, _Scored | Problem] = {}

        def note(failure: Failure) -> None:
            task = tasks[failure.index]
            results[failure.index] = _unusable(task, failure.reason, failure.name)

        for batch in self._detector.score_stream(
            [task.picture.data for task in tasks],
            with_maps=with_maps,
            on_error="skip",
            on_failure=note,
        ):
            results |= zip(batch.indices.tolist(), self._judged(batch), strict=True)
        return [results[index] for index in range(len(tasks))]

    def _judged(self, batch: ScoredBatch) -> list[_Scored]:
        columns = (
            batch.scores.tolist(),
            self._detector.label(batch.scores).astype(bool).tolist(),
            self._detector.p_value(batch.scores).tolist(),
            batch.sizes.tolist(),
            [None] * len(batch.scores) if batch.maps is None else batch.maps,
        )
        return [
            (ScoredImage(score, is_anomaly, p_value, height, width), anomaly_map)
            for score, is_anomaly, p_value, (height, width), anomaly_map in zip(
                *columns, strict=True
            )
        ]


_Scored: TypeAlias = tuple[ScoredImage, NDArray[np.float32] | None]


def _limits(settings: ServeSettings) -> ImageLimits:
    # Two of the largest pictures, or many small ones: a second or so of decoding.
    return ImageLimits(batch_pixels=2 * settings.max_image_pixels)


def _unusable(task: Task, reason: str, known_as: str) -> BadRequest:
    """What is wrong with a picture, told by the name that its sender knows."""
    picture = task.picture
    return BadRequest(reason.replace(known_as, picture.name, 1), param=picture.param)


def _plain(size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.full((*size, 3), 127, np.uint8)
