"""Images to vectors with a CNN."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from embedsvc.encoders.base import PretrainedEncoder
from embedsvc.encoders.image_network import ImageNetwork, load_image_network
from embedsvc.encoders.pipeline import Plan, run_pipeline
from embedsvc.errors import InputError
from embedsvc.images.loading import ON_ERROR, Batch, Failure, ImageLike, load_batches
from embedsvc.images.prepare import Preparation
from embedsvc.nets.image_pooling import IMAGE_POOLINGS, pool_maps, unit_rows
from embedsvc.progress import progress_bar

WINDOW_IMAGES = 512
WINDOW_BYTES = 64_000_000
_TAP = "last"

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class ImageInfo:
    """How large each picture was before it was resized.

    Attributes:
        heights: in pixels; int32 array of shape (n_images,).
        widths: in pixels; int32 array of shape (n_images,).
    """

    heights: NDArray[np.int32]
    widths: NDArray[np.int32]


@dataclass(frozen=True)
class EncodedImages(ImageInfo):
    """The vectors of a window of images, with what `ImageInfo` says of each.

    Attributes:
        vectors: of the readable images, in order; float32 array of shape (n_readable, dim).
        failures: what is wrong with the others, by their position in the window; empty unless
            images that cannot be used are skipped.
    """

    vectors: Vectors
    failures: dict[int, str] = field(default_factory=dict)


class ImageEncoder(PretrainedEncoder):
    """A pretrained CNN that turns images into vectors; also a scikit-learn transformer.

    The model is loaded when it is first needed. Vectors do not depend on batch size, order or
    neighbours (to 1e-5).

    Args:
        model: an image model of the catalogue, or "keras:NAME" or "keras:NAME@FILE" for a network
            of keras.applications.
        pooling: how the last map becomes a vector: "mean", "gem" (generalized mean, power 3) or
            "max"; None takes the model's own.
        normalize: whether vectors have length 1; None takes the model's own.
        size: height and width in pixels that pictures are resized to, or one number for both; None
            takes the model's own.
        resize: how: "stretch" to the size, "fit" the whole picture into it, or "crop" the middle.
        lighting: "keep", or "normalize", after which the brightness of a picture tells nothing.
        batch_images: images a batch; None suits the machine.
        workers: batches computed at the same time, and threads that decode; None suits the machine.

    Example:
        >>> encoder = ImageEncoder("efficientnet-lite0")
        >>> encoder.encode(["cat.jpg", "espresso.png"]).shape
        (2, 1280)
    """

    def __init__(
        self,
        model: str | Path = "efficientnet-lite0",
        *,
        pooling: str | None = None,
        normalize: bool | None = None,
        size: int | tuple[int, int] | None = None,
        resize: str = "stretch",
        lighting: str = "keep",
        batch_images: int | None = None,
        workers: int | None = None,
    ) -> None:
        self.model = model
        self.pooling = pooling
        self.normalize = normalize
        self.size = size
        self.resize = resize
        self.lighting = lighting
        self.batch_images = batch_images
        self.workers = workers

    # What the model is

    @property
    def dim(self) -> int:
        """Components of a vector."""
        return self.network.channels[_TAP]

    @property
    def network(self) -> ImageNetwork:
        """The loaded model; encoders of one model share it."""
        with _loading:
            if getattr(self, "_network_model", None) != str(self.model):
                self._check()
                self._network = load_image_network(self.model, taps=(_TAP,))
                self._network_model = str(self.model)
        return self._network

    def describe(self) -> dict[str, Any]:
        """What made the vectors: enough to make them again, or to refuse to mix them."""
        described = self.network.describe()
        preparation = self._preparation()
        return {
            "model": described["model"],
            "model_sha256": described["model_sha256"],
            "dim": self.dim,
            "pooling": self._pooling(),
            "normalize": self._normalize(),
            "size": [preparation.height, preparation.width],
            "resize": self.resize,
            "lighting": self.lighting,
        }

    # Images to vectors

    @overload
    def encode(
        self,
        images: Iterable[ImageLike],
        *,
        show_progress: bool = ...,
        return_info: Literal[False] = ...,
    ) -> Vectors: ...

    @overload
    def encode(
        self,
        images: Iterable[ImageLike],
        *,
        show_progress: bool = ...,
        return_info: Literal[True],
    ) -> tuple[Vectors, ImageInfo]: ...

    def encode(
        self,
        images: Iterable[ImageLike],
        *,
        show_progress: bool = False,
        return_info: bool = False,
    ) -> Vectors | tuple[Vectors, ImageInfo]:
        """Encode images and return all vectors at once.

        Args:
            images: files, bytes of files, or arrays of shape (height, width, 3) and type uint8, in
                any mix of sizes; none gives an array of shape (0, dim).
            show_progress: whether a progress bar is drawn on stderr.
            return_info: whether to return an `ImageInfo` beside the vectors.

        Returns:
            Float32 array of shape (n_images, dim), in the order of the images.

        Raises:
            InputError: `images` is one image, or one of them cannot be used; the message names it.
        """
        total = len(images) if isinstance(images, Sized) else None
        with progress_bar("Embedding", total=total, unit="images", show=show_progress) as advance:
            windows = list(self.encode_stream(images, advance=advance))
        vectors = np.concatenate(
            [np.empty((0, self.dim), np.float32), *(window.vectors for window in windows)]
        )
        if not return_info:
            return vectors
        heights = [np.empty(0, np.int32), *(window.heights for window in windows)]
        widths = [np.empty(0, np.int32), *(window.widths for window in windows)]
        return vectors, ImageInfo(np.concatenate(heights), np.concatenate(widths))

    def encode_stream(
        self,
        images: Iterable[ImageLike],
        *,
        window: int = WINDOW_IMAGES,
        on_error: str = "error",
        advance: Callable[[int], None] = lambda count: None,
    ) -> Iterator[EncodedImages]:
        """Encode images as they come, in windows, with bounded memory.

        Args:
            images: any iterable of images; read about two windows ahead of what is yielded, of
                which only a few batches are decoded at a time.
            window: images that are yielded together; a window ends early at 64 MB of bytes or
                arrays.
            on_error: "error" stops at the first image that cannot be used, "skip" goes on.
            advance: called, from worker threads too, with the number of images just done.

        Yields:
            The vectors of the next window of images, in the order of the images.

        Raises:
            InputError: as `encode`.
        """
        return self.encode_windows(_windows(images, window), on_error=on_error, advance=advance)

    def encode_windows(
        self,
        windows: Iterable[list[ImageLike]],
        *,
        on_error: str = "error",
        advance: Callable[[int], None] = lambda count: None,
    ) -> Iterator[EncodedImages]:
        """Encode windows of images cut by the caller, one result a window.

        Args:
            windows: lists of images; the same window always gives the same bits.
            on_error: "error" stops at the first image that cannot be used, "skip" lists it in the
                window's `failures`.
            advance: called, from worker threads too, with the number of images just done; images
                that cannot be used count as well.

        Yields:
            The vectors of each window, in order.

        Raises:
            InputError: as `encode`.
        """
        self._check()
        if on_error not in ON_ERROR:
            raise InputError(
                f"Expected on_error to be one of {', '.join(ON_ERROR)}, got {on_error!r}."
            )
        return _Run(self, skip=on_error == "skip", advance=advance).encode(windows)

    # Inside

    def _check(self) -> None:
        if self.pooling is not None and self.pooling not in IMAGE_POOLINGS:
            raise InputError(
                f"Expected pooling to be one of {', '.join(IMAGE_POOLINGS)} or None, "
                f"got {self.pooling!r}."
            )
        for name in ("batch_images", "workers"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"Expected {name} to be at least 1 or None, got {value}.")
        Preparation(
            *_sides(1 if self.size is None else self.size),
            resize=self.resize,
            lighting=self.lighting,
        )

    def _pooling(self) -> str:
        return self.pooling or self.network.pooling

    def _normalize(self) -> bool:
        return self.network.normalize if self.normalize is None else self.normalize

    def _preparation(self) -> Preparation:
        sides = _sides(self.network.input_size if self.size is None else self.size)
        return Preparation(*sides, resize=self.resize, lighting=self.lighting)


class _Run:
    """One pass over windows of images, its settings fixed when it begins."""

    def __init__(
        self, encoder: ImageEncoder, *, skip: bool, advance: Callable[[int], None]
    ) -> None:
        self._network = encoder.network
        self._dim = encoder.dim
        self._pooling, self._normalize = encoder._pooling(), encoder._normalize()
        self._preparation = encoder._preparation()
        runtime = self._network.runtime
        self._workers = encoder.workers or runtime.workers
        self._batch_images = encoder.batch_images or runtime.batch_images(
            self._preparation.height, self._preparation.width
        )
        self._skip, self._advance = skip, advance
        self._n_before = 0
        # Decoding must not run away from computing: that many batches of pixels may wait.
        self._room = threading.Semaphore(self._workers + 2)

    def encode(self, windows: Iterable[list[ImageLike]]) -> Iterator[EncodedImages]:
        return run_pipeline(
            windows, prepare=self._plan, compute=self._compute, workers=self._workers
        )

    def _plan(self, images: list[ImageLike]) -> Plan[Batch, Vectors, EncodedImages]:
        first = self._n_before
        self._n_before += len(images)
        failures: dict[int, str] = {}
        sizes: list[NDArray[np.int64]] = [np.empty((0, 2), np.int64)]

        def note(failure: Failure) -> None:
            if not self._skip:
                raise InputError(_reason(failure, images[failure.index], first))
            failures[failure.index] = failure.reason
            self._advance(1)

        def batches() -> Iterator[Batch]:
            for batch in load_batches(
                images,
                self._preparation,
                batch_size=self._batch_images,
                workers=self._workers,
                on_error="skip",
                on_failure=note,
            ):
                sizes.append(batch.sizes)
                self._room.acquire()
                yield batch

        def finish(results: list[Vectors]) -> EncodedImages:
            heights, widths = np.concatenate(sizes).astype(np.int32).T
            vectors = np.concatenate([np.empty((0, self._dim), np.float32), *results])
            return EncodedImages(heights, widths, vectors, failures)

        return Plan(batches(), finish)

    def _compute(self, batch: Batch) -> Vectors:
        try:
            maps = self._network.maps(batch.pixels)[_TAP]
        finally:
            self._room.release()
        vectors = pool_maps(maps, pooling=self._pooling)
        if self._normalize:
            vectors = unit_rows(vectors)
        self._advance(len(vectors))
        return vectors


# Two threads that ask for the same encoder's network at once must not both load it.
_loading = threading.RLock()


def _sides(size: int | tuple[int, int]) -> tuple[int, int]:
    sides = tuple(size) if isinstance(size, (tuple, list)) else (size, size)
    if len(sides) != 2 or not all(type(side) is int for side in sides):
        raise InputError(
            f"Expected size to be a number of pixels or (height, width), got {size!r}."
        )
    return sides[0], sides[1]


def _reason(failure: Failure, image: ImageLike, first: int) -> str:
    """What is wrong with an image of a window that begins with image number `first`."""
    if isinstance(image, (str, Path)):
        return failure.reason
    # Without a path it goes by its number, which is that in the window.
    return failure.reason.replace(failure.name, f"image {first + failure.index}", 1)


def _windows(images: Iterable[ImageLike], size: int) -> Iterator[list[ImageLike]]:
    if size < 1:
        raise InputError(f"Expected window to be at least 1, got {size}.")
    # A single image is refused in its own words; nothing is read yet.
    load_batches(images, Preparation(1, 1)).close()
    return _cut(images, size)


def _cut(images: Iterable[ImageLike], size: int) -> Iterator[list[ImageLike]]:
    window: list[ImageLike] = []
    n_bytes = 0
    for image in images:
        window.append(image)
        n_bytes += _bytes_held(image)
        if len(window) == size or n_bytes >= WINDOW_BYTES:
            yield window
            window, n_bytes = [], 0
    if window:
        yield window


def _bytes_held(image: ImageLike) -> int:
    if isinstance(image, np.ndarray):
        return image.nbytes
    return len(image) if isinstance(image, bytes) else 0
