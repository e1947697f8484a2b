"""How a detector is fitted, whatever it learns: which images, their features, folds, scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedsvc.detectors.learned import State
from embedsvc.detectors.reading import by_tile, compute_in_order
from embedsvc.detectors.splitting import learnable
from embedsvc.errors import InputError
from embedsvc.evaluation.splits import Indices
from embedsvc.images.loading import Batch, Failure, ImageLike
from embedsvc.images.near_duplicates import thumbnail_descriptors
from embedsvc.images.prepare import Preparation

_MAPS_SAMPLED = 32


@dataclass(frozen=True)
class Method:
    """What a detector does with features.

    Attributes:
        learn: from features, one row a tile, and labels of shape (n,).
        score: features of shape (n_images, n_tiles, ...) to scores of shape (n_images,).
        maps: features, one row a tile, to maps of shape (n, height', width'); None without maps.
        needs_anomalies: whether it learns from labelled anomalies too.
    """

    learn: Callable[[NDArray[Any], NDArray[np.int64]], State]
    score: Callable[[NDArray[Any], State], NDArray[np.float64]]
    maps: Callable[[NDArray[Any], State], NDArray[np.float32]] | None
    needs_anomalies: bool


@dataclass(frozen=True)
class Collected:
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
class Judged:
    """A learned state, and scores of images by states that did not learn from them.

    Attributes:
        state: what is kept.
        scores: float64 array of shape (n_images,), 0 where there is none.
        normal: positions of the normal images that have such a score.
        anomalous: positions of the anomalous images that have such a score.
        map_range: the median of normal maps, and what hardly any of their cells exceeds; None
            where there are no maps.
    """

    state: State
    scores: NDArray[np.float64]
    normal: Indices
    anomalous: Indices
    map_range: tuple[float, float] | None


def choose_images(labels: NDArray[np.int64], *, max_images: int | None, seed: int) -> Indices:
    """Positions of all images, or of more normal ones than `max_images` a random part.

    Args:
        labels: 0 or 1, shape (n_images,); anomalous images are always chosen.
        max_images: the most normal images, or None.
        seed: equal seeds choose the same.

    Returns:
        Positions, ascending.
    """
    normal = np.flatnonzero(labels == 0)
    if max_images is None or len(normal) <= max_images:
        return np.arange(len(labels))
    chosen = np.random.default_rng(seed).choice(normal, max_images, replace=False)
    return np.sort(np.concatenate([chosen, np.flatnonzero(labels == 1)]))


def collect(
    images: Sequence[ImageLike] | NDArray[Any],
    chosen: Indices,
    preparation: Preparation,
    features: Callable[[NDArray[np.uint8]], NDArray[Any]],
    *,
    on_error: str,
    on_failure: Callable[[Failure], None],
    advance: Callable[[int], None],
) -> Collected:
    """Read images once and keep what fitting needs of them.

    Args:
        images: those to learn from, and others.
        chosen: positions of those to learn from, ascending.
        preparation: how pictures become pixels.
        features: pixels of prepared pictures to features of shape (n, n_tiles, ...).
        on_error: "skip" leaves unreadable images out, "error" refuses them.
        on_failure: called for each image left out, with its position among all images.
        advance: called, from worker threads, with the number of images just done.

    Raises:
        InputError: none of the images, or under "error" not each of them, can be read.
    """
    if len(chosen) < len(images):
        images = [images[i] for i in chosen]

    def tell(failure: Failure) -> None:
        on_failure(replace(failure, index=int(chosen[failure.index])))

    def compute(batch: Batch) -> tuple[NDArray[Any], NDArray[np.float32]]:
        found = features(batch.pixels), thumbnail_descriptors(batch.pixels)
        advance(len(batch.indices))
        return found

    parts, descriptors, kept = [], [], []
    for batch, (found, thumbnails) in compute_in_order(
        images, preparation, compute, on_error=on_error, on_failure=tell
    ):
        parts.append(found)
        descriptors.append(thumbnails)
        kept.append(batch.indices)
    if not parts:
        raise InputError(
            "Expected images to learn from, got none that can be read. Check the folder."
        )
    return Collected(_joined(parts), np.concatenate(descriptors), chosen[np.concatenate(kept)])


def learn_and_judge(
    method: Method,
    features: NDArray[Any],
    labels: NDArray[np.int64],
    splits: list[tuple[Indices, Indices]],
) -> Judged:
    """Learn, and score every image by a state that did not see it where there is one.

    Args:
        method: what the detector does with features.
        features: array of shape (n_images, n_tiles, ...).
        labels: 0 or 1, shape (n_images,).
        splits: positions to learn from and positions held out, for each fold.

    Returns:
        The state of the only split, or of several the one that learned from all images; with it
        the scores of images held out and of anomalies that were not learned from.
    """
    scores = np.zeros(len(labels))
    judged = np.zeros(len(labels), np.bool_)
    map_range = None
    for learned, held_out in splits:
        state = _learn_from(method, features, labels, learned)
        scores[held_out] = method.score(features[held_out], state)
        judged[held_out] = True
        if method.maps is not None and map_range is None:
            normal_ones = held_out[labels[held_out] == 0][:_MAPS_SAMPLED]
            map_range = _range(method.maps(by_tile(features[normal_ones]), state))
    if len(splits) > 1:
        everything = learnable(labels, needs_anomalies=method.needs_anomalies)
        state = _learn_from(method, features, labels, everything)
    if not method.needs_anomalies and (labels == 1).any():
        scores[labels == 1] = method.score(features[labels == 1], state)
        judged[labels == 1] = True
    normal, anomalous = (np.flatnonzero(judged & (labels == label)) for label in (0, 1))
    return Judged(state, scores, normal, anomalous, map_range)


def _learn_from(
    method: Method, features: NDArray[Any], labels: NDArray[np.int64], learned: Indices
) -> State:
    # Features may be most of the memory: all of them are not copied.
    own = features if len(learned) == len(features) else features[learned]
    return method.learn(by_tile(own), np.repeat(labels[learned], own.shape[1]))


def _range(maps: NDArray[np.float32]) -> tuple[float, float]:
    """What normal is on a map: its median, and what hardly any cell exceeds."""
    low, high = float(np.median(maps)), float(np.quantile(maps, 0.999))
    # Of identical pictures no cell differs; a range has to have two ends all the same.
    return low, max(high, low + 1e-6 * max(1.0, abs(low)))


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
