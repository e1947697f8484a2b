"""How a picture of any size becomes network input, and how a map finds its way back.

One geometry serves three things: the picture, its ground-truth mask, and the map a detector
returns. It is a rectangle of the picture that is shown, and a rectangle of the canvas where it
lies; both are whole pixels, so that nothing is off by a fraction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from embedsvc.errors import InputError
from embedsvc.images.luminance import LUMINANCE

RESIZES = ("stretch", "fit", "crop")
LIGHTINGS = ("keep", "normalize")
LARGEST_SIDE = 8192

Box = tuple[int, int, int, int]  # left, top, right, bottom
_TARGET_LUMINANCE = 127.0
_BRIGHT_SHARE = 0.99


@dataclass(frozen=True)
class Preparation:
    """How pictures become network input; the same for every picture of a detector.

    Attributes:
        height: rows of the result.
        width: columns of the result.
        resize: "stretch" fills the canvas and may change the aspect; "fit" shows the whole
            picture and fills the rest with the median colour of the edges it touches (black bars
            would be the strongest edges of the picture, and repeated edge pixels make streaks);
            "crop" shows the largest centred part of the canvas' aspect.
        lighting: "keep", or "normalize", which multiplies each picture so that the brightness
            of the lamp no longer tells anything.

    Raises:
        InputError: a setting is not one of these.

    Example:
        >>> Preparation(224, 224, resize="fit").apply(decode_image("tile.png")).shape
        (224, 224, 3)
    """

    height: int
    width: int
    resize: str = "stretch"
    lighting: str = "keep"

    def __post_init__(self) -> None:
        if not (1 <= self.height <= LARGEST_SIDE and 1 <= self.width <= LARGEST_SIDE):
            raise InputError(
                f"Expected a height and width from 1 to {LARGEST_SIDE}, got {self.height} x "
                f"{self.width}. Cut larger pictures into tiles."
            )
        for name, value, allowed in (
            ("resize", self.resize, RESIZES),
            ("lighting", self.lighting, LIGHTINGS),
        ):
            if value not in allowed:
                raise InputError(
                    f"Expected {name} to be one of {', '.join(allowed)}, got {value!r}."
                )

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Prepare one picture.

        Args:
            image: uint8 array of shape (h, w, 3).

        Returns:
            A new uint8 array of shape (height, width, 3).

        Raises:
            InputError: the shape or type is another.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
            raise InputError(
                f"Expected an image of shape (height, width, 3), uint8, got {image.shape}, "
                f"{image.dtype}. Pass it through array_image first."
            )
        return self.apply_pillow(Image.fromarray(image))

    def apply_pillow(self, image: Image.Image) -> NDArray[np.uint8]:
        """The same as `apply` for a Pillow image of mode RGB, which saves copies of large ones."""
        shown, (left, top, right, bottom) = self._geometry(image.height, image.width)
        # Reducing by whole factors first changes levels by 3 at most and saves half of the time.
        resized = image.resize(
            (right - left, bottom - top), Image.Resampling.BICUBIC, box=shown, reducing_gap=3.0
        )
        content = np.array(resized)
        if self.lighting == "normalize":
            content = _normalize_gain(content)
        if content.shape[:2] == (self.height, self.width):
            return content
        canvas = np.empty((self.height, self.width, 3), np.uint8)
        canvas[:] = _edge_colour(content, self.height, self.width)
        canvas[top:bottom, left:right] = content
        return canvas

    def apply_mask(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Bring a ground-truth mask onto the canvas, so that no defect shown there vanishes.

        A pixel is marked if the share of it that the defect covers is at least half of the
        largest share of any pixel of that connected defect: half covered for large defects,
        and a scratch thinner than a pixel stays a line of one pixel.

        Args:
            mask: bool array of shape (h, w), the shape of the picture.

        Returns:
            Bool array of shape (height, width).
        """
        shown, (left, top, right, bottom) = self._geometry(*mask.shape)
        covered = np.asarray(
            Image.fromarray(mask.astype(np.float32)).resize(
                (right - left, bottom - top), Image.Resampling.BOX, box=shown
            )
        )
        defects, n_defects = ndimage.label(covered > 0, structure=np.ones((3, 3)))
        peaks = ndimage.maximum(covered, defects, np.arange(n_defects + 1))
        canvas = np.zeros((self.height, self.width), np.bool_)
        canvas[top:bottom, left:right] = (defects > 0) & (
            covered >= 0.5 * np.asarray(peaks)[defects]
        )
        return canvas

    def restore_map(
        self, anomaly_map: NDArray[np.float32], original: tuple[int, int]
    ) -> NDArray[np.float32]:
        """Bring a map of the canvas back onto the original picture, bilinearly.

        Args:
            anomaly_map: float32 array of shape (height', width'), of any resolution; it spans
                the canvas.
            original: (height, width) of the original picture.

        Returns:
            Float32 array of shape `original`; what "crop" left out has the map's minimum.
        """
        (left, top, right, bottom), placed = self._geometry(*original)
        map_height, map_width = anomaly_map.shape
        across, down = map_width / self.width, map_height / self.height
        box = (placed[0] * across, placed[1] * down, placed[2] * across, placed[3] * down)
        restored = np.full(original, anomaly_map.min(), np.float32)
        restored[top:bottom, left:right] = np.asarray(
            Image.fromarray(np.asarray(anomaly_map, np.float32)).resize(
                (right - left, bottom - top), Image.Resampling.BILINEAR, box=box
            )
        )
        return restored

    def _geometry(self, height: int, width: int) -> tuple[Box, Box]:
        """The part shown of a picture of that size, and where it lies on the canvas."""
        whole, canvas = (0, 0, width, height), (0, 0, self.width, self.height)
        scales = self.height / height, self.width / width
        if self.resize == "fit":
            return whole, _centred(canvas, height * min(scales), width * min(scales))
        if self.resize == "crop":
            return _centred(whole, self.height / max(scales), self.width / max(scales)), canvas
        return whole, canvas


def _centred(outer: Box, height: float, width: float) -> Box:
    _, _, outer_width, outer_height = outer
    rows = min(max(round(height), 1), outer_height)
    columns = min(max(round(width), 1), outer_width)
    left, top = (outer_width - columns) // 2, (outer_height - rows) // 2
    return left, top, left + columns, top + rows


def _normalize_gain(content: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Multiply a picture so that its mean luminance is 127, or less where that would blow it out.

    A small bright object on a dark ground would turn all white; there the gain brings the
    brightest hundredth of the pixels to 255 instead. Both rules divide by something that follows
    the lamp, so the same scene under half the light gives the same result up to rounding. Black
    pictures stay black.
    """
    mean = float(content.reshape(-1, 3).mean(axis=0) @ LUMINANCE)
    if mean == 0:
        return content
    brightest = float(np.quantile(content.max(axis=2), _BRIGHT_SHARE))
    gain = min(_TARGET_LUMINANCE / mean, 255 / max(brightest, 1.0))
    table = np.clip(np.rint(np.arange(256) * gain), 0, 255).astype(np.uint8)
    return np.asarray(table[content])


def _edge_colour(content: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    edges = []
    if content.shape[0] < height:
        edges += [content[0], content[-1]]
    if content.shape[1] < width:
        edges += [content[:, 0], content[:, -1]]
    return np.asarray(np.rint(np.median(np.concatenate(edges), axis=0)), np.uint8)
