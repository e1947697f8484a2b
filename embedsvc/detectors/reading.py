"""From images to what is computed of them: prepared, in batches, on all cores, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from embedsvc.cores import available_cores
from embedsvc.encoders.pipeline import Plan, run_pipeline
from embedsvc.images.loading import Batch, Failure, ImageLike, load_batches
from embedsvc.images.prepare import Preparation
from embedsvc.images.tiles import cut_tiles, stitch_maps

Result = TypeVar("Result")

_BATCH_PIXELS = 8 * 256 * 256
_MOST_IMAGES = 64


def compute_in_order(
    images: Iterable[ImageLike],
    preparation: Preparation,
    compute: Callable[[Batch], Result],
    *,
    on_error: str,
    on_failure: Callable[[Failure], None],
) -> Iterator[tuple[Batch, Result]]:
    """Decode ahead and compute a batch a core, with bounded memory.

    Args:
        images: any iterable of images, read a few batches ahead.
        preparation: how pictures become pixels.
        compute: turns a batch into a result, in a worker thread.
        on_error: "skip" leaves unreadable images out, "error" refuses them.
        on_failure: called for each image left out.

    Yields:
        Batches with their results, in the order of the images.

    Raises:
        InputError: what is no list of images, or an image is not readable.
    """
    cores = available_cores()
    batches = load_batches(
        images,
        preparation,
        batch_size=batch_size(preparation),
        workers=cores,
        on_error=on_error,
        on_failure=on_failure,
    )

    def plan(batch: Batch) -> Plan[Batch, Result, tuple[Batch, Result]]:
        return Plan([batch], lambda results: (batch, results[0]))

    with closing(batches):
        yield from run_pipeline(batches, prepare=plan, compute=compute, workers=cores)


def batch_size(preparation: Preparation) -> int:
    """Images in a batch: fewer of large ones, so that memory is bounded in pixels."""
    fitting = _BATCH_PIXELS // (preparation.height * preparation.width)
    return min(max(1, fitting), _MOST_IMAGES)


@dataclass(frozen=True)
class Tiling:
    """Pictures in `count` x `count` tiles, which overlap by an eighth of their shorter side.

    Attributes:
        height: of a tile, in pixels.
        width: of a tile, in pixels.
        count: tiles a side; with 1 a picture is its only tile.
    """

    height: int
    width: int
    count: int

    @property
    def overlap(self) -> int:
        """Pixels that neighbouring tiles share."""
        return min(self.height, self.width) // 8 if self.count > 1 else 0

    @property
    def whole(self) -> tuple[int, int]:
        """(height, width) of all tiles together."""
        extra = self.count - 1
        return (
            self.height + extra * (self.height - self.overlap),
            self.width + extra * (self.width - self.overlap),
        )

    def cut(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Pictures of shape (n_images, *whole, 3) to (n_images * n_tiles, height, width, 3)."""
        if self.count == 1:
            return pixels
        tile = (self.height, self.width)
        return np.concatenate([cut_tiles(one, tile, overlap=self.overlap) for one in pixels])

    def stitch(self, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """Maps of tiles, in the order of `cut`, to maps of pictures."""
        if self.count == 1:
            return maps
        tile = (self.height, self.width)
        return np.stack(
            [
                stitch_maps(tiles, self.whole, tile, overlap=self.overlap)
                for tiles in self.by_picture(maps)
            ]
        )

    def by_picture(self, rows: NDArray[Any]) -> NDArray[Any]:
        """One row a tile, (n_images * n_tiles, ...), to (n_images, n_tiles, ...)."""
        return rows.reshape(-1, self.count * self.count, *rows.shape[1:])


def by_tile(values: NDArray[Any]) -> NDArray[Any]:
    """(n_images, n_tiles, ...) to one row a tile, (n_images * n_tiles, ...)."""
    return values.reshape(-1, *values.shape[2:])
