"""From the values found in a file to a `Row`, or to a `Reject` that says what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from embedsvc.extract.rows import Reject, Row, SourceOptions, printable

_CONTEXT = 80


class RowBuilder:
    """Builds the rows of one file.

    Every call of `build` or `reject` takes one position of the run, so that ids by position do
    not depend on which rows are good.
    """

    def __init__(
        self, file: str, options: SourceOptions, positions: Iterator[int], *, unit: str = "line"
    ) -> None:
        self.file = file
        self._options = options
        self._positions = positions
        self._unit = unit

    def build(
        self, line: int, text: object, row_id: object = None, columns: dict[str, Any] | None = None
    ) -> Row | Reject:
        """Check one row's values.

        Args:
            line: where the row starts, from 1.
            text: what the text column holds; anything but a string is a defect.
            row_id: what the id column holds; ignored where ids are positions.
            columns: the passthrough columns.
        """
        position = next(self._positions)
        if not isinstance(text, str):
            return self._reject(line, self._not_a_text(text), str(text))
        if not text.isascii() and (fault := self._fault(line, "the text", text)):
            return fault
        if self._options.id_column is None:
            checked_id = str(position)
        else:
            reason = _id_defect(row_id, self._options.id_column)
            if reason:
                return self._reject(line, reason, "" if row_id is None else str(row_id))
            checked_id = str(row_id)
            if fault := self._fault(line, "the id", checked_id):
                return fault
        if columns:
            for name, value in columns.items():
                if isinstance(value, str) and (
                    fault := self._fault(line, f"the column {name!r}", value)
                ):
                    return fault
        return Row(checked_id, text, columns or {}, self.file, line, self._unit)

    def reject(self, line: int, reason: str, found: str) -> Reject:
        """A row that has no values to check."""
        next(self._positions)
        return self._reject(line, reason, found)

    def reject_undecodable(self, line: int, what: str, value: str) -> Reject | None:
        """A `Reject` that takes a position if the value holds undecodable bytes, else None."""
        fault = self._fault(line, what, value)
        if fault is not None:
            next(self._positions)
        return fault

    def _reject(self, line: int, reason: str, found: str) -> Reject:
        return Reject(self.file, line, reason, printable(found), self._unit)

    def _fault(self, line: int, what: str, value: str) -> Reject | None:
        """A `Reject` if the value holds undecodable bytes or lone surrogates."""
        if value.isascii():
            return None
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as err:
            found = value[max(0, err.start - _CONTEXT) :]
            return self._reject(line, self._bad_character(what, ord(value[err.start])), found)
        return None

    def _bad_character(self, what: str, code: int) -> str:
        if not 0xDC80 <= code <= 0xDCFF:
            return (
                f"Expected {what} to be Unicode, got half a character (the lone surrogate "
                f"U+{code:04X}). Remove it or write the character whole."
            )
        byte = f"0x{code - 0xDC00:02X}"
        if self._unit == "row":
            return (
                f"Expected {what} to be UTF-8 as Parquet asks, got the byte {byte}. "
                "Write the file anew from correctly decoded texts."
            )
        return (
            f"Expected {what} to be {self._options.encoding}, got the byte {byte}. Pass the "
            "encoding the file was written in, for example --encoding latin-1 or cp1252."
        )

    def _not_a_text(self, value: object) -> str:
        if value is None:
            return "Expected a text, but the text is null. Write a string, or leave the row out."
        return (
            f"Expected the text to be a string, got {json_type(value)}. "
            "Convert it to a string, or choose another column with --column."
        )


def _id_defect(value: object, column: str) -> str | None:
    if isinstance(value, str) and value:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return None
    if value is None:
        found = "null or nothing"
    elif value == "":
        found = "an empty one"
    else:
        found = json_type(value)
    return (
        f"Expected a string or an integer as id in the column {column!r}, got {found}. "
        "Give every row an id, or leave --id-column out to number the rows."
    )


def json_type(value: object) -> str:
    """What a value is, in the words of JSON."""
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number" if isinstance(value, int) else "a number with a fraction or exponent"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, dict):
        return "an object"
    return "null" if value is None else f"a {type(value).__name__}"
