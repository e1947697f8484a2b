"""Forms with files: what HTTP libraries write, and everything that is not quite that."""

import httpx
import numpy as np
import pytest

from embedsvc.server.multipart import Part, read_form
from embedsvc.server.problems import BadRequest, BodyTooLarge, Problem

TYPE = "multipart/form-data; boundary=x"


def written(*, data=None, files=None):
    """A form as httpx writes it: its body and its content type."""
    request = httpx.Request("POST", "http://a/", data=data, files=files)
    return request.read(), request.headers["content-type"]


def part(headers, content=b"1"):
    return b"--x\r\n" + headers + b"\r\n\r\n" + content + b"\r\n"


NAMED = b'Content-Disposition: form-data; name="a"'


def read(body, content_type=TYPE, most_parts=10):
    return read_form(body, content_type, most_parts=most_parts)


def refused(body, match, kind=BadRequest, **options):
    with pytest.raises(kind, match=match) as caught:
        read(body, **options)
    assert type(caught.value) is kind


def test_a_form_of_httpx():
    content = bytes(range(256)) * 100 + b"\r\n\r\n--x\r\n--"
    files = [("image", ("x.png", content)), ("image", ("ü.png", b"")), ("image", ("", b"2"))]
    body, content_type = written(data={"model": "gears", "heatmap": "true"}, files=files)
    assert read(body, content_type) == [
        Part("model", None, b"gears"),
        Part("heatmap", None, b"true"),
        Part("image", "x.png", content),
        Part("image", "ü.png", b""),
        # That is how httpx writes a file without a name.
        Part("image", None, b"2"),
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (part(NAMED) + b"--x--\r\n", Part("a", None, b"1")),
        (part(NAMED) + b"--x--", Part("a", None, b"1")),
        (b"\r\n" + part(NAMED) + b"--x--\r\nepilogue", Part("a", None, b"1")),
        (b"preamble\r\n" + part(NAMED) + b"--x--", Part("a", None, b"1")),
        (part(NAMED).replace(b"--x", b"--x \t", 1) + b"--x--", Part("a", None, b"1")),
        (part(NAMED + b"\r\nContent-Type: text/plain") + b"--x--", Part("a", None, b"1")),
        (part(b"X-Y: z\r\ncontent-DISPOSITION:form-data;name=a") + b"--x--", Part("a", None, b"1")),
        (part(NAMED, b"") + b"--x--", Part("a", None, b"")),
        (part(NAMED, b"\r\n--y\r\n") + b"--x--", Part("a", None, b"\r\n--y\r\n")),
        (part(NAMED + b'; filename=""') + b"--x--", Part("a", "", b"1")),
        (part(NAMED + b'; filename="\xff"') + b"--x--", Part("a", "�", b"1")),
    ],
)
def test_forms_as_the_standard_has_them(body, expected):
    assert read(body) == [expected]


def test_an_empty_form():
    assert read(b"--x--\r\n") == []


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        f"multipart/form-data; boundary={'x' * 257}",
    ],
)
def test_a_boundary_is_needed(content_type):
    refused(part(NAMED) + b"--x--", "no boundary", content_type=content_type)


@pytest.mark.parametrize(
    ("body", "match"),
    [
        (b"", "no end"),
        (b"no form at all", "no end"),
        (part(NAMED), "no end"),
        (part(NAMED)[:-4], "without headers"),
        (part(NAMED) + b"--y--", "no end"),
        (b"--x\r\n\r\n1\r\n--x--", "without headers|without its name"),
        (b"--x\r\n" + NAMED + b"\r\n--x--", "without headers"),
        (b"--xyz" + part(NAMED) + b"--x--", "without headers"),
        (part(b"Content-Type: text/plain") + b"--x--", "without its name"),
        (part(b"Content-Disposition: form-data") + b"--x--", "without its name"),
        (part(NAMED + b"\r\nX: " + b"y" * 9000) + b"--x--", "9,0.. bytes of headers"),
    ],
)
def test_malformed_forms(body, match):
    refused(body, match)


def test_the_limit_of_fields_is_exact():
    body = part(NAMED) * 10 + b"--x--"
    assert len(read(body)) == 10
    refused(part(NAMED) * 11 + b"--x--", "at most 10 fields", BodyTooLarge)
    refused(part(NAMED) * 100_000 + b"--x--", "at most 10 fields", BodyTooLarge)


def test_texts_are_utf_8():
    assert Part("a", None, "ü".encode()).text() == "ü"
    with pytest.raises(BadRequest, match="field model in UTF-8") as caught:
        Part("model", None, b"\xff").text()
    assert caught.value.param == "model"


def test_bodies_broken_at_random():
    body, content_type = written(data={"model": "gears"}, files={"image": ("x.png", b"\r\n-" * 40)})
    rng = np.random.default_rng(5)
    outcomes = set()
    for _ in range(1000):
        data = bytearray(body)
        for _ in range(rng.integers(1, 8)):
            at = rng.integers(0, len(data) + 1)
            data[at : at + rng.integers(0, 3)] = rng.bytes(rng.integers(0, 3))
        if rng.random() < 0.2:
            del data[rng.integers(0, len(data)) :]
        try:
            outcomes.add(type(read(bytes(data), content_type)))
        except Problem as problem:
            assert 400 <= problem.status < 500
            assert len(str(problem)) < 300
            outcomes.add(BadRequest)
    assert outcomes == {list, BadRequest}
