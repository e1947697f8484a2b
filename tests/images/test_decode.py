"""Every kind of picture, every fault, and files broken at random."""

from __future__ import annotations

import os
import stat
import struct
import warnings
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile
from tiff_bytes import tiff

from embedsvc.errors import InputError
from embedsvc.images.decode import (
    array_image,
    decode_image,
    decode_mask,
    decoded_size,
    read_image,
)

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (12, 9, 3), np.uint8)
GREY = COLOURS[..., 0]
SMOOTH = (np.indices((40, 30)).sum(0)[..., None] * [3, 2, 1]).astype(np.uint8)


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def grey_everywhere(levels) -> np.ndarray:
    return np.repeat(np.asarray(levels, np.uint8)[..., None], 3, axis=2)


# Kinds and modes


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF", "WebP", "PPM"])
def test_lossless_kinds(kind):
    options = {"lossless": True} if kind == "WebP" else {}
    image = Image.fromarray(COLOURS)
    if kind == "GIF":
        image = image.quantize(200)
    decoded = decode_image(encoded(image, kind, **options))
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, np.asarray(image.convert("RGB")))


def test_ppm_of_other_ranges():
    """A largest value of its own: 16 bits keep the high byte, fewer are stretched to 255."""
    deep = (GREY.astype(int) << 8 | 77).astype(">u2").tobytes()
    np.testing.assert_array_equal(decode_image(b"P5 9 12 65535\n" + deep), grey_everywhere(GREY))
    small = decode_image(b"P6\n# made here\n9 12\n15\n" + (COLOURS >> 4).tobytes())
    np.testing.assert_array_equal(small, (COLOURS >> 4) * 17)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_deflate", "packbits"])
def test_compressed_tiff(compression):
    file = encoded(Image.fromarray(COLOURS), "TIFF", compression=compression)
    np.testing.assert_array_equal(decode_image(file), COLOURS)


@pytest.mark.parametrize("kind", ["JPEG", "WebP"])
def test_lossy_kinds(kind):
    decoded = decode_image(encoded(Image.fromarray(SMOOTH), kind, quality=95))
    assert np.abs(decoded.astype(int) - SMOOTH).mean() < 3


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF", "JPEG", "PPM"])
def test_grey_has_three_equal_channels(kind):
    decoded = decode_image(encoded(Image.fromarray(SMOOTH[..., 0]), kind, quality=100))
    np.testing.assert_allclose(decoded, grey_everywhere(SMOOTH[..., 0]), atol=2)
    assert np.ptp(decoded, axis=2).max() == 0


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF"])
def test_one_bit(kind):
    decoded = decode_image(encoded(Image.fromarray(GREY > 127), kind))
    np.testing.assert_array_equal(decoded, grey_everywhere(np.where(GREY > 127, 255, 0)))


def test_palette_keeps_its_colours():
    image = Image.fromarray(COLOURS).quantize(16)
    np.testing.assert_array_equal(
        decode_image(encoded(image, "PNG")), np.asarray(image.convert("RGB"))
    )


def test_cmyk():
    for kind in ("JPEG", "TIFF"):
        image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
        decoded = decode_image(encoded(image, kind))
        np.testing.assert_allclose(decoded, np.full((8, 8, 3), [255, 0, 0]), atol=3)


def test_ycbcr_tiff():
    image = Image.fromarray(SMOOTH).convert("YCbCr")
    np.testing.assert_allclose(decode_image(encoded(image, "TIFF")), SMOOTH, atol=3)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WebP"])
def test_alpha_lies_over_white(kind):
    rgba = np.dstack([COLOURS, GREY])
    options = {"lossless": True, "exact": True} if kind == "WebP" else {}
    opacity = GREY[..., None] / 255
    decoded = decode_image(encoded(Image.fromarray(rgba), kind, **options))
    np.testing.assert_allclose(decoded, COLOURS * opacity + 255 * (1 - opacity), atol=1.01)


def test_grey_with_alpha():
    image = Image.fromarray(np.array([[[10, 0], [10, 255]]], np.uint8), "LA")
    decoded = decode_image(encoded(image, "PNG"))
    np.testing.assert_array_equal(decoded, grey_everywhere([[255, 10]]))


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_a_transparent_colour_becomes_white(mode):
    image = Image.fromarray(np.array([[3, 200]], np.uint8)).convert(mode)
    colour = image.getpixel((0, 0))
    decoded = decode_image(encoded(image, "PNG", transparency=colour))
    np.testing.assert_array_equal(decoded, grey_everywhere([[255, 200]]))


def test_of_several_frames_the_first():
    frames = [Image.new("RGB", (5, 4), colour) for colour in ("red", "lime", "blue")]
    for kind, options in (("GIF", {}), ("PNG", {}), ("TIFF", {}), ("WebP", {"lossless": True})):
        file = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        np.testing.assert_array_equal(decode_image(file), np.full((4, 5, 3), [255, 0, 0]))


# Depth


DEEP = np.array([[0, 255, 256, 257, 32768, 65535]], np.uint16)
DEEP_LEVELS = grey_everywhere([[0, 0, 1, 1, 128, 255]])


def test_sixteen_bit_grey_png():
    np.testing.assert_array_equal(decode_image(encoded(Image.fromarray(DEEP), "PNG")), DEEP_LEVELS)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bit_tiff_of_both_byte_orders(order, channels):
    levels = np.repeat(DEEP[..., None], channels, axis=2)
    data = levels.astype(f"{order}u2").tobytes()
    decoded = decode_image(tiff(data, height=1, width=6, channels=channels, order=order))
    np.testing.assert_array_equal(decoded, DEEP_LEVELS)


def test_twelve_bits_have_their_own_range():
    # Two pixels in three bytes: 0, 4095, 2048, 1024.
    data = bytes([0x00, 0x0F, 0xFF, 0x80, 0x04, 0x00])
    decoded = decode_image(tiff(data, height=1, width=4, bits=12))
    np.testing.assert_array_equal(decoded, grey_everywhere([[0, 255, 128, 64]]))


def test_a_scale_of_its_own_for_each_picture_would_make_them_equal():
    dark, bright = (decode_image(encoded(Image.fromarray(DEEP // k), "PNG")) for k in (4, 2))
    assert dark.max() == 63
    assert bright.max() == 127


@pytest.mark.parametrize(("bits", "sample_format", "kind"), [(16, 2, "i2"), (32, 1, "u4")])
def test_integers_that_arrive_as_32_bits(bits, sample_format, kind):
    levels = np.array([[0, 256, 32767]], f"<{kind}")
    options = {"height": 1, "width": 3, "bits": bits, "sample_format": sample_format}
    decoded = decode_image(tiff(levels.tobytes(), **options))
    np.testing.assert_array_equal(decoded, grey_everywhere([[0, 1, 127]]))


@pytest.mark.parametrize(("kind", "value"), [("i2", -1), ("u4", 70000)])
def test_integers_out_of_range(kind, value):
    data = np.array([[0, value]], f"<{kind}").tobytes()
    options = {"bits": 16 if kind == "i2" else 32, "sample_format": 2 if kind == "i2" else 1}
    with pytest.raises(InputError, match=r"sound TIFF file.*values from"):
        decode_image(tiff(data, height=1, width=2, **options))


def test_floats_run_from_0_to_1():
    levels = np.array([[0, 0.5, 1]], np.float32)
    decoded = decode_image(encoded(Image.fromarray(levels), "TIFF"))
    np.testing.assert_array_equal(decoded, grey_everywhere([[0, 128, 255]]))


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 255])
def test_floats_out_of_range(value):
    file = encoded(Image.fromarray(np.array([[0, value]], np.float32)), "TIFF")
    with pytest.raises(InputError, match=r"values from"):
        decode_image(file)


# Orientation: the mark in the corner must come back to the corner.

UPRIGHT = np.zeros((20, 30, 3), np.uint8)
UPRIGHT[:5, :10] = [255, 0, 0]
UPRIGHT[10:, 25:] = [0, 0, 255]
# What a camera stores, by EXIF: row 0 and column 0 lie at these sides of the scene.
STORED = {
    1: UPRIGHT,  # top, left
    2: UPRIGHT[:, ::-1],  # top, right
    3: UPRIGHT[::-1, ::-1],  # bottom, right
    4: UPRIGHT[::-1],  # bottom, left
    5: UPRIGHT.transpose(1, 0, 2),  # left, top
    6: UPRIGHT.transpose(1, 0, 2)[::-1],  # right, top
    7: UPRIGHT.transpose(1, 0, 2)[::-1, ::-1],  # right, bottom
    8: UPRIGHT.transpose(1, 0, 2)[:, ::-1],  # left, bottom
}


def with_orientation(pixels, kind, orientation) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WebP" else {"quality": 100, "subsampling": 0}
    return encoded(Image.fromarray(pixels), kind, exif=exif, **options)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WebP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(kind, orientation):
    file = with_orientation(STORED[orientation], kind, orientation)
    np.testing.assert_allclose(decode_image(file).astype(int), UPRIGHT, atol=20)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_senseless_orientation_is_none(orientation):
    file = with_orientation(UPRIGHT, "PNG", orientation)
    np.testing.assert_array_equal(decode_image(file), UPRIGHT)


def test_broken_exif_leaves_the_picture():
    file = encoded(Image.fromarray(UPRIGHT), "PNG", exif=b"Exif\0\0garbage")
    np.testing.assert_array_equal(decode_image(file), UPRIGHT)


def test_a_mask_is_turned_like_its_picture():
    marks = np.where(STORED[6][..., 0] > 0, 255, 0).astype(np.uint8)
    np.testing.assert_array_equal(
        decode_mask(with_orientation(marks, "PNG", 6)), UPRIGHT[..., 0] > 0
    )


# Sources


def test_path_text_and_bytes_are_the_same(tmp_path):
    path = tmp_path / "bild mit ümläut.PNG"
    path.write_bytes(encoded(Image.fromarray(COLOURS), "PNG"))
    for source in (path, str(path), path.read_bytes()):
        np.testing.assert_array_equal(decode_image(source), COLOURS)


def test_the_ending_of_the_name_decides_nothing(tmp_path):
    path = tmp_path / "picture.jpg"
    path.write_bytes(encoded(Image.fromarray(COLOURS), "PNG"))
    np.testing.assert_array_equal(decode_image(path), COLOURS)


def test_the_array_is_the_callers():
    decoded = decode_image(encoded(Image.fromarray(COLOURS), "PNG"))
    decoded[0, 0] = 7
    assert decoded.flags.c_contiguous


def test_read_image_is_the_same_as_rgb():
    image = read_image(encoded(Image.fromarray(GREY), "PNG"))
    assert image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(image), grey_everywhere(GREY))


# Faults


@pytest.fixture
def fault(tmp_path):
    def decode(data: bytes, match: str, **options):
        path = tmp_path / "broken.png"
        path.write_bytes(data)
        with pytest.raises(InputError, match=match) as caught:
            decode_image(path, **options)
        assert str(path) in str(caught.value)
        return caught.value

    return decode


def test_empty_file(fault):
    fault(b"", "empty file")


@pytest.mark.parametrize(
    "data",
    [
        b"not an image at all",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b"%PDF-1.4",
        b"SIMPLE  =                    T",
        b"RIFF\x00\x00\x00\x00WAVEfmt ",
        b"x",
        bytes(100),
    ],
)
def test_not_an_image(fault, data):
    fault(data, "JPEG, PNG, WebP, TIFF, BMP, PPM or GIF image, got something else")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP", "TIFF", "BMP", "PPM", "GIF"])
def test_truncated(fault, kind):
    data = encoded(Image.fromarray(RNG.integers(0, 256, (60, 60, 3), np.uint8)), kind)
    error = fault(data[: len(data) // 2], f"sound {kind} file, got a broken")
    assert error.__cause__ is not None
    fault(data[:20], f"sound {kind} file, got a broken")


def test_folder(tmp_path):
    with pytest.raises(InputError, match="got a folder.*Name the files"):
        decode_image(tmp_path)


def test_missing(tmp_path):
    with pytest.raises(InputError, match=r"missing.*nowhere\.png") as caught:
        decode_image(tmp_path / "nowhere.png")
    assert isinstance(caught.value.__cause__, FileNotFoundError)


@pytest.mark.parametrize("name", ["a\0b.png", "x" * 5000])
def test_impossible_names(name):
    with pytest.raises(InputError, match="Expected a"):
        decode_image(name)


def test_unreadable(tmp_path, monkeypatch):
    path = tmp_path / "locked.png"
    path.write_bytes(encoded(Image.fromarray(COLOURS), "PNG"))

    def refuse(self, mode):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"error: .*locked\.png.*Permission denied"):
        decode_image(path)


def test_unreadable_disk(tmp_path, monkeypatch):
    class BadDisk(BytesIO):
        def read(self, size=-1):
            raise OSError(5, "Input/output error")

    path = tmp_path / "bad.png"
    path.write_bytes(b"x")
    monkeypatch.setattr(Path, "open", lambda self, mode: BadDisk())
    with pytest.raises(InputError, match=r"bad\.png.*Input/output error"):
        decode_image(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_without_waiting(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    assert stat.S_ISFIFO(path.stat().st_mode)
    with pytest.raises(InputError, match="pipe or device"):
        decode_image(path)


def test_a_given_name_is_used():
    with pytest.raises(InputError, match="image 7"):
        decode_image(b"", name="image 7")
    with pytest.raises(InputError, match="bytes"):
        decode_image(b"")


def test_too_many_pixels(fault):
    data = encoded(Image.fromarray(COLOURS), "PNG")
    fault(data, r"at most 107 pixels, got 12 x 9 pixels", max_pixels=107)
    assert decode_image(data, max_pixels=108).shape == (12, 9, 3)


def bomb(kind: str, side: int) -> bytes:
    """A header that promises side x side pixels."""
    small = encoded(Image.new("L", (16, 16)), kind)
    if kind == "PNG":
        chunk = b"IHDR" + side.to_bytes(4) * 2 + small[24:29]
        return small[:12] + chunk + zlib.crc32(chunk).to_bytes(4) + small[33:]
    if kind == "BMP":
        return small[:18] + side.to_bytes(4, "little") * 2 + small[26:]
    if kind == "GIF":
        size = side.to_bytes(2, "little") * 2
        return small[:6] + size + small[10:].replace(b"\x10\0\x10\0", size)
    at = small.index(b"\xff\xc0") + 5
    return small[:at] + side.to_bytes(2) * 2 + small[at + 4 :]


@pytest.mark.parametrize("side", [14_000, 60_000])
@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "JPEG"])
def test_decompression_bombs_are_refused_by_their_header(fault, kind, side):
    # 14,000 x 14,000 is where Pillow would warn only.
    fault(bomb(kind, side), f"at most 178,000,000 pixels, got {side:,} x {side:,}|exceeds limit")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP", "TIFF", "BMP", "PPM", "GIF"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_pillow_does_not_warn_of_large_pictures(monkeypatch, kind, orientation):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60)  # It warns from here to 120.
    pixels = COLOURS if orientation == 1 else COLOURS.transpose(1, 0, 2)[::-1]
    file = encoded(Image.fromarray(pixels), kind)
    if kind not in ("BMP", "PPM", "GIF"):
        file = with_orientation(pixels, kind, orientation)
        assert decode_image(file).shape == COLOURS.shape
    assert decode_image(file).size == COLOURS.size


def test_large_compressed_tiff_with_a_palette(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60)
    image = Image.fromarray(COLOURS).quantize(16)
    decoded = decode_image(encoded(image, "TIFF", compression="tiff_lzw"))
    np.testing.assert_array_equal(decoded, np.asarray(image.convert("RGB")))


def test_global_settings_of_pillow_are_left_alone():
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    decode_image(encoded(Image.fromarray(COLOURS), "PNG"))
    assert (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES) == before == (89478485, False)


FUZZED = {
    **{kind: (kind, {}) for kind in ("JPEG", "PNG", "WebP", "TIFF", "BMP", "GIF")},
    "progressive": ("JPEG", {"progressive": True}),
    "lzw": ("TIFF", {"compression": "tiff_lzw"}),
    "jpeg-tiff": ("TIFF", {"compression": "jpeg"}),
    "frames": ("GIF", {"save_all": True}),
}


@pytest.mark.parametrize("name", FUZZED)
@pytest.mark.filterwarnings("ignore:::PIL")
@pytest.mark.parametrize("warn", ["error", "ignore"])
def test_broken_at_random_gives_a_picture_or_an_input_error(name, warn):
    kind, options = FUZZED[name]
    generator = np.random.default_rng(len(name))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "a camera"
    good = encoded(
        Image.fromarray(SMOOTH),
        kind,
        **({} if kind in ("BMP", "GIF") else {"exif": exif}),
        **options,
    )
    outcomes = set()
    for _ in range(80):
        data = bytearray(good)
        for _ in range(generator.integers(1, 6)):
            # The header is short but decides most.
            end = len(data) if generator.random() < 0.5 else min(len(data), 200)
            data[generator.integers(0, end)] = generator.integers(0, 256)
        if generator.random() < 0.3:
            del data[generator.integers(0, len(data)) :]
        with warnings.catch_warnings():
            warnings.simplefilter(warn)
            try:
                decoded = decode_image(bytes(data), max_pixels=10_000_000)
                outcomes.add(decoded.shape[2])
                decode_mask(bytes(data), max_pixels=10_000_000)
            except InputError as err:
                outcomes.add("refused")
                assert "bytes" in str(err)
    assert outcomes <= {3, "refused"}
    assert "refused" in outcomes


# Masks


def test_mask_of_grey_levels():
    mask = decode_mask(encoded(Image.fromarray(np.array([[0, 127, 128, 255]], np.uint8)), "PNG"))
    assert mask.dtype == np.bool_
    np.testing.assert_array_equal(mask, [[False, False, True, True]])


def test_mask_of_sixteen_bits():
    mask = decode_mask(encoded(Image.fromarray(np.array([[0, 32767, 32768]], np.uint16)), "PNG"))
    np.testing.assert_array_equal(mask, [[False, False, True]])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_mask_of_0_and_1(dtype):
    mask = decode_mask(encoded(Image.fromarray(np.array([[0, 1]], dtype)), "PNG"))
    np.testing.assert_array_equal(mask, [[False, True]])


def test_noise_near_0_is_no_mask():
    assert not decode_mask(encoded(Image.fromarray(np.array([[0, 1, 2]], np.uint8)), "PNG")).any()


def test_mask_of_one_bit():
    mask = decode_mask(encoded(Image.fromarray(GREY > 100), "PNG"))
    np.testing.assert_array_equal(mask, GREY > 100)


@pytest.mark.parametrize("palette", [[0, 0, 0, 128, 0, 0], [0, 0, 0, 1, 1, 1]])
def test_mask_of_a_palette(palette):
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "L")
    image.putpalette(palette)
    np.testing.assert_array_equal(decode_mask(encoded(image, "PNG")), [[False, True]])


def test_mask_of_a_palette_that_begins_with_white():
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "L")
    image.putpalette([255, 255, 255, 0, 0, 0])
    np.testing.assert_array_equal(decode_mask(encoded(image, "PNG")), [[True, False]])


def test_mask_in_colour_and_on_transparent_ground():
    red = np.zeros((1, 2, 3), np.uint8)
    red[0, 1, 0] = 255
    np.testing.assert_array_equal(
        decode_mask(encoded(Image.fromarray(red), "PNG")), [[False, True]]
    )
    clear = np.array([[[255, 255, 255, 0], [255, 255, 255, 255]]], np.uint8)
    np.testing.assert_array_equal(
        decode_mask(encoded(Image.fromarray(clear), "PNG")), [[False, True]]
    )


def test_mask_faults(tmp_path):
    with pytest.raises(InputError, match="missing"):
        decode_mask(tmp_path / "nowhere.png")


# Arrays


@pytest.mark.parametrize("shape", [(12, 9), (12, 9, 1)])
def test_grey_arrays(shape):
    np.testing.assert_array_equal(array_image(GREY.reshape(shape)), grey_everywhere(GREY))


def test_colour_arrays_are_copied():
    image = array_image(COLOURS)
    np.testing.assert_array_equal(image, COLOURS)
    assert not np.shares_memory(image, COLOURS)


def test_opacity_lies_over_white_as_in_files():
    rgba = np.dstack([COLOURS, GREY])
    np.testing.assert_array_equal(
        array_image(rgba), decode_image(encoded(Image.fromarray(rgba), "PNG"))
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_float_arrays(dtype):
    levels = np.array([[0, 0.5, 1]], dtype)
    np.testing.assert_array_equal(array_image(levels), grey_everywhere([[0, 128, 255]]))


def test_deep_and_boolean_arrays():
    np.testing.assert_array_equal(array_image(DEEP), DEEP_LEVELS)
    np.testing.assert_array_equal(array_image(DEEP.astype(">u2")), DEEP_LEVELS)
    np.testing.assert_array_equal(
        array_image(np.array([[True, False]])), grey_everywhere([[255, 0]])
    )


def test_a_rounding_error_beyond_1_is_forgiven():
    assert array_image(np.array([[1 + 1e-7, -1e-7]])).max() == 255


@pytest.mark.parametrize("shape", [(), (3,), (4, 5, 2), (3, 8, 8), (2, 4, 5, 3), (0, 5, 3), (0, 0)])
def test_bad_shapes(shape):
    with pytest.raises(InputError, match=r"Expected an image of shape.*got shape \("):
        array_image(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.int8, np.uint32, np.complex64, object])
def test_bad_types(dtype):
    with pytest.raises(InputError, match=r"values of type.*shape \(2, 2\).*image 3.*astype"):
        array_image(np.zeros((2, 2), dtype), name="image 3")


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 255.0])
def test_float_arrays_out_of_range(value):
    with pytest.raises(InputError, match=r"float from 0 to 1, got values from"):
        array_image(np.array([[0, value]]))


# Headers


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP", "TIFF", "BMP", "PPM", "GIF"])
def test_the_size_is_read_without_decoding(kind, tmp_path, monkeypatch):
    data = encoded(Image.fromarray(COLOURS), kind)
    path = tmp_path / "picture"
    path.write_bytes(data)

    def refuse(self):
        raise AssertionError("the picture was decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", refuse)
    assert decoded_size(data) == decoded_size(path) == decoded_size(str(path)) == (12, 9)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "JPEG"])
@pytest.mark.parametrize("side", [14_000, 50_000])
@pytest.mark.filterwarnings("ignore:Image size:PIL.Image.DecompressionBombWarning")
def test_the_size_of_a_bomb(kind, side):
    try:
        assert decoded_size(bomb(kind, side)) == (side, side)
    except InputError as err:
        assert isinstance(err.__cause__, Image.DecompressionBombError)
        assert kind == "GIF"


def test_the_size_is_that_of_the_stored_picture():
    assert decoded_size(with_orientation(COLOURS, "JPEG", 6)) == (12, 9)


def test_of_several_frames_the_size_of_the_first():
    frames = [Image.new("RGB", (5, 4)), Image.new("RGB", (50, 40))]
    for kind in ("GIF", "TIFF"):
        file = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        assert decoded_size(file) == (4, 5)


def test_faults_of_headers_are_named(tmp_path):
    with pytest.raises(InputError, match="got something else: a.png"):
        decoded_size(b"<svg/>", name="a.png")
    with pytest.raises(InputError, match="empty file: bytes"):
        decoded_size(b"")
    with pytest.raises(InputError, match="sound PNG file, got a broken"):
        decoded_size(encoded(Image.fromarray(COLOURS), "PNG")[:20])
    with pytest.raises(InputError, match="missing"):
        decoded_size(tmp_path / "nowhere.png")


@pytest.mark.parametrize("warn", ["error", "ignore"])
def test_headers_broken_at_random_give_a_size_or_an_input_error(warn):
    generator = np.random.default_rng(3)
    for kind in ("JPEG", "PNG", "WebP", "TIFF", "BMP", "GIF", "PPM"):
        good = encoded(Image.fromarray(SMOOTH), kind)
        for _ in range(60):
            data = bytearray(good)
            for _ in range(generator.integers(1, 6)):
                data[generator.integers(0, min(len(data), 200))] = generator.integers(0, 256)
            with warnings.catch_warnings():
                warnings.simplefilter(warn)
                try:
                    assert len(decoded_size(bytes(data))) == 2
                except InputError as err:
                    assert "bytes" in str(err)


def tiled_tiff(side: int) -> bytes:
    """A picture of 16 x 16 in one compressed tile of side x side."""
    data = zlib.compress(bytes(side * side), 9)
    tags = [
        *((256, 16), (257, 16), (258, 8), (259, 8), (262, 1), (277, 1)),
        *((322, side), (323, side), (324, 8), (325, len(data))),
    ]
    data += bytes(len(data) % 2)
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    start = struct.pack("<4sI", b"II*\0", 8 + len(data))
    return start + data + struct.pack("<H", len(tags)) + entries + bytes(4)


def test_tiles_larger_than_their_tiff_count():
    """All of a tile is decoded, however little of it lies in the picture."""
    file = tiled_tiff(1024)
    assert len(file) < 2000
    assert decoded_size(file) == (1024, 1024)
    assert decode_image(file).shape == (16, 16, 3)
    with pytest.raises(InputError, match="got 1,024 x 1,024 pixels"):
        decode_image(file, max_pixels=1_000_000)


def test_tiff_of_tiles_that_are_no_numbers():
    file = tiled_tiff(1024).replace(
        struct.pack("<HHII", 322, 4, 1, 1024), struct.pack("<HHI4s", 322, 2, 4, b"abc\0")
    )
    with pytest.raises(InputError, match="sound TIFF"):
        decoded_size(file)


def test_a_jpeg_of_many_scans_is_refused():
    """Each takes some 80 bytes and milliseconds, so that 20 MB would be an hour's work."""
    good = encoded(Image.fromarray(SMOOTH), "JPEG", progressive=True)
    last, end = good.rindex(b"\xff\xda"), good.rindex(b"\xff\xd9")
    scan = good[good.rindex(b"\xff\xc4", 0, last) : end]
    n_scans = good.count(b"\xff\xda")
    fair = good[:end] + scan * (32 - n_scans) + good[end:]
    many = good[:end] + scan * (33 - n_scans) + good[end:]
    assert decode_image(fair).shape == SMOOTH.shape
    for read in (decode_image, decoded_size):
        with pytest.raises(InputError, match="at most 32 scans, got 33: bytes"):
            read(many)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return len(data).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)


def in_small_pieces(name: str, count: int) -> bytes:
    """A sound picture with `count` needless pieces."""
    small = Image.new("RGB", (16, 16))
    jpeg, png, gif = (encoded(small, kind) for kind in ("JPEG", "PNG", "GIF"))
    frame = gif.index(b",\0\0")
    return {
        "segments": jpeg[:2] + b"\xff\xe5\0\2" * count + jpeg[2:],
        "filling": jpeg[:2] + b"\xff" * count + jpeg[2:],
        "chunks": png[:33] + png_chunk(b"teSt", b"") * count + png[33:],
        "chunks behind": png[:-12] + png_chunk(b"teSt", b"") * count + png[-12:],
        "parts of pixels": png[:33] + png_chunk(b"IDAT", b"") * count + png[33:],
        "extensions": gif[:frame] + b"!\xfe\0" * count + gif[frame:],
        "comment": b"P5 #" + b"x" * count + b"\n1 1 255 a",
        "blanks": b"P5 " + b" " * count + b"1 1 255 a",
    }[name]


@pytest.mark.parametrize(
    "name",
    [
        *("segments", "filling", "chunks", "chunks behind", "parts of pixels", "extensions"),
        *("comment", "blanks"),
    ],
)
def test_pictures_in_millions_of_pieces_are_refused(name):
    assert decode_image(in_small_pieces(name, 1000)).ndim == 3
    with pytest.raises(InputError, match="in too many small pieces"):
        decode_image(in_small_pieces(name, 20_000))


def test_pictures_that_are_read_by_pixel_are_not_in_pieces():
    levels = RNG.integers(0, 16, (200, 100), np.uint8)
    decoded = decode_image(b"P5 100 200 15\n" + levels.tobytes())
    np.testing.assert_array_equal(decoded, grey_everywhere(levels * 17))
