"""Picture files that every decoder reads alike."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from embedsvc.errors import InputError
from embedsvc.images.decode import decode_image
from embedsvc.images.plain_files import plain_file

Y, X = np.mgrid[:30, :50]
PIXELS = np.stack([X * 5, Y * 8, X + Y], -1).astype(np.uint8)


def encoded(kind, mode="RGB", pixels=PIXELS, **options):
    buffer = BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def turned(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(kind, exif=exif)


@pytest.mark.parametrize(
    "data",
    [encoded("PNG"), encoded("JPEG"), encoded("PNG", "L"), encoded("JPEG", "L"), turned("JPEG", 1)],
)
def test_plain_files_are_kept_byte_for_byte(data):
    found = plain_file(data, max_side=50, name="a")
    assert found.data is data
    assert found.size == found.original == (30, 50)


@pytest.mark.parametrize(
    "data",
    [
        encoded("BMP"),
        encoded("TIFF"),
        encoded("WEBP", lossless=True),
        encoded("GIF", "P"),
        encoded("PNG", "P"),
        encoded("PNG", "1"),
        encoded("PNG", "RGBA"),
        encoded("PNG", "LA"),
        encoded("PNG", "L", transparency=7),
        encoded("PNG", "I;16"),
        encoded("JPEG", "CMYK"),
        turned("JPEG", 6),
        turned("PNG", 8),
        encoded("JPEG") + bytes(200_000),
    ],
)
def test_others_become_pngs_of_the_same_pixels(data):
    found = plain_file(data, max_side=50, name="a")
    assert found.data.startswith(b"\x89PNG")
    expected = decode_image(data)
    assert found.size == found.original == expected.shape[:2]
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(found.data))), expected)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP"])
def test_large_pictures_are_made_smaller(kind):
    found = plain_file(encoded(kind, quality=98), max_side=20, name="a")
    assert found.size == (12, 20)
    assert found.original == (30, 50)
    small = Image.open(BytesIO(found.data))
    assert small.format == ("JPEG" if kind == "JPEG" else "PNG")
    assert small.size == (20, 12)
    # A ramp stays a ramp, at the middles of the pixels: x = (x' + 0.5) * 2.5 - 0.5.
    red = np.asarray(small)[6, 3:-3, 0]
    np.testing.assert_allclose(red, ((np.arange(3, 17) + 0.5) * 2.5 - 0.5) * 5, atol=4)


def test_nothing_finer_than_the_new_pixels_is_left():
    checks = np.repeat((((X + Y) % 2) * 255)[..., None], 3, -1).astype(np.uint8)
    small = decode_image(plain_file(encoded("PNG", pixels=checks), max_side=20, name="a").data)
    assert np.ptp(small[2:-2, 2:-2].astype(int)) < 12


def test_a_thin_picture_keeps_a_pixel():
    thin = encoded("PNG", pixels=np.zeros((1, 400, 3), np.uint8))
    assert plain_file(thin, max_side=10, name="a").size == (1, 10)


def test_turned_pictures_are_measured_upright():
    found = plain_file(turned("JPEG", 6), max_side=25, name="a")
    assert found.original == (50, 30)
    assert found.size == (25, 15)


@pytest.mark.parametrize("data", [b"", b"text", encoded("PNG")[:70]])
def test_broken_files_are_named(data):
    with pytest.raises(InputError, match="left.jpg"):
        plain_file(data, max_side=100, name="left.jpg")
