"""The keys of one line of a JSON lines file, looked up to explain what is missing there."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import orjson

from embedsvc.extract.rows import FileDefect, SourceOptions
from embedsvc.extract.streams import Lines, LineTooLong, Source, open_text


def keys_of_row(path: Path, line: int, options: SourceOptions) -> list[str] | None:
    """The keys of the object in a line; None where the file is no JSON lines.

    Args:
        path: the file, which may be gzipped.
        line: its number, from 1.
        options: how the file is read.
    """
    name = path.name.lower()
    plain = name.removesuffix(".gz")
    by_ending = options.format is None and plain.endswith((".jsonl", ".ndjson"))
    if options.format != "jsonl" and not by_ending:
        return None
    try:
        with open_text(Source(path, path.name, "jsonl", name != plain), options) as stream:
            return list(orjson.loads(next(islice(Lines(stream), line - 1, None))))
    except (OSError, EOFError, ValueError, TypeError, StopIteration, LineTooLong, FileDefect):
        return None
