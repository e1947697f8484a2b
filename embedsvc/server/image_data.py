"""From what a request says of its images to the bytes of pictures.

A picture comes as a data URL, as bare base64, or as an uploaded file. What a request calls it
decides nothing: the first bytes tell its kind, and no address or path is ever followed.
"""

from __future__ import annotations

import asyncio
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from embedsvc.errors import InputError
from embedsvc.images.decode import decoded_size
from embedsvc.report.shown_text import shown_label
from embedsvc.server.problems import BadRequest, BodyTooLarge, Problem
from embedsvc.server.settings import ServeSettings

_MOST_NAME_CHARS = 100
_LONGEST_PATH = 4096

_ADDRESS = re.compile(r"\s*[a-z][a-z0-9+.-]+:", re.IGNORECASE)
_IS_DATA_URL = re.compile(r"\s*data:", re.IGNORECASE)
_DATA_URL = re.compile(r"\s*data:[^,]{0,200};base64\s*,", re.IGNORECASE)
# What paths have and base64 has not.
_PATH = re.compile(r"[.\\~:]")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_WHITESPACE = b" \t\r\n\f\v"
_BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)


@dataclass(frozen=True)
class Picture:
    """A picture as it came in, its header found sound.

    Attributes:
        data: the bytes of its file.
        name: what messages call it, such as "images[2]" or "x.png".
        param: the part of the request it is.
        n_pixels: what decoding it makes.
    """

    data: bytes
    name: str
    param: str
    n_pixels: int


async def pictures_of(
    texts: str | Sequence[str], *, param: str, settings: ServeSettings
) -> list[Picture]:
    """The pictures that a request has as texts, all of which have to be usable.

    Args:
        texts: data URLs or base64.
        param: the part of the request they are, such as "input".
        settings: with the limits of an image.

    Raises:
        BadRequest: one is no picture; the first such.
        BodyTooLarge: one has too many bytes or pixels.
    """
    found = await asyncio.to_thread(read_pictures, texts, param=param, settings=settings)
    for one in found:
        if isinstance(one, Problem):
            raise one
    return [one for one in found if isinstance(one, Picture)]


def read_pictures(
    texts: str | Sequence[str], *, param: str, settings: ServeSettings
) -> list[Picture | Problem]:
    """The same, each with its own problem; blocks, so call it in a thread."""
    named = [(param, texts)] if isinstance(texts, str) else _numbered(texts, param)
    return [_tried(text, param=name, settings=settings) for name, text in named]


def picture_of_text(text: str, *, param: str, settings: ServeSettings) -> Picture:
    """A picture out of a data URL or base64.

    Args:
        text: base64 in either alphabet, with or without its last "="; spaces are passed over.
        param: the part of the request it is, such as "images[2]".
        settings: with the limits of an image.

    Raises:
        BadRequest: it is none, or no kind of picture that is supported.
        BodyTooLarge: it has too many bytes or pixels.

    Example:
        >>> picture_of_text("data:image/png;base64,iVBORw0...", param="images[0]", ...).n_pixels
        307200
    """
    payload = _payload(text, param)
    try:
        data = _from_base64(payload, param, settings.max_image_bytes)
        return _checked(data, name=param, param=param, settings=settings)
    except BodyTooLarge:
        raise
    except BadRequest as problem:
        # A path of letters alone can be base64, and a JPEG's base64 begins with "/".
        if len(text) > _LONGEST_PATH or "/" not in text or _IS_DATA_URL.match(text):
            raise
        raise BadRequest(
            f"{problem} Paths are not followed: send the bytes of the picture.", param=param
        ) from problem


def picture_of_file(
    data: bytes, *, filename: str | None, param: str, settings: ServeSettings
) -> Picture:
    """A picture out of an uploaded file.

    Args:
        data: the file.
        filename: what the client calls it; used in messages and nowhere else.
        param: the part of the request it is, such as "image[2]".
        settings: with the limits of an image.

    Raises:
        BadRequest: it is no kind of picture that is supported.
        BodyTooLarge: it has too many bytes or pixels.
    """
    name = shown_name(filename) or param
    _check_bytes(len(data), name, param, settings.max_image_bytes)
    return _checked(data, name=name, param=param, settings=settings)


def shown_name(filename: str | None) -> str | None:
    """A file's name on one line of at most 100 characters, None where there is none to see."""
    if filename is None or not filename.strip():
        return None
    return shown_label(filename, _MOST_NAME_CHARS - 1)


# Inside


def _numbered(texts: Sequence[str], param: str) -> list[tuple[str, str]]:
    return [(f"{param}[{index}]", text) for index, text in enumerate(texts)]


def _tried(text: str, *, param: str, settings: ServeSettings) -> Picture | Problem:
    try:
        return picture_of_text(text, param=param, settings=settings)
    except Problem as problem:
        return problem


def _payload(text: str, param: str) -> str:
    """The base64 of a text."""
    if _IS_DATA_URL.match(text):
        url = _DATA_URL.match(text)
        if url is None:
            raise BadRequest(
                f"Expected a data URL in base64, data:image/png;base64,..., got another: {param} "
                f"({shown_label(text, 60)}). Encode the picture's bytes in base64.",
                param=param,
            )
        return text[url.end() :]
    if _ADDRESS.match(text):
        raise _refused(text, param, "an address", "Addresses are not fetched")
    if len(text) <= _LONGEST_PATH and _PATH.search(text):
        raise _refused(text, param, "what looks like a path", "Paths are not followed")
    return text


def _refused(text: str, param: str, what: str, never: str) -> BadRequest:
    return BadRequest(
        f"Expected a picture as data:image/png;base64,... or bare base64, got {what}: {param} "
        f"({shown_label(text, 60)}). {never}: send the bytes of the picture.",
        param=param,
    )


def _from_base64(payload: str, param: str, max_bytes: int) -> bytes:
    try:
        letters = payload.encode("ascii").translate(_URL_SAFE, _WHITESPACE)
        _check_bytes(len(letters.rstrip(b"=")) * 3 // 4, param, param, max_bytes)
        if not letters.endswith(b"="):
            letters += b"=" * (-len(letters) % 4)
        return binascii.a2b_base64(letters, strict_mode=True)
    except UnicodeEncodeError as err:
        reason = f"the character {payload[err.start]!a} at {err.start:,}"
    except binascii.Error as err:
        reason = str(err)
    raise BadRequest(
        f"Expected the base64 of a picture, got something else: {param} ({reason}). Encode the "
        "file's bytes in base64, all of them.",
        param=param,
    )


def _check_bytes(n_bytes: int, name: str, param: str, most: int) -> None:
    if n_bytes > most:
        raise BodyTooLarge(
            f"Expected an image of at most {most:,} bytes, got {n_bytes:,}: {name}. Scale it down "
            "or compress it more.",
            param=param,
        )


def _checked(data: bytes, *, name: str, param: str, settings: ServeSettings) -> Picture:
    most = settings.max_image_pixels
    try:
        height, width = decoded_size(data, name=name)
    except InputError as err:
        kind = BodyTooLarge if isinstance(err.__cause__, _BOMB) else BadRequest
        raise kind(str(err), param=param) from err
    if height * width > most:
        raise BodyTooLarge(
            f"Expected an image of at most {most:,} pixels, got {height:,} x {width:,}: {name}. "
            "Scale it down.",
            param=param,
        )
    return Picture(data, name, param, height * width)
