"""Texts and files to pictures: what is taken, what is refused, and in which words."""

import asyncio
import base64
import string
import tracemalloc

import numpy as np
import pytest
from PIL import Image
from request_images import NO_PICTURES, data_url, encoded, png_bomb, striped

from embedsvc.server.image_data import (
    Picture,
    picture_of_file,
    picture_of_text,
    pictures_of,
    read_pictures,
    shown_name,
)
from embedsvc.server.problems import BadRequest, BodyTooLarge, Problem
from embedsvc.server.settings import ServeSettings

SETTINGS = ServeSettings(max_image_bytes=100_000, max_image_pixels=1_000_000)
PNG = encoded(striped(0))
BASE64 = base64.b64encode(PNG).decode()
# Bytes with every letter that differs between the alphabets.
ODD = encoded(striped(1)[:, :31])


def read(text):
    return picture_of_text(text, param="images[2]", settings=SETTINGS)


def refused(text, match, kind=BadRequest):
    with pytest.raises(kind, match=match) as caught:
        read(text)
    assert type(caught.value) is kind
    assert caught.value.param == "images[2]"
    assert "images[2]" in str(caught.value)
    return str(caught.value)


# What is taken


@pytest.mark.parametrize(
    "text",
    [
        data_url(PNG),
        data_url(PNG, "image/jpeg"),
        data_url(PNG, "text/html;charset=utf-8"),
        f"data:;base64,{BASE64}",
        f"DATA:image/png;BASE64,{BASE64}",
        f"  data:image/png;base64 , {BASE64}\n",
        BASE64,
        BASE64.rstrip("="),
        "\n".join(BASE64[i : i + 76] for i in range(0, len(BASE64), 76)),
        f"\t {BASE64[:10]} \r\n{BASE64[10:]} ",
    ],
)
def test_data_urls_and_base64(text):
    assert read(text) == Picture(PNG, "images[2]", "images[2]", 64 * 64)


def test_both_alphabets_with_and_without_padding():
    for data in (ODD, ODD + b"\xff\xfe\xfb", ODD + b"\xff\xfe\xfb\xef", ODD + b"\xfb"):
        for text in (base64.b64encode(data), base64.urlsafe_b64encode(data)):
            assert read(text.decode()).data == data
            assert read(text.decode().rstrip("=")).data == data


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP", "TIFF", "BMP", "GIF", "PPM"])
def test_the_first_bytes_decide(kind):
    data = encoded(Image.fromarray(striped(0)), kind)
    assert read(data_url(data, "application/pdf")).n_pixels == 64 * 64
    assert picture_of_file(data, filename="x.exe", param="p", settings=SETTINGS).name == "x.exe"


# What is refused


@pytest.mark.parametrize(
    "text",
    ["http://example.org/x.png", "HTTPS://example.org/x", " ftp://x/y", "file:///etc/passwd"],
)
def test_addresses_are_not_fetched(text):
    assert "Addresses are not fetched" in refused(text, "got an address")


@pytest.mark.parametrize(
    "text", ["picture.png", "../../etc/passwd", "C:\\fakepath\\x.png", "~/x", "/home/me/x.jpg"]
)
def test_paths_are_not_followed(text):
    assert "Paths are not followed" in refused(text, "what looks like a path")


@pytest.mark.parametrize("text", ["/etc/passwd", "pictures/x", "/dev/zero"])
def test_paths_that_could_be_base64_are_not_followed_either(text):
    assert "Paths are not followed" in refused(text, "Expected")


@pytest.mark.parametrize(
    "text",
    [
        "data:image/png,abc",
        "data:image/png;base64",
        "data:,",
        "data:image/svg+xml,<svg/>",
        "data:" + "x" * 5000,
        "data:" + "x" * 300 + ";base64,AAAA",
    ],
)
def test_other_data_urls(text):
    assert len(refused(text, "Expected a data URL in base64")) < 300


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"{BASE64[:8]}!{BASE64[8:]}", "Only base64 data is allowed|got something else"),
        (f"data:image/png;base64,{BASE64[:20]}ü", r"the character '\\xfc' at 20"),
        (f"data:image/png;base64,{BASE64}A", "got something else"),
        ("data:image/png;base64,iVBORw==AAAA", "got something else"),
        ("data:image/png;base64,=AAA", "got something else"),
        ("data:image/png;base64,A", "got something else"),
        ("data:image/png;base64,%2B%2B", "got something else"),
        ("\ud800", r"the character '\\ud800'"),
    ],
)
def test_what_is_no_base64(text, reason):
    refused(text, reason)


@pytest.mark.parametrize("data", NO_PICTURES.values(), ids=list(NO_PICTURES))
def test_what_is_no_picture(data):
    message = refused(data_url(data), "Expected an? .*(got something else|got an empty file)")
    assert "bytes" not in message
    with pytest.raises(BadRequest, match=r"picture\.png"):
        picture_of_file(data, filename="picture.png", param="image[0]", settings=SETTINGS)


# Limits


def test_bombs_are_refused_by_their_header():
    refused(data_url(png_bomb()), r"1,000,000 pixels, got 50,000 x 50,000", BodyTooLarge)
    with pytest.raises(BodyTooLarge, match=r"50,000 x 50,000: x\.png"):
        picture_of_file(png_bomb(), filename="x.png", param="image[0]", settings=SETTINGS)


def test_a_bomb_in_bare_base64_is_no_path():
    text = base64.b64encode(png_bomb(65_535)).decode()
    assert "/" in text
    refused(text, "65,535 x 65,535", BodyTooLarge)


@pytest.mark.parametrize("side", [1000, 1001])
def test_the_limit_of_pixels_is_exact(side):
    data = encoded(Image.new("1", (1000, side)))
    if side == 1000:
        assert read(data_url(data)).n_pixels == 1_000_000
    else:
        refused(data_url(data), "got 1,001 x 1,000", BodyTooLarge)


def test_the_limit_of_bytes_is_exact():
    most = ServeSettings(max_image_bytes=len(PNG))
    less = ServeSettings(max_image_bytes=len(PNG) - 1)
    for text in (data_url(PNG), BASE64.rstrip("=")):
        assert picture_of_text(text, param="a", settings=most).data == PNG
        with pytest.raises(BodyTooLarge, match=f"bytes, got {len(PNG):,}: a"):
            picture_of_text(text, param="a", settings=less)
    with pytest.raises(BodyTooLarge, match=f"{len(PNG) - 1:,} bytes, got {len(PNG):,}: x"):
        picture_of_file(PNG, filename="x", param="a", settings=less)


def test_too_large_is_told_before_anything_is_decoded():
    text = "data:image/png;base64," + "!" * 8_000_000
    tracemalloc.start()
    refused(text, "at most 100,000 bytes, got 6,000,000", BodyTooLarge)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30_000_000


# Several


def test_each_has_its_own_problem():
    found = read_pictures([BASE64, "no!", BASE64], param="images", settings=SETTINGS)
    assert [type(one) for one in found] == [Picture, BadRequest, Picture]
    assert [one.param for one in found] == ["images[0]", "images[1]", "images[2]"]


def test_one_text_alone_has_no_number():
    (found,) = read_pictures(BASE64, param="images", settings=SETTINGS)
    assert found.param == found.name == "images"


def test_where_all_are_needed_the_first_problem_is_raised():
    def run(texts):
        return asyncio.run(pictures_of(texts, param="input", settings=SETTINGS))

    assert [one.data for one in run([BASE64, BASE64])] == [PNG, PNG]
    assert run([]) == []
    with pytest.raises(BadRequest) as caught:
        run([BASE64, "no!", "nor this!"])
    assert caught.value.param == "input[1]"


def test_malformed_texts_at_random():
    rng = np.random.default_rng(7)
    letters = list(string.printable + "äß€\x00\u202e\ud83d😀")
    pieces = [BASE64, data_url(PNG), data_url(ODD), "data:", ";base64,", "/", "http://", "=", " "]
    for _ in range(2000):
        text = "".join(
            pieces[rng.integers(len(pieces))]
            if rng.random() < 0.4
            else "".join(rng.choice(letters, rng.integers(0, 30)))
            for _ in range(rng.integers(1, 5))
        )
        cut = rng.integers(0, len(text) + 1) if rng.random() < 0.5 else len(text)
        (found,) = read_pictures(text[:cut], param="images", settings=SETTINGS)
        if isinstance(found, Problem):
            assert 400 <= found.status < 500
            assert len(found.fields()["message"]) < 600
        else:
            assert found.data.startswith(b"\x89PNG")


# Names of files


@pytest.mark.parametrize(
    ("filename", "shown"),
    [
        ("x.png", "x.png"),
        ("../../etc/passwd", "../../etc/passwd"),
        ("a\r\nSet-Cookie: b", "a Set-Cookie: b"),
        ("a\x1b[31m\u202eb", "a\\x1b[31m\\u202eb"),
        ("", None),
        (" \n", None),
        (None, None),
    ],
)
def test_names_are_made_fit_to_be_shown(filename, shown):
    assert shown_name(filename) == shown


def test_long_names_are_cut():
    name = shown_name("x" * 100_000)
    assert len(name) == 100
    with pytest.raises(BadRequest) as caught:
        picture_of_file(b"no", filename="x" * 100_000, param="image[0]", settings=SETTINGS)
    assert len(str(caught.value)) < 300
    assert caught.value.param == "image[0]"


def test_a_file_without_a_name_goes_by_its_place():
    with pytest.raises(BadRequest, match=r"image\[3\]"):
        picture_of_file(b"no", filename="", param="image[3]", settings=SETTINGS)
