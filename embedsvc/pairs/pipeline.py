"""From records of pairs, or from pictures alone, to batches to learn from; `tf.data`.

    records -> shuffled by seed -> decoded -> cropped, the points following -> light -> batches

Every example's randomness comes from the seed, the epoch and the example's place in it, so that
the batches do not depend on how many threads made them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import tensorflow as tf

from embedsvc.cores import available_cores
from embedsvc.errors import InputError
from embedsvc.images.decode import decode_image
from embedsvc.nets.layers import Tensor
from embedsvc.pairs.photometric import PhotometricOptions, random_light
from embedsvc.pairs.records import pairs_dataset
from embedsvc.pairs.warps import WarpOptions, matched_crops, warped_pair


@dataclass(frozen=True)
class CropOptions:
    """What examples look like.

    Attributes:
        size: side of a crop in pixels, a multiple of 32.
        points: matching points an example; fewer where a pair has not so many.
        warp: how strongly views differ.
        light: how strongly light and camera differ.
    """

    size: int = 320
    points: int = 300
    warp: WarpOptions = field(default_factory=WarpOptions)
    light: PhotometricOptions = field(default_factory=PhotometricOptions)

    def __post_init__(self) -> None:
        if self.size % 32 or not 64 <= self.size <= 1024:
            raise InputError(
                f"Expected size to be a multiple of 32 from 64 to 1024, got {self.size}."
            )
        if not 2 <= self.points <= 4096:
            raise InputError(f"Expected points from 2 to 4,096, got {self.points}.")


class Source(Protocol):
    """Where examples come from."""

    @property
    def sequences(self) -> tuple[str, ...]:
        """What the pictures were taken of; the number of a scene is its place here."""
        ...

    def elements(self, n: int, *, seed: int) -> tf.data.Dataset:
        """That many examples, undecoded, in an order drawn from the seed, again and again.

        Each is a dict of "image_a", "image_b" (bytes of files), "points_a", "points_b" (float32 of
        shape (n, 2)) and "sequence"; or of "image" and "sequence" alone.
        """
        ...


@dataclass(frozen=True)
class SinglePictures:
    """Pictures without annotations: both views of a pair are made from one of them.

    Attributes:
        files: of the pictures; each is a sequence of its own.
    """

    files: Sequence[Path]

    @property
    def sequences(self) -> tuple[str, ...]:
        """The files' names."""
        return tuple(map(str, self.files))

    def elements(self, n: int, *, seed: int) -> tf.data.Dataset:
        """The pictures, each once before any comes again."""
        rng = np.random.default_rng(seed)
        passes = [rng.permutation(len(self.files)) for _ in range(-(-n // len(self.files)))]
        names = [os.fsencode(self.files[i]) for i in np.concatenate(passes)[:n]]
        return tf.data.Dataset.from_tensor_slices(names).map(
            lambda name: {"image": tf.io.read_file(name), "sequence": name}
        )


@dataclass(frozen=True)
class PackedPairsSource:
    """Pairs of a packed folder.

    Attributes:
        folder: made by `embedsvc pairs pack`.
        sequences: those to take.
    """

    folder: Path
    sequences: tuple[str, ...]

    def elements(self, n: int, *, seed: int) -> tf.data.Dataset:
        """The pairs, each once before any comes again."""
        found = pairs_dataset(self.folder, sequences=self.sequences, seed=seed)
        return found.repeat().take(n)


def batches(
    source: Source, options: CropOptions, *, n_batches: int, batch_size: int, seed: int, epoch: int
) -> tf.data.Dataset:
    """The batches of one epoch.

    Args:
        source: of the examples; begun again, in another order, until there are enough.
        options: what examples look like.
        n_batches: how many.
        batch_size: pairs a batch.
        seed: of all that is random.
        epoch: its number; each has examples of its own.

    Returns:
        A dataset of dicts: "image_a", "image_b", float32 of shape (batch_size, size, size, 3), 0
        to 255; "points_a", "points_b", float32 of shape (batch_size, n_points, 2); "mask", float32
        of shape (batch_size, n_points), 1 where a match is real; "scene", int64 of shape
        (batch_size,).

    Example:
        >>> source = SinglePictures(sorted(Path("photos").glob("*.jpg")))
        >>> steps = batches(
        ...     source, CropOptions(), n_batches=100, batch_size=4, seed=0, epoch=1
        ... )
    """
    order, examples = np.random.SeedSequence([seed, epoch]).generate_state(2) >> 1
    make = _example_maker(source.sequences, options)
    return (
        source.elements(n_batches * batch_size, seed=int(order))
        .enumerate()
        .map(
            lambda number, one: make(one, tf.stack([tf.cast(int(examples), tf.int64), number])),
            num_parallel_calls=available_cores(),
            deterministic=True,
        )
        .batch(batch_size, drop_remainder=True)
        .prefetch(2)
    )


def _example_maker(
    sequences: Sequence[str], options: CropOptions
) -> Callable[[dict[str, Tensor], Tensor], dict[str, Tensor]]:
    # Names of files are bytes to the system, whatever they say; a repeated one has its first place.
    numbers = {os.fsencode(name): i for i, name in reversed(list(enumerate(sequences)))}
    scenes = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(
            list(numbers), list(numbers.values()), tf.string, tf.int64
        ),
        default_value=-1,
    )

    def make(element: dict[str, Tensor], seed: Tensor) -> dict[str, Tensor]:
        seeds = tf.unstack(tf.random.split(seed, 3))
        drawn = {"size": options.size, "n_points": options.points}
        if "image" in element:
            image = _decoded(element["image"])
            crops = warped_pair(image, seeds[0], options.warp, **drawn)
        else:
            images = _decoded(element["image_a"]), _decoded(element["image_b"])
            points = element["points_a"], element["points_b"]
            crops = matched_crops(images, points, seeds[0], options.warp, **drawn)
        image_a, image_b, points_a, points_b, mask = crops
        return {
            "image_a": random_light(image_a, seeds[1], options.light),
            "image_b": random_light(image_b, seeds[2], options.light),
            "points_a": tf.ensure_shape(points_a, [options.points, 2]),
            "points_b": tf.ensure_shape(points_b, [options.points, 2]),
            "mask": tf.ensure_shape(mask, [options.points]),
            "scene": scenes.lookup(element["sequence"]),
        }

    return make


def _decoded(content: Tensor) -> Tensor:
    """A picture from the bytes of its file, by the decoder everything else uses."""
    pixels = tf.numpy_function(decode_image, [content], tf.uint8, stateful=False)
    return tf.cast(tf.ensure_shape(pixels, [None, None, 3]), tf.float32)
