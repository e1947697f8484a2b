"""Picture files, however they were made, to the one form everything else works with.

That form is uint8 RGB, upright. What a file says about its range is kept, never stretched to what
the picture happens to hold, so that pictures of one camera stay comparable.

Files are untrusted. The first bytes choose one of seven decoders and a name's ending chooses
nothing, so that none of Pillow's other readers is ever reached. The decoders are called directly:
`PIL.Image.open` warns of large pictures, and warnings cannot be held back in one thread alone.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from embedsvc.errors import InputError
from embedsvc.images.levels import eight_bits, rgb

MAX_PIXELS = 178_000_000
"""Pixels of the largest picture decoded, 0.5 GB as RGB; Pillow itself refuses 178,956,971."""

_MOST_SCANS = 32
# Past the header some pictures of these kinds are read pixel by pixel.
_READ_BY_PIXEL = ("BMP", "PPM")

# Beginning of a file, its kind, its decoder.
_KINDS: list[tuple[bytes, str, type[ImageFile.ImageFile]]] = [
    (b"\xff\xd8\xff", "JPEG", JpegImagePlugin.JpegImageFile),
    (b"\x89PNG\r\n\x1a\n", "PNG", PngImagePlugin.PngImageFile),
    (b"BM", "BMP", BmpImagePlugin.BmpImageFile),
    (b"GIF8", "GIF", GifImagePlugin.GifImageFile),
    (b"RIFF", "WebP", WebPImagePlugin.WebPImageFile),
    *(
        (start, "TIFF", TiffImagePlugin.TiffImageFile)
        for start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
    ),
    # What data sets of matching points come in; grey and colour, in bytes.
    *(
        (b"P%d%c" % (n, end), "PPM", PpmImagePlugin.PpmImageFile)
        for n in (5, 6)
        for end in b" \t\r\n"
    ),
]
_SUPPORTED = "JPEG, PNG, WebP, TIFF, BMP, PPM or GIF"

# What Pillow raises on files that are not what they claim to be. Where the user turned warnings
# into errors, its remarks on odd files arrive as exceptions too.
_BROKEN = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    Warning,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode_image(
    source: Path | str | bytes, *, max_pixels: int = MAX_PIXELS, name: str | None = None
) -> NDArray[np.uint8]:
    """Decode a JPEG, PNG, WebP, TIFF, BMP, PPM or GIF; of several frames the first.

    EXIF orientation is applied, transparency is laid over white, and grey becomes three equal
    channels. Of 16 bits the high byte is kept, floats run from 0 to 1. Colour profiles are
    ignored.

    Args:
        source: a file, or the bytes of one.
        max_pixels: pixels above which a picture is refused, going by its header.
        name: what messages call the picture; None takes the path.

    Returns:
        Uint8 array of shape (height, width, 3).

    Raises:
        InputError: there is no such file, it cannot be read, or it is no sound picture.

    Example:
        >>> decode_image("tile.png").shape
        (480, 640, 3)
    """
    return np.array(read_image(source, max_pixels=max_pixels, name=name))


def read_image(
    source: Path | str | bytes, *, max_pixels: int = MAX_PIXELS, name: str | None = None
) -> Image.Image:
    """The same as `decode_image`, as a Pillow image of mode RGB: large pictures are copied less."""
    name = name or _name_of(source)
    with _decoding(source, name, max_pixels) as image:
        return rgb(_upright(image), bits=_bits(image))


def decode_mask(source: Path | str | bytes, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.bool_]:
    """Decode a ground-truth mask, turned as `decode_image` turns its picture.

    A pixel is marked where its brightest channel lies above half of the range. In 1-bit files and
    palettes every colour but black marks, and so does 1 in a grey file that holds only 0 and 1.
    What is transparent is not marked.

    Returns:
        Bool array of shape (height, width).

    Raises:
        InputError: as `decode_image`.
    """
    with _decoding(source, _name_of(source), max_pixels) as image:
        upright = _upright(image)
        brightest = np.asarray(rgb(upright, ground=0, bits=_bits(image))).max(axis=2)
        if upright.mode in ("1", "P", "PA"):
            return np.asarray(brightest > 0)
        if upright.mode in ("L", "I", "I;16", "I;16B"):
            levels = np.asarray(upright)
            if levels.max() == 1:
                return np.asarray(levels == 1)
        return np.asarray(brightest > 127)


def decoded_size(source: Path | str | bytes, *, name: str | None = None) -> tuple[int, int]:
    """How large a canvas a picture needs to be decoded, going by its header; nothing is decoded.

    It is the size of the picture as stored, or that of a TIFF's tiles where they are larger still.

    Args:
        source: a file, or the bytes of one.
        name: what messages call the picture; None takes the path.

    Returns:
        (height, width) in pixels.

    Raises:
        InputError: as `decode_image`, as far as the header tells.

    Example:
        >>> decoded_size("tile.png")
        (480, 640)
    """
    with _opened(source, name or _name_of(source)) as image:
        width, height = _canvas(image)
        return height, width


def array_image(array: NDArray[Any], *, name: str = "the array") -> NDArray[np.uint8]:
    """Bring a picture that is an array already to the same form as `decode_image`.

    Args:
        array: shape (height, width) or (height, width, channels) with 1, 3 or 4 channels; uint8,
            uint16, bool, or float from 0 to 1. A fourth channel is opacity, over white.
        name: what messages call the picture.

    Returns:
        A new uint8 array of shape (height, width, 3).

    Raises:
        InputError: the shape or the type is another, or values lie outside the type's range.
    """
    shape = array.shape
    if len(shape) not in (2, 3) or 0 in shape or (len(shape) == 3 and shape[2] not in (1, 3, 4)):
        raise InputError(
            "Expected an image of shape (height, width) or (height, width, 1, 3 or 4), got shape "
            f"{shape}, {array.dtype}, in {name}. Channels come last, and no side is empty."
        )
    try:
        levels = eight_bits(array)
    except ValueError as err:
        raise InputError(
            "Expected an image of uint8, uint16, bool, or float from 0 to 1, got "
            f"{err} (shape {shape}, {array.dtype}) in {name}. Scale the values, or convert them "
            'with .astype("uint8") if they already run from 0 to 255.'
        ) from err
    if levels.ndim == 2 or shape[2] == 1:
        return np.repeat(levels.reshape(*shape[:2], 1), 3, axis=2)
    return levels if shape[2] == 3 else np.array(rgb(Image.fromarray(levels)))


# Opening


@contextmanager
def _decoding(source: Path | str | bytes, name: str, max_pixels: int) -> Iterator[Image.Image]:
    """The decoded picture; whatever is wrong with it inside the block is an InputError."""
    with _opened(source, name) as image:
        _check_size(_canvas(image), name, max_pixels)
        if isinstance(image, TiffImagePlugin.TiffImageFile):
            # Pillow would make the canvas itself, but warn of its size first.
            canvas = Image.new(image.mode, getattr(image, "_tile_size", image.size))
            image.im = canvas.im
        image.load()
        yield image


@contextmanager
def _opened(source: Path | str | bytes, name: str) -> Iterator[ImageFile.ImageFile]:
    """The picture with its header read; what is wrong inside the block is an InputError."""
    with _open(source, name) as file:
        kind, decoder = _recognise(file, name)
        try:
            if kind == "JPEG":
                _check_scans(file, name)
            image = decoder(file)
            if isinstance(file, _Source) and kind in _READ_BY_PIXEL:
                file.n_left = None
            yield image
        except InputError:
            raise
        except _BROKEN as err:
            raise InputError(
                f"Expected a sound {kind} file, got a broken or unusual one: {name} "
                f"({str(err) or type(err).__name__}). Copy or save it again, or leave it out."
            ) from err


def _open(source: Path | str | bytes, name: str) -> IO[bytes]:
    if isinstance(source, bytes):
        return _Source(source)
    path = Path(source)
    try:
        if path.is_dir():
            raise InputError(f"Expected an image file, got a folder: {name}. Name the files in it.")
        if path.exists() and not path.is_file():
            raise InputError(f"Expected an image file, got a pipe or device: {name}.")
        return path.open("rb")
    except FileNotFoundError as err:
        raise InputError(f"Expected an image file, got a missing one: {name}.") from err
    except (OSError, ValueError) as err:
        raise InputError(
            f"Expected a readable image file, got an error: {name} ({err}). Check its permissions."
        ) from err


class _Source(BytesIO):
    """The bytes of a file, which may be read in so many pieces.

    Millions of empty segments or blanks would keep Pillow busy for half a minute, and fill
    gigabytes with what it notes of each; sound files have a piece in some hundred bytes at most.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.n_left: int | None = 10_000 + len(data) // 64

    def read(self, size: int | None = -1, /) -> bytes:
        if self.n_left is not None:
            self.n_left -= 1
            if self.n_left < 0:
                raise OSError("it is in too many small pieces")
        return super().read(size)


def _recognise(file: IO[bytes], name: str) -> tuple[str, type[ImageFile.ImageFile]]:
    try:
        start = file.read(16)
        file.seek(0)
    except OSError as err:
        raise InputError(
            f"Expected a readable image file, got an error: {name} ({err}). Check the disk."
        ) from err
    if not start:
        raise InputError(f"Expected an image, got an empty file: {name}. Copy it again.")
    for beginning, kind, decoder in _KINDS:
        if start.startswith(beginning) and (kind != "WebP" or start[8:12] == b"WEBP"):
            return kind, decoder
    raise InputError(
        f"Expected a {_SUPPORTED} image, got something else: {name}. Convert it or leave it out."
    )


def _check_scans(file: IO[bytes], name: str) -> None:
    """Refuse a JPEG of very many passes: each may take but 80 bytes, and paints all pixels again.

    Source:
        Two issues with the JPEG standard, 2015, https://libjpeg-turbo.org/About/TwoIssues.
    """
    # In the pixels' own bytes this marker cannot occur.
    n_scans = file.read().count(b"\xff\xda")
    file.seek(0)
    if n_scans > _MOST_SCANS:
        raise InputError(
            f"Expected a JPEG of at most {_MOST_SCANS} scans, got {n_scans:,}: {name}. "
            "Save it again."
        )


def _canvas(image: ImageFile.ImageFile) -> tuple[int, int]:
    """(width, height) of the largest plane that decoding fills: the picture, or a tile of it."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return image.size
    # Tiles are decoded whole, however little of them lies in the picture.
    tags = (TiffImagePlugin.TILEWIDTH, TiffImagePlugin.TILELENGTH)
    width, height = (image.tag_v2.get(tag, 0) for tag in tags)
    return max(image.size, (int(width), int(height)), key=lambda size: size[0] * size[1])


def _check_size(size: tuple[int, int], name: str, max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise InputError(
            f"Expected an image of at most {max_pixels:,} pixels, got {height:,} x {width:,} "
            f"pixels: {name}. Scale it down or cut it into pieces."
        )


def _upright(image: Image.Image) -> Image.Image:
    try:
        turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except _BROKEN:
        # The pixels are sound; nobody else can read which way up they were meant either.
        turn = None
    return image if turn is None else image.transpose(turn)


def _bits(image: Image.Image) -> int:
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return 16
    return 12 if image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE) == (12,) else 16


def _name_of(source: Path | str | bytes) -> str:
    return "bytes" if isinstance(source, bytes) else str(source)
