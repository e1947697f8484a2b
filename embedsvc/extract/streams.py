"""Files as streams of text lines: plain, compressed or standard input, of any line length."""

from __future__ import annotations

import codecs
import gzip
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from embedsvc.extract.rows import FileDefect, SourceOptions

# Longer lines and CSV records are skipped without being loaded. In characters.
MAX_LINE = 64 << 20

_HEAD = 4096
_BUFFER = 1 << 16
_SKIP = 1 << 20
_WIDE = ("utf-16", "utf-32")
_BOMS = (
    # The order matters: the UTF-32 mark begins with the UTF-16 one.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MAGICS = (
    (b"\x1f\x8b", "a gzip file", "Give its name the ending .gz, or pipe it through zcat."),
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "Save the sheet as CSV."),
    (b"PAR1", "a Parquet file", "Give its name the ending .parquet, or pass --format parquet."),
)


@dataclass(frozen=True, slots=True)
class Source:
    """One input.

    Attributes:
        path: the file; None for standard input.
        label: what messages call it.
        format: one of `rows.FORMATS`.
        gzipped: whether it is compressed.
    """

    path: Path | None
    label: str
    format: str
    gzipped: bool = False


class LineTooLong(Exception):
    """A line over `MAX_LINE` characters was skipped; carries how it begins."""

    def __init__(self, found: str) -> None:
        super().__init__(found)
        self.found = found

    @property
    def reason(self) -> str:
        """A sentence for people."""
        return (
            f"Expected at most {MAX_LINE:,} characters a row, got more. "
            "Check that the file is text with line ends, or split the text."
        )


class Lines:
    """The numbered lines of a text stream; iterating again goes on where it stopped.

    Attributes:
        number: of the line handed out last, from 1.
    """

    def __init__(self, stream: io.TextIOWrapper) -> None:
        self.number = 0
        self._stream = stream

    def __iter__(self) -> Iterator[str]:
        """Yield each line with its line end.

        Raises:
            LineTooLong: after skipping the line; iterate again for the next.
        """
        limit = MAX_LINE
        for line in iter(partial(self._stream.readline, limit + 1), ""):
            self.number += 1
            if len(line) > limit and not line.endswith("\n"):
                found = line[:_HEAD]
                del line  # The rest is skipped without holding the beginning.
                self._skip_line()
                raise LineTooLong(found)
            yield line

    def _skip_line(self) -> None:
        while (part := self._stream.readline(_SKIP)) and not part.endswith("\n"):
            pass


@contextmanager
def open_binary(source: Source) -> Iterator[io.BufferedReader]:
    """Open an input, uncompressed; standard input is left open at the end."""
    if source.path is None:
        stream = io.BufferedReader(cast(Any, sys.stdin.buffer), _BUFFER)
        try:
            yield stream
        finally:
            stream.detach()  # Else closing our buffer would close standard input.
        return
    with source.path.open("rb", buffering=_BUFFER) as file:
        if not source.gzipped:
            yield cast(Any, file)
            return
        with (
            gzip.GzipFile(fileobj=file, mode="rb") as plain,
            io.BufferedReader(cast(Any, plain), _BUFFER) as stream,
        ):
            yield stream


@contextmanager
def open_text(
    source: Source, options: SourceOptions, *, old_mac: bool = False
) -> Iterator[io.TextIOWrapper]:
    """Open an input as text, bytes that cannot be decoded kept as escapes.

    Args:
        source: what to open.
        options: for the encoding.
        old_mac: whether a file with carriage returns alone has lines too.

    Raises:
        FileDefect: the first bytes show that this is no text in this encoding.
    """
    with open_binary(source) as binary:
        head = binary.peek(_HEAD)[:_HEAD]
        encoding = _encoding_of(head, options)
        newline = "" if old_mac and b"\r" in head and b"\n" not in head else "\n"
        text = io.TextIOWrapper(
            binary, encoding=encoding, errors="surrogateescape", newline=newline
        )
        try:
            yield text
        finally:
            text.detach()  # `open_binary` closes what is to be closed.


def _encoding_of(head: bytes, options: SourceOptions) -> str:
    name = codecs.lookup(options.encoding).name
    found = head.decode("ascii", "surrogateescape")
    marked = next((found for mark, found in _BOMS if head.startswith(mark)), None)
    if name.startswith(_WIDE):
        # "utf-16-le" would keep the mark as a character of the text; "utf-16" reads it.
        if marked is not None and name.startswith(marked):
            return marked
        if name in _WIDE and head:
            raise FileDefect(
                f"Expected a file that begins with a byte order mark, as {name} asks, got none. "
                f"Pass --encoding {name}-le (Windows) or {name}-be, or the real encoding.",
                found,
            )
        return name
    if marked is not None:
        raise FileDefect(
            f"Expected {options.encoding} text, got a file that begins with the mark of {marked}. "
            f"Pass --encoding {marked}.",
            found,
        )
    for magic, kind, cure in _MAGICS:
        if head.startswith(magic):
            raise FileDefect(f"Expected text, but this looks like {kind}. {cure}", found)
    if b"\0" in head:
        raise FileDefect(
            "Expected text, but this looks like a binary file (it holds zero bytes). Pass a text "
            "file; if it is text, pass its --encoding, for example utf-16.",
            found,
        )
    return "utf-8-sig" if name == "utf-8" else name
