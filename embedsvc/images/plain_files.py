"""Pictures as files that every decoder reads alike: JPEG or PNG, upright, 8 bits, not transparent.

A file that is so already is kept byte for byte. TensorFlow's decoders pass over orientation and
transparency, and know neither CMYK nor half of the formats.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from io import BytesIO

from PIL import ExifTags, Image, JpegImagePlugin, PngImagePlugin

from embedsvc.images.decode import read_image

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_PNG_BITS = 24  # where the depth stands in a PNG
_ROOM = 1 << 16  # for headers and comments
_QUALITY = 95
_PLAIN = ("L", "RGB")
# What Pillow raises on broken EXIF data.
_BROKEN = (
    AttributeError,
    LookupError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    Warning,
    struct.error,
)


@dataclass(frozen=True, slots=True)
class PlainFile:
    """A picture's file.

    Attributes:
        data: a JPEG or PNG.
        size: its height and width.
        original: height and width of the picture before, upright.
    """

    data: bytes
    size: tuple[int, int]
    original: tuple[int, int]


def plain_file(data: bytes, *, max_side: int, name: str) -> PlainFile:
    """Bring a picture's file to the plain form.

    Args:
        data: a file as `decode_image` reads it.
        max_side: pixels of the longer side from which a picture is made smaller, by Lanczos'
            filter, which leaves nothing finer than the new pixels. Shrunken JPEGs stay JPEGs, of
            quality 95; all else that is not kept becomes a PNG, which loses nothing.
        name: what messages call the picture.

    Raises:
        InputError: as `decode_image`.
    """
    image = read_image(data, name=name)
    original = image.height, image.width
    longer = max(original)
    if longer <= max_side:
        kept = data if _is_plain(data, image) else _encode(image, jpeg=False)
        return PlainFile(kept, original, original)
    height, width = (max(1, round(side * max_side / longer)) for side in original)
    # Reducing by whole factors first saves half of the time, and moves nothing.
    small = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    encoded = _encode(small, jpeg=data.startswith(_JPEG))
    return PlainFile(encoded, (height, width), original)


def _is_plain(data: bytes, image: Image.Image) -> bool:
    """Whether a sound file, of which the picture was read, is kept."""
    # A file may carry anything behind or beside its picture.
    if len(data) > 3 * image.width * image.height + _ROOM:
        return False
    if data.startswith(_JPEG):
        opened: Image.Image = JpegImagePlugin.JpegImageFile(BytesIO(data))
    elif data.startswith(_PNG) and data[_PNG_BITS] == 8:
        opened = PngImagePlugin.PngImageFile(BytesIO(data))
    else:
        return False
    if opened.mode not in _PLAIN or "transparency" in opened.info:
        return False
    try:
        turned = opened.getexif().get(ExifTags.Base.Orientation, 1) != 1
    except _BROKEN:
        return False
    return not turned and getattr(opened, "n_frames", 1) == 1


def _encode(image: Image.Image, *, jpeg: bool) -> bytes:
    buffer = BytesIO()
    if jpeg:
        image.save(buffer, "JPEG", quality=_QUALITY, subsampling=0)
    else:
        image.save(buffer, "PNG")
    return buffer.getvalue()
