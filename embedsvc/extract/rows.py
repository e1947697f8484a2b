"""What comes out of an input: a row to encode, or a defect that says how to cure it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

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


class Item(Protocol):
    """One row of an input, whatever is in it."""

    @property
    def id(self) -> str:
        """What the output calls it."""
        ...

    @property
    def columns(self) -> dict[str, Any]:
        """The passthrough columns asked for, {} if none."""
        ...

    @property
    def input(self) -> Any:
        """What is encoded."""
        ...

    @property
    def where(self) -> str:
        """For people: where it stands."""
        ...

    @property
    def stamp(self) -> list[Any]:
        """JSON values that change when the row does."""
        ...

    @property
    def characters(self) -> int:
        """Characters that are kept of it, columns apart."""
        ...

    def rejected(self, reason: str) -> Reject:
        """The row as a defect."""
        ...


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

    @property
    def input(self) -> str:
        """The text."""
        return self.text

    @property
    def stamp(self) -> list[Any]:
        """JSON values that change when the row does."""
        return [self.id, self.text, self.columns]

    @property
    def characters(self) -> int:
        """Characters of the text."""
        return len(self.text)

    def rejected(self, reason: str) -> Reject:
        """The row as a defect."""
        return Reject(self.file, self.line, reason, printable(self.text), self.unit)


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One image to encode.

    Attributes:
        id: its name, or from the id column of a table of paths.
        name: as it was given or found, in Unicode.
        path: the file.
        bytes: its size.
        mtime_ns: when it was changed last, in nanoseconds since 1970.
        file: the name again, or that of the table it stands in.
        line: where it stands in the table, from 1; None without a table.
        columns: the passthrough columns asked for, {} if none.
        unit: what `line` counts: "line" or "row"; "image" without a table.
    """

    id: str
    name: str
    path: Path
    bytes: int
    mtime_ns: int
    file: str
    line: int | None
    columns: dict[str, Any]
    unit: str

    @property
    def where(self) -> str:
        """For people: "parts/17.jpg", or "parts.csv, line 12"."""
        return _where(self.file, self.line, self.unit)

    @property
    def input(self) -> Path:
        """The file."""
        return self.path

    @property
    def stamp(self) -> list[Any]:
        """JSON values that change when the row or the file does, without reading the file."""
        return [self.id, self.name, self.bytes, self.mtime_ns, self.columns]

    @property
    def characters(self) -> int:
        """Characters of the name."""
        return len(self.name)

    def rejected(self, reason: str) -> Reject:
        """The image as a defect; the reason may hold the file's name, whatever that holds."""
        shown = printable(reason, limit=None)
        return Reject(self.file, self.line, shown, printable(self.name), self.unit)


@dataclass(frozen=True, slots=True)
class Reject:
    """A row, or a whole file, that cannot be encoded.

    Attributes:
        file: the name of the file, or "stdin".
        line: where the row starts, from 1; None if the whole (rest of the) file is meant.
        reason: a whole sentence with the cure.
        excerpt: at most 200 printable characters of what was found.
        unit: what `line` counts: "line", or "row" for Parquet; "image" for an image that stands in
            no table and has no line.
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
        column: the column of the texts, by default "text" or the only one there is; of images, the
            column of their paths.
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


def printable(text: str, *, limit: int | None = EXCERPT_CHARS) -> str:
    """The beginning of a text, or all of it, safe to print: controls and bad bytes as escapes."""
    head = text[:limit]
    if not head.isprintable():
        head = "".join(char if char.isprintable() else _escape(char) for char in head)
    return head[:limit]


def as_unicode(name: str) -> str:
    """A file's name as it can be written anywhere: bytes that are no UTF-8 become escapes."""
    if name.isascii():
        return name
    return "".join(_escape(char) if "\ud800" <= char <= "\udfff" else char for char in name)


def _escape(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # A byte that "surrogateescape" could not decode.
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")
