"""Pictures of the images worth showing, and overlays of their anomaly maps as files."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from embedsvc.errors import InputError
from embedsvc.images.decode import decode_image, decode_mask
from embedsvc.jobs.pictures import map_pictures, picture_of, shown_range
from embedsvc.jobs.scoring import ScoredRow
from embedsvc.report.heatmap import write_overlay

if TYPE_CHECKING:
    from embedsvc.detectors.base import AnomalyDetector

_MOST_SIDE = 1600
_MOST_NAME = 80
_AHEAD = 256
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Pictures:
    """Small JPEGs of an image; None where there are none."""

    picture: bytes | None = None
    map_picture: bytes | None = None
    overlay_picture: bytes | None = None


def overlay_name(number: int, name: str) -> str:
    """The file of an overlay: safe on every system, and unlike that of any other number.

    Example:
        >>> overlay_name(3, "crack/a b.jpg")
        '0003_crack_a_b.png'
    """
    stem = _UNSAFE.sub("_", name.rpartition(".")[0] or name).strip("._")
    return f"{number:04}_{stem[-_MOST_NAME:]}.png" if stem else f"{number:04}.png"


def take_pictures(rows: Iterable[ScoredRow]) -> dict[int, Pictures]:
    """Small pictures by index; images that are gone by now have none."""
    pictures = {}
    for row in rows:
        with suppress(InputError):
            pictures[row.index] = Pictures(picture_of(path_of(row)))
    return pictures


def draw_maps(
    rows: Iterable[tuple[Path, ScoredRow]],
    detector: AnomalyDetector,
    *,
    shown: frozenset[int],
    advance: Callable[[int], None] = lambda count: None,
) -> dict[int, Pictures]:
    """Write overlays, and take small pictures of some of the images.

    Args:
        rows: the images, and where the overlay of each goes; one that stands there already, from
            a run that was stopped, is kept.
        detector: fitted; it has maps.
        shown: indices of the images whose small pictures are wanted.
        advance: called with the number of images just done.

    Returns:
        Small pictures by index.

    Raises:
        OutputError: an overlay cannot be written.
    """
    pictures: dict[int, Pictures] = {}
    for group in _grouped(rows):
        missing = []
        for target, row in group:
            if row.index in shown or not target.exists():
                missing.append((target, row))
            else:
                advance(1)
        paths = [path_of(row) for _, row in missing]
        batches = detector.score_stream(paths, with_maps=True, on_error="skip", advance=advance)
        for batch in batches:
            maps = batch.maps
            for at, i in enumerate(batch.indices.tolist()):
                target, row = missing[i]
                # An image can be gone by now.
                with suppress(InputError):
                    if maps is not None:
                        small = _draw(target, row, maps[at], detector, small=row.index in shown)
                        pictures |= {} if small is None else {row.index: small}
    return pictures


def path_of(row: ScoredRow) -> Path:
    """The file of an image."""
    return Path(os.fsdecode(row.path or b""))


def _grouped(rows: Iterable[tuple[Path, ScoredRow]]) -> Iterator[list[tuple[Path, ScoredRow]]]:
    group = []
    for one in rows:
        group.append(one)
        if len(group) == _AHEAD:
            yield group
            group = []
    if group:
        yield group


def _draw(
    target: Path,
    row: ScoredRow,
    anomaly_map: NDArray[np.float32],
    detector: AnomalyDetector,
    *,
    small: bool,
) -> Pictures | None:
    image = decode_image(path_of(row))
    truth = _truth(row, image)
    map_range = detector.map_range_ or (float(anomaly_map.min()), float(anomaly_map.max()))
    if not target.exists():
        low, high = shown_range(map_range)
        shrunk = _shrunk(image)
        height, width = shrunk.shape[:2]
        restored = detector.preparation.restore_map(anomaly_map, (height, width))
        outlined = None if truth is None else _shrunk_mask(truth, shrunk)
        write_overlay(target, shrunk, restored, low=low, high=high, truth=outlined)
    if not small:
        return None
    drawn = map_pictures(image, anomaly_map, detector.preparation, map_range, truth=truth)
    return Pictures(picture_of(image), *drawn)


def _truth(row: ScoredRow, image: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """Where the defect is, if that is known and fits the image."""
    if row.mask is None:
        return None
    try:
        truth = decode_mask(Path(os.fsdecode(row.mask)))
    except InputError:
        return None
    return truth if truth.shape == image.shape[:2] else None


def _shrunk(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image, at most 1,600 pixels a side: overlays of all images must fit on a disk."""
    small = Image.fromarray(image)
    small.thumbnail((_MOST_SIDE, _MOST_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(small, np.uint8)


def _shrunk_mask(truth: NDArray[np.bool_], like: NDArray[np.uint8]) -> NDArray[np.bool_]:
    size = (like.shape[1], like.shape[0])
    small = Image.fromarray(truth).resize(size, Image.Resampling.NEAREST)
    return np.asarray(small, np.bool_)
