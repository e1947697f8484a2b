"""One input as a stream of rows and rejects, whatever its format; the file is not trusted."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import islice
from typing import Any

import orjson

from embedsvc.extract import streams
from embedsvc.extract.builder import RowBuilder, json_type
from embedsvc.extract.columns import DEFAULT_COLUMN, missing_column
from embedsvc.extract.readers_csv import DELIMITERS, read_csv
from embedsvc.extract.readers_parquet import read_parquet
from embedsvc.extract.rows import FileDefect, Reject, Row, SourceOptions, printable


def read_source(
    source: streams.Source, options: SourceOptions, positions: Iterator[int]
) -> Generator[Row | Reject, None, None]:
    """Read one input; a defect of the whole file is one last `Reject` without a line.

    Args:
        source: what to read.
        options: how to read it.
        positions: numbers the rows of the run; every row takes one, rejected or not.

    Yields:
        Rows and rejects in the order of the file.
    """
    try:
        with closing(_rows_of(source, options, positions)) as rows:
            first = next(rows, None)
            if first is None:
                raise FileDefect(
                    "Expected at least one row, got none. Check the file, or leave it out."
                )
            yield first
            yield from rows
    except FileDefect as err:
        yield Reject(source.label, None, err.reason, printable(err.found))
    except (EOFError, gzip.BadGzipFile, zlib.error) as err:
        yield Reject(
            source.label,
            None,
            f"Expected a whole gzip file, got a broken one ({err}). Compress or copy it again.",
            "",
        )
    except UnicodeError as err:
        yield Reject(
            source.label,
            None,
            f"Expected {options.encoding} text, got bytes that are not ({err}). Pass the encoding "
            "the file was written in with --encoding.",
            "",
        )
    except OSError as err:
        yield Reject(
            source.label,
            None,
            f"Expected a readable file, got: {err.strerror or err}. Check the file and its disk.",
            "",
        )


def _rows_of(
    source: streams.Source, options: SourceOptions, positions: Iterator[int]
) -> Generator[Row | Reject, None, None]:
    if source.format == "parquet":
        if source.path is None:
            raise FileDefect("Expected a Parquet file on disk, got standard input. Name the file.")
        builder = RowBuilder(source.label, options, positions, unit="row")
        yield from read_parquet(source.path, builder, options)
        return
    builder = RowBuilder(source.label, options, positions)
    delimiter = DELIMITERS.get(source.format)
    with streams.open_text(source, options, old_mac=delimiter is not None) as stream:
        if delimiter is not None:
            yield from read_csv(stream, builder, options, delimiter=delimiter)
        elif source.format == "jsonl":
            yield from read_jsonl(streams.Lines(stream), builder, options)
        else:
            yield from read_txt(streams.Lines(stream), builder)


def read_txt(lines: streams.Lines, builder: RowBuilder) -> Iterator[Row | Reject]:
    r"""Read one text a line, split at `\n` alone; a blank line is an empty text."""
    while True:
        try:
            for line in lines:
                yield builder.build(lines.number, line.removesuffix("\n").removesuffix("\r"))
            return
        except streams.LineTooLong as err:
            yield builder.reject(lines.number, err.reason, err.found)


def read_jsonl(
    lines: streams.Lines, builder: RowBuilder, options: SourceOptions
) -> Iterator[Row | Reject]:
    """Read one JSON object a line; blank lines are no rows."""
    while True:
        try:
            for line in lines:
                if not line.isspace():
                    yield _json_row(lines.number, line, builder, options)
            return
        except streams.LineTooLong as err:
            yield builder.reject(lines.number, err.reason, err.found)


def _json_row(number: int, line: str, builder: RowBuilder, options: SourceOptions) -> Row | Reject:
    if fault := builder.reject_undecodable(number, "the line", line):
        return fault
    try:
        value: Any = orjson.loads(line)
    except orjson.JSONDecodeError as err:
        # orjson counts lines and columns within this one line.
        return builder.reject(
            number,
            f"Expected one JSON object a line, got text that is not JSON ({err.msg} at character "
            f"{err.pos + 1}). Correct the line.",
            line.strip(),
        )
    if not isinstance(value, dict):
        return builder.reject(
            number,
            f"Expected one JSON object a line, got {json_type(value)}. "
            'Write {"text": "..."} on each line.',
            line.strip(),
        )
    column = DEFAULT_COLUMN if options.column is None else options.column
    if column not in value:
        reason = missing_column(column, islice(value, 1000), option="--column")
        return builder.reject(number, reason.replace("a column ", "a key ", 1), line.strip())
    return builder.build(
        number,
        value[column],
        None if options.id_column is None else value.get(options.id_column),
        {name: value.get(name) for name in options.include_columns},
    )
