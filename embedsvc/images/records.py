"""What is known of one picture of a data set before it is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".ppm", ".pgm")
"""Of files that are taken for images, in any case."""


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One picture of a folder or a manifest.

    Attributes:
        path: the file.
        name: how the user sees it: relative to the folder scanned, with forward slashes.
        label: 0 normal, 1 anomalous, None unknown.
        mask: the ground-truth mask of an anomalous picture.
        split: "train", "test" or None.
        group: pictures of one object share a group and stay together in every split.
        defect: "good", or the kind of defect.
    """

    path: Path
    name: str
    label: int | None = None
    mask: Path | None = None
    split: str | None = None
    group: str | None = None
    defect: str | None = None
