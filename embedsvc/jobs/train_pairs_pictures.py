"""Pictures without annotations to learn from: every one opened, before TensorFlow is loaded."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedsvc.cores import available_cores
from embedsvc.datasets.folders import iter_images
from embedsvc.datasets.places import absolute, find_places
from embedsvc.errors import InputError
from embedsvc.extract.rows import printable
from embedsvc.files import sha256_of
from embedsvc.images.decode import read_image
from embedsvc.images.near_duplicates import group_of_descriptors, thumbnail_descriptors
from embedsvc.images.prepare import Preparation
from embedsvc.images.records import ImageRecord
from embedsvc.progress import progress_bar

LEAST_SIDE = 64
"""Pixels; in less, there is too little to see."""

_THUMBNAIL = Preparation(32, 32)
_AHEAD = 2  # pictures in flight for each core


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures that can be learned from.

    Attributes:
        label: what messages call them.
        files: the pictures.
        names: what people call each.
        groups: int64 array of shape (n_files,); those that look alike share a number, and stay
            together in every split.
        rejects: "name" and "reason" of each that was left out.
        digest: sha256 of the contents.
    """

    label: str
    files: tuple[Path, ...]
    names: tuple[str, ...]
    groups: NDArray[np.int64]
    rejects: tuple[dict[str, str], ...]
    digest: str


def find_pictures(
    places: Sequence[str], *, on_error: str = "error", show_progress: bool = False
) -> Pictures:
    """Open every picture of some places.

    Args:
        places: folders, globs or files.
        on_error: "error" stops at the first picture that cannot be used, "skip" leaves it out.
        show_progress: whether a progress bar is drawn on stderr.

    Raises:
        InputError: a place is missing or holds no picture, a picture cannot be used, or none can.
    """
    records = list(iter_images(places))
    seen: list[_Seen] = []
    rejects: list[dict[str, str]] = []
    with (
        progress_bar("Opening", total=len(records), unit="images", show=show_progress) as advance,
        closing(_looked_at(records)) as found,
    ):
        for record, one in found:
            if isinstance(one, _Seen):
                seen.append(one)
            elif on_error == "error":
                raise InputError(f"{one} To leave such pictures out, add --on-error skip.") from one
            else:
                rejects.append({"name": record.name, "reason": str(one)})
            advance(1)
    if not seen:
        raise InputError(
            f"Expected at least one picture that can be used, got {len(rejects):,} that cannot. "
            f"The first: {rejects[0]['reason']}"
        )
    thumbnails = np.stack([one.thumbnail for one in seen])
    return Pictures(
        label=", ".join(printable(place) for place in places),
        files=tuple(one.record.path for one in seen),
        names=tuple(one.record.name for one in seen),
        groups=group_of_descriptors(thumbnail_descriptors(thumbnails)),
        rejects=tuple(rejects),
        digest=hashlib.sha256("\n".join(one.digest for one in seen).encode()).hexdigest(),
    )


def refuse_inside(output: Path, places: Sequence[str]) -> None:
    """Refuse an output whose own pictures the same command would find the next time.

    Raises:
        InputError: it lies in one of the places.
    """
    inside = Path(absolute(output)) / "1.png"
    for place in find_places(places, recursive=True):
        root = Path(absolute(place.root))
        if place.pattern is None or not inside.is_relative_to(root):
            continue
        if place.takes(inside.relative_to(root).as_posix(), place.endings):
            raise InputError(
                f"Expected an output outside of {printable(place.named)}, got {output}: its "
                "pictures would be taken for some to learn from. Choose another output."
            )


@dataclass(frozen=True, eq=False)
class _Seen:
    record: ImageRecord
    digest: str
    thumbnail: NDArray[np.uint8]


def _looked_at(
    records: Sequence[ImageRecord],
) -> Generator[tuple[ImageRecord, _Seen | InputError], None, None]:
    """Each picture in order, opened in threads, a few ahead: Pillow lets other threads run."""
    n_threads = available_cores()
    pool = ThreadPoolExecutor(n_threads, thread_name_prefix="embedsvc-pictures")
    flight: deque[tuple[ImageRecord, Future[_Seen | InputError]]] = deque()
    try:
        for record in records:
            flight.append((record, pool.submit(_look, record)))
            if len(flight) > _AHEAD * n_threads:
                first, future = flight.popleft()
                yield first, future.result()
        while flight:
            first, future = flight.popleft()
            yield first, future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _look(record: ImageRecord) -> _Seen | InputError:
    try:
        # TensorFlow opens files by names in UTF-8.
        str(record.path).encode()
        image = read_image(record.path)
        digest = sha256_of(record.path)
    except UnicodeEncodeError:
        return InputError(
            f"Expected a file name in UTF-8, got another one: {record.name}. Rename the file."
        )
    except OSError as err:
        return InputError(f"Expected to read {record.name}, got: {err.strerror or err}.")
    except InputError as err:
        return err
    if min(image.size) < LEAST_SIDE:
        return InputError(
            f"Expected pictures of at least {LEAST_SIDE} x {LEAST_SIDE} pixels, got {image.width} "
            f"x {image.height}: {record.name}. Take a larger copy."
        )
    return _Seen(record, digest, np.asarray(_THUMBNAIL.apply_pillow(image), np.uint8))
