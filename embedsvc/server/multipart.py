"""Forms with files, out of a body that is in memory already.

Starlette's own reader parses byte by byte on the event loop and puts larger files on the disk.
Here the body is cut at its boundary, in a thread if the caller likes, and nothing is written.

Source:
    Returning Values from Forms: multipart/form-data, RFC 7578,
    https://www.rfc-editor.org/rfc/rfc7578.
"""

from __future__ import annotations

from dataclasses import dataclass

from python_multipart.multipart import parse_options_header

from embedsvc.server.problems import BadRequest, BodyTooLarge

_LONGEST_BOUNDARY = 256
_MOST_HEADER_BYTES = 8192


@dataclass(frozen=True)
class Part:
    """A field of a form.

    Attributes:
        name: of the field.
        filename: what the client calls the file; None for a text.
        data: the file, or the bytes of the text.
    """

    name: str
    filename: str | None
    data: bytes

    def text(self) -> str:
        """The value of a field that is no file.

        Raises:
            BadRequest: it is not UTF-8.
        """
        try:
            return self.data.decode("utf-8")
        except UnicodeDecodeError as err:
            raise BadRequest(
                f"Expected the field {self.name:.60} in UTF-8, got other bytes. Send the form in "
                "UTF-8.",
                param=self.name[:60],
            ) from err


def read_form(body: bytes, content_type: str, *, most_parts: int) -> list[Part]:
    r"""Cut a body into its fields, in their order.

    Args:
        body: all of it.
        content_type: the header, with the boundary.
        most_parts: fields and files a form may have.

    Raises:
        BadRequest: the body is malformed, or cut short.
        BodyTooLarge: it has too many fields.

    Example:
        >>> body = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--'
        >>> read_form(body, "multipart/form-data; boundary=x", most_parts=5)
        [Part(name='a', filename=None, data=b'1')]
    """
    delimiter = b"\r\n--" + _boundary(content_type)
    # What comes before the first boundary means nothing.
    _, *parts = (b"\r\n" + body).split(delimiter, most_parts + 2)
    found: list[Part] = []
    for part in parts:
        if part.startswith(b"--"):
            return found
        if len(found) == most_parts:
            raise BodyTooLarge(
                f"Expected a form of at most {most_parts:,} fields and files, got more. Send them "
                "in several requests."
            )
        found.append(_part(part))
    raise _malformed(f"no end: the last boundary, followed by --, is missing after {len(found)}")


def _boundary(content_type: str) -> bytes:
    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    if not 0 < len(boundary) <= _LONGEST_BOUNDARY:
        raise _malformed("no boundary of a usable length in Content-Type")
    return boundary


def _part(part: bytes) -> Part:
    # Boundaries may be followed by blanks.
    head, separator, data = part.lstrip(b" \t").partition(b"\r\n\r\n")
    if not separator or not head.startswith(b"\r\n"):
        raise _malformed("a field without headers and an empty line before its content")
    if len(head) > _MOST_HEADER_BYTES:
        raise _malformed(f"a field with {len(head):,} bytes of headers")
    for line in head.split(b"\r\n"):
        key, _, value = line.partition(b":")
        if key.strip().lower() == b"content-disposition":
            options = parse_options_header(value.strip())[1]
            if b"name" not in options:
                break
            filename = options.get(b"filename")
            return Part(
                _decoded(options[b"name"]), None if filename is None else _decoded(filename), data
            )
    raise _malformed("a field without its name in Content-Disposition")


def _decoded(name: bytes) -> str:
    return name.decode("utf-8", errors="replace")


def _malformed(what: str) -> BadRequest:
    return BadRequest(
        f"Expected a form as multipart/form-data, got {what}. Let your HTTP library write it, with "
        "its Content-Type."
    )
