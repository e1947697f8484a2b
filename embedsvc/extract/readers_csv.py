"""CSV and TSV, streamed: a record with a defect costs that record, not the file.

The dialect is RFC 4180's: a header row, fields in double quotes where needed, quotes inside them
doubled. TSV differs in the delimiter alone. An empty field is an empty text.

A blank line at the end of the file is no row. Elsewhere it is an empty text in a file of one column
(nothing else can be meant) and a ragged row in any other.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence

from embedsvc.extract import streams
from embedsvc.extract.builder import RowBuilder
from embedsvc.extract.columns import choose_columns
from embedsvc.extract.rows import FileDefect, Reject, Row, SourceOptions

DELIMITERS = {"csv": ",", "tsv": "\t"}


def read_csv(
    stream: io.TextIOWrapper, builder: RowBuilder, options: SourceOptions, *, delimiter: str
) -> Iterator[Row | Reject]:
    """Read the records below the header.

    Raises:
        FileDefect: there is no header, or it lacks a column asked for.
    """
    records = _Records(stream, delimiter)
    numbered = iter(records)
    header = _header(numbered)
    chosen = choose_columns(header, options)
    width = len(header)
    text_at = header.index(chosen.text)
    id_at = None if chosen.id is None else header.index(chosen.id)
    include_at = [(name, header.index(name)) for name in chosen.include]
    blank: range | None = None

    def build(line: int, fields: list[str]) -> Row | Reject:
        if len(fields) != width:
            return builder.reject(line, _ragged(len(fields), width), delimiter.join(fields[:50]))
        row_id = None if id_at is None else fields[id_at]
        columns = {name: fields[at] for name, at in include_at} if include_at else None
        return builder.build(line, fields[text_at], row_id, columns)

    for line, fields in numbered:
        if not fields:
            blank = range(line if blank is None else blank.start, line + 1)
            continue
        if blank is not None:
            for blank_line in blank:
                yield build(blank_line, [""] if width == 1 else [])
            blank = None
        if isinstance(fields, _Broken):
            yield builder.reject(line, fields.reason, fields.found)
        else:
            yield build(line, fields)


class _Broken:
    """What stands for the fields of a record that is not well formed."""

    def __init__(self, reason: str, found: str) -> None:
        self.reason = reason
        self.found = found


class _Records:
    """The records of a stream, each with the line it starts at."""

    def __init__(self, stream: io.TextIOWrapper, delimiter: str) -> None:
        self._lines = streams.Lines(stream)
        self._delimiter = delimiter
        self._chars = 0
        self._found = ""
        # The line of the quote that is open after the last line.
        self._quote_open_since: int | None = None

    def __iter__(self) -> Iterator[tuple[int, list[str] | _Broken]]:
        # The limit belongs to the whole process: others may count on a higher one.
        csv.field_size_limit(max(csv.field_size_limit(), streams.MAX_LINE + 1))
        reader = self._reader()
        start = 1
        while True:
            try:
                for fields in reader:
                    yield start, fields
                    start = self._lines.number + 1
                    self._begin_record()
                return
            except csv.Error as err:
                yield start, _Broken(self._explain(err), self._found)
            except streams.LineTooLong as err:
                yield start, _Broken(err.reason, self._found or err.found)
                reader = self._reader()  # Its line source has ended with the exception.
            start = self._lines.number + 1
            self._begin_record()

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(
            self._feed(), delimiter=self._delimiter, quotechar='"', doublequote=True, strict=True
        )

    def _feed(self) -> Iterator[str]:
        for line in self._lines:
            self._chars += len(line)
            if not self._found:
                self._found = line if len(line) < 1000 else line[:1000]
            if '"' in line:
                self._follow_quotes(line)
            if self._chars <= streams.MAX_LINE or self._chars == len(line):
                yield line
            elif self._quote_open_since is None:
                # Not before the quote closes: its text is not to be taken for records.
                raise streams.LineTooLong(self._found)
        if self._chars > streams.MAX_LINE and self._quote_open_since is not None:
            raise streams.LineTooLong(self._found)

    def _follow_quotes(self, line: str) -> None:
        count = line.replace('""', "").count('"')  # Doubled quotes neither open nor close.
        is_open = (self._quote_open_since is not None) ^ (count & 1 == 1)
        if not is_open:
            self._quote_open_since = None
        elif count:
            self._quote_open_since = self._lines.number

    def _begin_record(self) -> None:
        self._chars = 0
        self._found = ""
        self._quote_open_since = None

    def _explain(self, err: csv.Error) -> str:
        problem = str(err)
        end = self._lines.number
        if "unexpected end of data" in problem:
            since = self._quote_open_since or end
            return (
                f"Expected every quote to be closed, got a quote opened in line {since} that is "
                f"still open at the end of the file (line {end}). Close it, or double it if it "
                "belongs to the text."
            )
        if "expected after" in problem:
            return (
                "Expected the end of the field after a closing quote, got more of it (the record "
                f"is read up to line {end}). Double the quotes that belong to the text."
            )
        if "new-line character" in problem:
            return (
                "Expected a line to end with a newline, got a carriage return in the middle. "
                "Remove it, or put the field in quotes."
            )
        return f"Expected a well-formed record, got: {problem}. Correct the line."


def _header(records: Iterator[tuple[int, list[str] | _Broken]]) -> Sequence[str]:
    cure = "Write the names of the columns into the first line."
    _, fields = next(records, (1, None))
    if fields is None:
        raise FileDefect(f"Expected a header row, got an empty file. {cure}")
    if isinstance(fields, _Broken):
        raise FileDefect(f"The header row cannot be read. {fields.reason}", fields.found)
    if not fields:
        raise FileDefect(f"Expected a header row, got a blank first line. {cure}")
    return fields


def _ragged(count: int, width: int) -> str:
    if count == 0:
        return f"Expected {width} fields as in the header, got a blank line. Remove the line."
    fields = "1 field" if count == 1 else f"{count} fields"
    return (
        f"Expected {width} field{'s' if width > 1 else ''} as in the header, got {fields}. "
        "Put fields that hold the delimiter, quotes or line ends in double quotes."
    )
