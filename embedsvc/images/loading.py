"""Pictures decoded and resized in threads, ahead of whoever computes with them.

Pillow lets other threads run while it decodes. Only as many pictures are in flight as the next two
batches hold, and of full size only one a thread, so that memory does not grow with the set.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from embedsvc.errors import InputError
from embedsvc.images.decode import array_image, read_image
from embedsvc.images.prepare import Preparation

ImageLike: TypeAlias = Path | str | bytes | NDArray[Any]
"""A file, the bytes of one, or an array as `array_image` takes it."""

ON_ERROR = ("error", "skip")

_Prepared = tuple[NDArray[np.uint8], tuple[int, int]]


@dataclass(frozen=True)
class Batch:
    """Prepared pictures.

    Attributes:
        indices: which of the images given these are; int64 array of shape (b,).
        pixels: uint8 array of shape (b, height, width, 3).
        sizes: (height, width) of each picture before it was prepared; int64 array of shape (b, 2).
    """

    indices: NDArray[np.int64]
    pixels: NDArray[np.uint8]
    sizes: NDArray[np.int64]


@dataclass(frozen=True)
class Failure:
    """A picture that could not be used.

    Attributes:
        index: which of the images given it is.
        name: its path, or its number for bytes and arrays.
        reason: what was wrong, for the user.
    """

    index: int
    name: str
    reason: str


def _ignore(failure: Failure) -> None:
    del failure


def load_batches(
    images: Iterable[ImageLike],
    preparation: Preparation,
    *,
    batch_size: int = 8,
    workers: int = 2,
    on_error: str = "error",
    on_failure: Callable[[Failure], None] = _ignore,
) -> Generator[Batch, None, None]:
    """Decode and prepare images in order, in threads, as they are asked for.

    Args:
        images: files, bytes or arrays, in any mix and number; read two batches ahead, in the
            calling thread. An array of shape (n_images, height, width, channels) will do.
        preparation: what is done to each.
        batch_size: images a batch; only the last batch may be smaller. Which images form a batch
            depends on nothing but which are readable.
        workers: threads.
        on_error: "error" stops at the first unusable image, "skip" goes on.
        on_failure: called in the calling thread for each image skipped, in order.

    Yields:
        The next images. When the caller stops early, the threads end after their current image.

    Raises:
        InputError: `images` is a single image, an option is none of those, or an image is
            unusable under "error"; the message names it.

    Example:
        >>> for batch in load_batches(["a.png", "b.jpg"], Preparation(256, 256)):
        ...     print(batch.pixels.shape)
        (2, 256, 256, 3)
    """
    _check(images, batch_size, workers, on_error)
    return _batches(images, preparation, batch_size, workers, on_error, on_failure)


def load_all(
    images: Iterable[ImageLike],
    preparation: Preparation,
    *,
    workers: int = 2,
    on_error: str = "error",
    on_failure: Callable[[Failure], None] = _ignore,
) -> NDArray[np.uint8]:
    """Decode and prepare all images into one array.

    Args:
        images: as for `load_batches`.
        preparation: what is done to each.
        workers: threads.
        on_error: "error" stops at the first unusable image, "skip" leaves it out.
        on_failure: called for each image skipped, in order.

    Returns:
        Uint8 array of shape (n_images, height, width, 3), in the order of the images.

    Raises:
        InputError: as `load_batches`.
    """
    shape = (preparation.height, preparation.width, 3)
    batches = load_batches(
        images, preparation, workers=workers, on_error=on_error, on_failure=on_failure
    )
    if not isinstance(images, Sized):
        return np.concatenate([np.empty((0, *shape), np.uint8), *(b.pixels for b in batches)])
    # Written in place: joining batches at the end would need the memory twice.
    loaded = np.empty((len(images), *shape), np.uint8)
    n_loaded = 0
    for batch in batches:
        loaded[n_loaded : n_loaded + len(batch.pixels)] = batch.pixels
        n_loaded += len(batch.pixels)
    return loaded[:n_loaded]


def name_of(item: ImageLike, index: int) -> str:
    """What messages call an image: its path, or its number where it has none."""
    return str(item) if isinstance(item, (str, Path)) else f"image {index}"


def _batches(
    images: Iterable[ImageLike],
    preparation: Preparation,
    batch_size: int,
    workers: int,
    on_error: str,
    on_failure: Callable[[Failure], None],
) -> Generator[Batch, None, None]:
    gathered: list[tuple[int, _Prepared]] = []
    prepared = _prepare_ahead(images, preparation, workers, 2 * batch_size)
    try:
        for index, name, future in prepared:
            try:
                gathered.append((index, future.result()))
            except InputError as err:
                if on_error == "error":
                    raise
                on_failure(Failure(index, name, str(err)))
            if len(gathered) == batch_size:
                yield _batch(gathered)
                gathered = []
        if gathered:
            yield _batch(gathered)
    finally:
        prepared.close()


def _prepare_ahead(
    images: Iterable[ImageLike], preparation: Preparation, workers: int, ahead: int
) -> Generator[tuple[int, str, Future[_Prepared]], None, None]:
    """Each image's number, name and coming result, in order, with `ahead` of them in flight."""
    pool = ThreadPoolExecutor(workers, thread_name_prefix="embedsvc-images")
    flight: deque[tuple[int, str, Future[_Prepared]]] = deque()
    try:
        for index, item in enumerate(images):
            name = name_of(item, index)
            flight.append((index, name, pool.submit(_prepare, item, name, preparation)))
            if len(flight) > ahead:
                yield flight.popleft()
        while flight:
            yield flight.popleft()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _prepare(item: ImageLike, name: str, preparation: Preparation) -> _Prepared:
    if isinstance(item, (str, Path, bytes)):
        image = read_image(item, name=name)
    elif isinstance(item, np.ndarray):
        image = Image.fromarray(array_image(item, name=name))
    else:
        raise InputError(
            f"Expected a path, bytes or an array, got {type(item).__name__} as {name}. "
            "Convert it with numpy.asarray."
        )
    return preparation.apply_pillow(image), (image.height, image.width)


def _batch(gathered: list[tuple[int, _Prepared]]) -> Batch:
    return Batch(
        indices=np.array([index for index, _ in gathered], np.int64),
        pixels=np.stack([pixels for _, (pixels, _) in gathered]),
        sizes=np.array([size for _, (_, size) in gathered], np.int64),
    )


def _check(images: Iterable[ImageLike], batch_size: int, workers: int, on_error: str) -> None:
    if isinstance(images, (str, bytes, Path)):
        raise InputError(
            f"Expected several images, got one {type(images).__name__}. Put it in a list, and name "
            "the files of a folder one by one."
        )
    if isinstance(images, np.ndarray) and images.ndim in (0, 2, 3):
        raise InputError(
            f"Expected several images, got one array of shape {images.shape}. Put an image in a "
            "list; several grey ones have the shape (n_images, height, width, 1)."
        )
    if not isinstance(images, Iterable):
        raise InputError(f"Expected a list of images, got {type(images).__name__}.")
    if batch_size < 1 or workers < 1:
        raise InputError(
            f"Expected batch_size and workers to be at least 1, got {batch_size} and {workers}."
        )
    if on_error not in ON_ERROR:
        raise InputError(f"Expected on_error to be error or skip, got {on_error!r}.")
