"""Find the inputs of a run and stream their rows in order.

Everything that can be known without reading a file through is checked when the sources are opened,
so that a typing mistake is answered before a model is loaded.
"""

from __future__ import annotations

import glob
import sys
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

from embedsvc.errors import InputError
from embedsvc.extract.kinds import TEXTS
from embedsvc.extract.readers import read_source
from embedsvc.extract.rows import Reject, Row, SourceOptions, printable
from embedsvc.extract.streams import Source
from embedsvc.files import sha256_of

STDIN = "-"
STDIN_LABEL = "stdin"

_FORMAT_OF_ENDING = {
    ".txt": "txt",
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}


class Sources:
    """The texts of one run.

    Attributes:
        options: how they are read.
        files: the files in order; standard input is not among them.
        from_stdin: whether standard input is one of the inputs.
    """

    kind = TEXTS

    def __init__(self, sources: Sequence[Source], options: SourceOptions) -> None:
        self._sources = tuple(sources)
        self._stdin_taken = False
        self.options = options
        self.files: list[Path] = [one.path for one in sources if one.path is not None]
        self.from_stdin = len(self.files) < len(self._sources)

    @property
    def label(self) -> str:
        """What messages call the inputs."""
        return ", ".join(path.name for path in self.files) or "standard input"

    @property
    def unique_ids(self) -> bool:
        """Whether a repeated id is a defect; ids by position do not repeat."""
        return self.options.id_column is not None

    def settings(self) -> dict[str, Any]:
        """What is read and how; reads the files through for their checksums."""
        return {**asdict(self.options), "input": self.fingerprint()}

    @property
    def told_by_settings(self) -> bool:
        """Whether equal settings mean equal rows: not of standard input, which has no checksum."""
        return not self.from_stdin

    def total(self) -> int | None:
        """About how many rows there are; None where that is not known."""
        if self.from_stdin:
            return None
        # Arrow takes half a second to import and is not needed to find files.
        from embedsvc.extract.counting import count_rows

        counts = [count_rows(path) for path in self.files]
        return None if None in counts else sum(filter(None, counts))

    def rows(self) -> Generator[Row | Reject, None, None]:
        """Stream all inputs in order; close the generator to close the file it is in.

        Returns:
            Rows, and rejects for rows and files with a defect. Ids by position count the rows of
            all inputs from 0, rejected rows too; a reject of a whole file takes no position.

        Raises:
            InputError: standard input was read before.
        """
        if self.from_stdin and self._stdin_taken:
            raise InputError(
                "Expected to read standard input once, got a second reading. "
                "Save it to a file and pass that."
            )
        self._stdin_taken = True
        return self._stream()

    def _stream(self) -> Generator[Row | Reject, None, None]:
        with closing(self.rows_with_files()) as rows:
            for _, row in rows:
                yield row

    def rows_with_files(self) -> Generator[tuple[Path | None, Row | Reject], None, None]:
        """As `rows`, each row with the file it is from; None for standard input."""
        positions = count()
        for source in self._sources:
            with closing(read_source(source, self.options, positions)) as rows:
                for row in rows:
                    yield source.path, row

    def fingerprint(self) -> list[dict[str, Any]]:
        """What tells whether a later run reads the same files: reads each one through.

        Returns:
            For each file its "name" without folders, "bytes" and "sha256".

        Raises:
            InputError: a file cannot be read any more.
        """
        known: dict[Path, dict[str, Any]] = {}
        for path in self.files:
            if path in known:
                continue
            try:
                known[path] = {
                    "name": printable(path.name),
                    "bytes": path.stat().st_size,
                    "sha256": sha256_of(path),
                }
            except OSError as err:
                raise _unreadable(path, err) from err
        return [dict(known[path]) for path in self.files]


def open_sources(inputs: Sequence[str], options: SourceOptions) -> Sources:
    """Find and check the inputs, without reading them.

    Args:
        inputs: files, globs such as "data/**/*.csv" (matches are sorted), and at most one "-" for
            standard input. A path that exists is taken as it is, whatever characters it has.
        options: how to read them.

    Raises:
        InputError: an input is missing, not a file, unreadable or of an unknown format, or the
            options ask for columns of a format that has none.
    """
    if isinstance(inputs, str) or not inputs:
        raise InputError(
            f"Expected a list of inputs, got {inputs!r}. Pass files, globs or '-' for stdin."
        )
    if list(inputs).count(STDIN) > 1:
        raise InputError("Expected '-' (stdin) at most once, got it twice. Name it once.")
    paths = [None if text == STDIN else _expand(text) for text in inputs]
    labels = _labels([path for found in paths if found for path in found])
    sources: list[Source] = []
    for found in paths:
        if found is None:
            sources.append(_stdin_source(options))
        else:
            sources += [_file_source(path, labels[path], options) for path in found]
    for source in sources:
        if source.format == "txt" and options.names_columns:
            raise InputError(
                f"Expected a file with columns, as a column is asked for, got {source.label}: text "
                "of one row a line has no columns. Leave the column options out, or pass --format."
            )
    return Sources(sources, options)


def _expand(text: str) -> list[Path]:
    path = Path(text)
    try:
        if text and path.is_dir():
            raise InputError(
                f"Expected a file, got the folder {text}. "
                f"Pass its files or a glob such as '{text.rstrip('/')}/*.csv'."
            )
        if text and path.exists():
            _check_readable(path)
            return [path]
    except OSError as err:
        raise _unreadable(path, err) from err
    if not any(mark in text for mark in "*?["):
        raise InputError(
            f"Expected a file, got {printable(text)!r}, which does not exist. "
            "Check the path; '-' reads standard input."
        )
    # Path.glob takes no absolute patterns.
    matches = sorted(Path(one) for one in glob.glob(text, recursive=True))  # noqa: PTH207
    files = [one for one in matches if not one.is_dir()]
    if not files:
        raise InputError(
            f"Expected files matching {printable(text)!r}, got no match. "
            "Check the folder and the pattern; '**' stands for any depth of folders."
        )
    for one in files:
        _check_readable(one)
    return files


def _check_readable(path: Path) -> None:
    try:
        if not path.is_file():
            raise InputError(
                f"Expected a regular file, got {path}, which is a pipe or a device or a broken "
                "link. Pipe data to '-' instead, with --format."
            )
        path.open("rb").close()
    except OSError as err:
        raise _unreadable(path, err) from err


def _unreadable(path: Path, err: OSError) -> InputError:
    return InputError(
        f"Expected a readable file, got {printable(str(path))}: {err.strerror or err}. "
        "Check its permissions, or pass another file."
    )


def _file_source(path: Path, label: str, options: SourceOptions) -> Source:
    name = path.name.lower()
    gzipped = name.endswith(".gz")
    ending = Path(name.removesuffix(".gz")).suffix
    kind = options.format or _FORMAT_OF_ENDING.get(ending)
    if kind is None or (gzipped and kind == "parquet"):
        problem = "a compressed Parquet file" if kind else f"the ending {ending!r}"
        raise InputError(
            f"Expected a file that ends in {', '.join(_FORMAT_OF_ENDING)} (all but .parquet also "
            f"with .gz), got {path}: {problem}. "
            + ("Decompress it." if kind else "Say with --format what it is.")
        )
    return Source(path, label, kind, gzipped)


def _stdin_source(options: SourceOptions) -> Source:
    kind = options.format or "txt"
    if kind == "parquet":
        raise InputError(
            "Expected text on standard input, got --format parquet, which cannot be streamed. "
            "Save it to a file and pass that."
        )
    if getattr(sys.stdin, "buffer", None) is None:
        raise InputError(
            "Expected bytes on standard input, got a process without one. Pass a file."
        )
    return Source(None, STDIN_LABEL, kind)


def _labels(paths: Sequence[Path]) -> dict[Path, str]:
    """What messages call each file: its name, with as many folders as make it unique."""
    different = set(paths)
    depth = 1
    while True:
        labels = {path: "/".join(path.parts[-depth:]) for path in different}
        if len(set(labels.values())) == len(different) or depth > 100:
            return {path: printable(label) for path, label in labels.items()}
        depth += 1
