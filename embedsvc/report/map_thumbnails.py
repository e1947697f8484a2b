"""Small pictures on a drawn map: as many as there is room for, the first ones first."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from embedsvc.report.map_labels import Box, place_labels

_SIDE = 60  # pixels
_FRAME = 2


def draw_thumbnails(
    figure: Any,
    pictures: Sequence[bytes | None],
    anchors: NDArray[np.float64],
    colours: NDArray[Any],
    frame: Box,
    taken: Sequence[Box],
) -> None:
    """Draw pictures where they cover nothing but points.

    Args:
        figure: of matplotlib.
        pictures: JPEG bytes, None where there is none.
        anchors: where each belongs, in pixels of the figure, shape (n, 2).
        colours: of their frames, from 0 to 1, shape (n, 4).
        frame: which they do not leave.
        taken: boxes that stand there already.
    """
    found = [i for i, picture in enumerate(pictures) if picture is not None]
    images = [_framed(pictures[i], colours[i]) for i in found]
    centres = place_labels(
        [(float(anchors[i, 0]), float(anchors[i, 1])) for i in found],
        [image.size for image in images],
        frame,
        shifts=[(0, 0)],
        taken=taken,
    )
    for image, centre in zip(images, centres, strict=True):
        if centre is not None:
            width, height = image.size
            place = (round(centre[0] - width / 2), round(centre[1] - height / 2))
            figure.figimage(np.asarray(image), *place, origin="upper", zorder=5)


def _framed(picture: bytes | None, colour: NDArray[Any]) -> Image.Image:
    image = Image.open(io.BytesIO(picture or b"")).convert("RGB")
    image.thumbnail((_SIDE, _SIDE))
    red, green, blue = (round(255 * float(one)) for one in colour[:3])
    return ImageOps.expand(image, _FRAME, (red, green, blue))
