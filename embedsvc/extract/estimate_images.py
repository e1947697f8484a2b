"""What a run over images will be like, before it is run."""

from __future__ import annotations

import struct
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from PIL import Image

from embedsvc.extract.estimate import DryRun, Sample, histogram
from embedsvc.extract.kinds import Inputs
from embedsvc.extract.rows import ImageRow
from embedsvc.extract.windows import windows_of

_SAMPLE_SIZE = 32
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
SIDE_EDGES = (64, 128, 256, 512, 1024, 2048, 4096, 8192)
# What Pillow raises of files that are not what they claim to be.
_BROKEN = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    Image.DecompressionBombError,
)


class Measurable(Protocol):
    """What a dry run needs of an encoder of images."""

    @property
    def dim(self) -> int:
        """Components of a vector."""
        ...

    def encode_windows(self, windows: Iterable[list[Any]], *, on_error: str) -> Iterator[Any]:
        """Encode windows of images."""
        ...


@dataclass
class ImageDryRun(DryRun):
    """What a run over images would do; `histogram` is by the longer side in pixels.

    Attributes:
        bytes: size of the files.
        pixels: of all images.
    """

    bytes: int = 0
    pixels: int = 0


def dry_run_images(inputs: Inputs, encoder: Measurable) -> ImageDryRun:
    """Open every image as far as its header and encode a sample, but write nothing."""
    result = ImageDryRun()
    bins: Counter[int] = Counter()
    sample = Sample(_SAMPLE_SIZE)
    for window in windows_of(inputs):
        rows = cast(list[ImageRow], window.rows)
        sizes = [_size(row.path) for row in rows]
        opened = window.without({i: size for i, size in enumerate(sizes) if isinstance(size, str)})
        result.add(opened)
        result.bytes += sum(row.bytes for row in cast(list[ImageRow], opened.rows))
        sides = [size for size in sizes if not isinstance(size, str)]
        result.pixels += sum(width * height for width, height in sides)
        longer = np.fromiter(map(max, sides), np.int64, count=len(sides))
        bins.update(np.searchsorted(SIDE_EDGES, longer).tolist())
        sample.add(opened)
    result.histogram = histogram(bins, SIDE_EDGES)
    result.seconds = _seconds(encoder, sample.items(), result.rows)
    result.vector_bytes = result.rows * encoder.dim * 4
    return result


def _size(path: Path) -> tuple[int, int] | str:
    """Width and height by the header, or what is wrong."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of large images, and of odd but readable files.
            with Image.open(path, formats=_FORMATS) as image:
                return image.size
    except _BROKEN as err:
        problem = getattr(err, "strerror", None) or type(err).__name__
        return (
            f"Expected an image, got a file that does not open as one ({problem}). Save it again, "
            "or leave it out with --on-error skip."
        )


def _seconds(encoder: Measurable, sample: list[Any], n_images: int) -> float:
    if not sample:
        return 0.0
    # The first call pays for kernels that are made once.
    list(encoder.encode_windows([sample[:8]], on_error="skip"))
    start = time.perf_counter()
    list(encoder.encode_windows([sample], on_error="skip"))
    return (time.perf_counter() - start) * n_images / len(sample)
