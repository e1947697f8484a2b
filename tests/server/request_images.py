"""Pictures as requests bring them: sound ones of every kind, bombs, and what is no picture."""

from __future__ import annotations

import base64
import zlib
from io import BytesIO

import numpy as np
from PIL import Image


def encoded(image: Image.Image | np.ndarray, kind: str = "PNG", **options) -> bytes:
    file = BytesIO()
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    image.save(file, kind, **options)
    return file.getvalue()


def data_url(data: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def striped(seed: int, *, size: int = 64) -> np.ndarray:
    """A part with stripes, no two alike."""
    rng = np.random.default_rng(seed)
    stripes = 120 + 60 * np.sin((np.arange(size) + rng.uniform(0, 2)) * 0.6)
    grey = np.tile(stripes, (size, 1)) + rng.normal(0, 6, (size, size))
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def blotted(seed: int, *, size: int = 64) -> np.ndarray:
    """The same with a bright blot and a dark line."""
    pixels = striped(seed, size=size)
    quarter = size // 4
    top, left, line = np.random.default_rng(seed).integers(0, size - quarter, 3)
    pixels[top : top + quarter, left : left + quarter] = 250
    pixels[line : line + 3] = 0
    return pixels


def png_bomb(side: int = 50_000) -> bytes:
    """A few bytes that promise side x side pixels."""
    small = encoded(Image.new("L", (16, 16)))
    chunk = b"IHDR" + side.to_bytes(4) * 2 + small[24:29]
    return small[:12] + chunk + zlib.crc32(chunk).to_bytes(4) + small[33:]


def rotated_jpeg(pixels: np.ndarray) -> bytes:
    """A JPEG that says of itself that it has to be turned by a quarter."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(pixels, "JPEG", quality=95, exif=exif)


NO_PICTURES = {
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "html called png": b"<!doctype html><title>picture.png</title>",
    "pdf": b"%PDF-1.7",
    "nothing": b"",
    "zeros": bytes(100),
    "a word": b"PNG",
}
