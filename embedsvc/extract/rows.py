"""What comes out of an input: a row to encode, or a defect that says how to cure it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from embedsvc.errors import InputError

EXCERPT_CHARS = 200
FORMATS = ("txt", "csv", "tsv", "jsonl", "parquet")


class FileDefect(Exception):
    """A whole file cannot be read (further); becomes one `Reject` without a line.

    Attributes:
        reason: a sentence for people, with the cure.
        found: what was found, as it came.
    """

    def __init__(self, reason: str, found: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.found = found


def _where(file: str, line: int | None, unit: str) -> str:
    return file if line is None else f"{file}, {unit} {line}"


@dataclass(frozen=True, slots=True)
class Row:
    """One text to encode.

    Attributes:
        id: from the id column, otherwise the position among all rows of the run, from 0.
        text: the text; may be empty.
        columns: the passthrough columns asked for, {} if none.
        file: the name of the file, or "stdin".
        line: where the row starts in its file, from 1.
        unit: what `line` counts: "line", or "row" for Parquet.
    """

    id: str
    text: str
    columns: dict[str, Any]
    file: str
    line: int
    unit: str = "line"

    @property
    def where(self) -> str:
        """For people: "reviews.csv, line 12"."""
        return _where(self.file, self.line, self.unit)


@dataclass(frozen=True, slots=True)
class Reject:
    """A row, or a whole file, that cannot be encoded.

    Attributes:
        file: the name of the file, or "stdin".
        line: where the row starts, from 1; None if the whole (rest of the) file is meant.
        reason: a whole sentence with the cure.
        excerpt: at most 200 printable characters of what was found.
        unit: what `line` counts: "line", or "row" for Parquet.
    """

    file: str
    line: int | None
    reason: str
    excerpt: str
    unit: str = "line"

    @property
    def where(self) -> str:
        """For people: "reviews.csv, line 12", or the file name alone."""
        return _where(self.file, self.line, self.unit)


@dataclass(frozen=True)
class SourceOptions:
    """How to read the inputs.

    Attributes:
        column: the column of the texts; by default "text", or the only column there is.
        id_column: the column of the ids; by default ids are positions.
        include_columns: columns handed through to the results.
        format: one of `FORMATS`; by default the file's ending decides.
        encoding: of the text formats; any text encoding Python knows.
    """

    column: str | None = None
    id_column: str | None = None
    include_columns: tuple[str, ...] = ()
    format: str | None = None
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        """Check what can be checked without a file."""
        if self.format is not None and self.format not in FORMATS:
            raise InputError(
                f"Expected a format out of {', '.join(FORMATS)}, got {self.format!r}. "
                "Pass one of these, or leave --format out to go by the file's ending."
            )
        if isinstance(self.include_columns, str):
            raise InputError(
                f"Expected include_columns to be a tuple of names, got the string "
                f"{self.include_columns!r}. Pass ({self.include_columns!r},)."
            )
        if len(set(self.include_columns)) < len(self.include_columns):
            raise InputError(
                f"Expected different columns to include, got {', '.join(self.include_columns)}. "
                "Name each column once."
            )
        try:
            # Unlike a look-up this refuses "base64" and "rot13", which are no text encodings.
            io.TextIOWrapper(io.BytesIO(), encoding=self.encoding)
        except (LookupError, ValueError) as err:
            raise InputError(
                f"Expected an encoding Python knows, got {self.encoding!r}. "
                "Pass for example --encoding utf-8, utf-16, latin-1, cp1252 or shift_jis."
            ) from err

    @property
    def names_columns(self) -> bool:
        """Whether any column is asked for by name."""
        return bool(self.column is not None or self.id_column is not None or self.include_columns)


def printable(text: str, *, limit: int = EXCERPT_CHARS) -> str:
    """The beginning of a text, safe to print: controls and undecodable bytes as escapes."""
    head = text[:limit]
    if not head.isprintable():
        head = "".join(char if char.isprintable() else _escape(char) for char in head)
    return head[:limit]


def _escape(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # A byte that "surrogateescape" could not decode.
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")
