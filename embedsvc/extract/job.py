"""`extract` itself: rows in, vectors out, and nothing lost on the way.

    source -> windows -> encoder -> parts and journal -> output

Each finished window is a part on the disk before the next is counted as done. When all parts are
there, they are joined into the output, which appears under its name only when it is whole.
"""

from __future__ import annotations

import errno
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import orjson
from numpy.typing import NDArray

from embedsvc import __version__
from embedsvc.errors import ArtifactError, EmbedsvcError, InputError, OutputError, ResumeError
from embedsvc.extract.joining import column_types, join_parts, to_output
from embedsvc.extract.journal import Journal, open_journal
from embedsvc.extract.outputs import output_format, read_metadata, write_jsonl_rows
from embedsvc.extract.parts import (
    PARTS_LAYOUT,
    Encoded,
    PartRecord,
    Summary,
    summarize,
    to_part,
)
from embedsvc.extract.rows import Reject, SourceOptions, printable
from embedsvc.extract.sources import Sources
from embedsvc.extract.windows import Window, cut_windows
from embedsvc.files import atomic_write

DTYPES = ("float32", "float16", "int8")
ON_ERROR = ("error", "skip")
RESERVED_COLUMNS = ("id", "vector", "vectors", "n_tokens", "truncated", "metadata")


class Encoder(Protocol):
    """What `extract` needs of an encoder."""

    @property
    def dim(self) -> int:
        """Components of a vector."""
        ...

    def describe(self) -> dict[str, Any]:
        """What the vectors depend on."""
        ...

    def encode_windows(
        self, windows: Iterable[list[str]], *, advance: Callable[[int], None] = ...
    ) -> Iterator[Encoded]:
        """Encode windows of items, in order."""
        ...


@dataclass(frozen=True)
class ExtractOptions:
    """How results are written.

    Attributes:
        dtype: "float32", "float16", or "int8": the component divided by one scale, which the
            metadata holds.
        on_error: "error" stops at the first defect, "skip" writes it to OUT.rejects.jsonl.
        refuse_long: whether a text longer than the model takes is a defect.
        overwrite: replace an existing output and forget parts of another run.
    """

    dtype: str = "float32"
    on_error: str = "error"
    refuse_long: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        for name, value, choices in (
            ("dtype", self.dtype, DTYPES),
            ("on_error", self.on_error, ON_ERROR),
        ):
            if value not in choices:
                raise InputError(f"Expected {name} to be one of {choices}, got {value!r}.")


def extract_to_file(
    sources: Sources,
    encoder: Encoder,
    output: Path,
    *,
    reading: SourceOptions,
    options: ExtractOptions,
    advance: Callable[[int], None] = lambda count: None,
) -> Summary:
    """Encode every row of the sources into one output, or continue an earlier run of it.

    Args:
        sources: the inputs.
        encoder: turns texts into vectors.
        output: where the results will stand, see `outputs.py` for the formats.
        reading: how the sources are read, as they were opened.
        options: how results are written.
        advance: called with the number of rows just done, those of an earlier run included.

    Raises:
        InputError: a defect in the input, unless they are skipped; no usable row.
        ResumeError: the output or its parts belong to another run.
        OutputError: the disk is full or not writable. What is done is kept.
    """
    start = time.perf_counter()
    output_format(output)
    _check_columns(reading)
    settings = _settings(sources, encoder, reading, options)
    if _stands_already(output, settings, options, comparable=not sources.from_stdin):
        return Summary(stood_already=True)
    with open_journal(output, settings, overwrite=options.overwrite) as journal:
        resumed = journal.n_rows
        advance(resumed)
        with _explain_write_errors(journal, output):
            for window, encoded in _encode(sources, encoder, reading, journal, options, advance):
                journal.add(*to_part(window, encoded, reading.include_columns))
        summary = replace(
            summarize(journal.records),
            resumed=resumed,
            seconds=time.perf_counter() - start,
        )
        with _explain_write_errors(journal, output):
            _write_rejects(output, journal.records)
            if not summary.rows:
                journal.remove()
                raise InputError(_no_rows(sources, summary, output))
            join_parts(journal, output, settings=settings, dtype=options.dtype)
        journal.remove()
    return replace(summary, seconds=time.perf_counter() - start)


def extract_to_stream(
    sources: Sources,
    encoder: Encoder,
    stream: IO[bytes],
    *,
    reading: SourceOptions,
    options: ExtractOptions,
    on_reject: Callable[[Reject], None],
    advance: Callable[[int], None] = lambda count: None,
) -> Summary:
    """Encode every row of the sources as JSON lines, a window at a time, with nothing kept.

    Args:
        sources: the inputs.
        encoder: turns texts into vectors.
        stream: where lines go; flushed after each window.
        reading: how the sources are read, as they were opened.
        options: how results are written; dtype must be float32.
        on_reject: called with each defect that is skipped.
        advance: called with the number of rows just done.

    Raises:
        InputError: a defect in the input, unless they are skipped; no usable row.
    """
    start = time.perf_counter()
    _check_columns(reading)
    if options.dtype != "float32":
        raise InputError(
            f"Expected float32 vectors on a stream, got dtype={options.dtype!r}. "
            "Write to a file, such as -o vectors.parquet."
        )
    records: list[PartRecord] = []
    for window, encoded in _encode(sources, encoder, reading, None, options, advance):
        table, record = to_part(window, encoded, reading.include_columns)
        for reject in window.rejects:
            on_reject(reject)
        write_jsonl_rows(stream, to_output(table, column_types([record])))
        stream.flush()
        records.append(record)
    summary = replace(summarize(records), seconds=time.perf_counter() - start)
    if not summary.rows:
        raise InputError(_no_rows(sources, summary, None))
    return summary


def defect(reject: Reject) -> InputError:
    """A defect as the error that stops a run."""
    cure = "" if reject.line is None else " To leave such rows out, add --on-error skip."
    return InputError(f"{reject.where}: {reject.reason}{cure}")


# Before: what the run is, and whether it is done


def _check_columns(reading: SourceOptions) -> None:
    taken = [name for name in reading.include_columns if name in RESERVED_COLUMNS]
    if taken:
        raise InputError(
            f"Expected included columns with other names than {', '.join(RESERVED_COLUMNS)}, "
            f"which the output uses itself, got {taken[0]!r}. Rename the column, or use "
            "--id-column for ids."
        )


def _settings(
    sources: Sources, encoder: Encoder, reading: SourceOptions, options: ExtractOptions
) -> dict[str, Any]:
    described = encoder.describe()
    if options.refuse_long:
        described["on_long"] = "error"
    return {
        "layout": PARTS_LAYOUT,
        "version": __version__,
        **described,
        **asdict(reading),
        "on_error": options.on_error,
        "input": sources.fingerprint(),
    }


def _stands_already(
    output: Path, settings: dict[str, Any], options: ExtractOptions, *, comparable: bool
) -> bool:
    """Whether the output is the finished result of this very run."""
    if options.overwrite or not output.exists():
        return False
    try:
        made_with = read_metadata(output)
    except ArtifactError:
        made_with = {}
    wanted = orjson.loads(orjson.dumps({**settings, "dtype": options.dtype}))
    same = all(made_with.get(key) == value for key, value in wanted.items())
    # Standard input leaves nothing to compare, so its output is never taken for the same.
    if same and comparable:
        return True
    raise ResumeError(
        f"Expected {output} not to exist, or to be the result of the same command. It is neither: "
        "choose another output, or add --overwrite to replace it."
    )


# The work


def _encode(
    sources: Sources,
    encoder: Encoder,
    reading: SourceOptions,
    journal: Journal | None,
    options: ExtractOptions,
    advance: Callable[[int], None],
) -> Iterator[tuple[Window, Encoded]]:
    """Windows that are still to do, each with its vectors."""
    waiting: deque[Window] = deque()
    earlier = deque(journal.records if journal else ())

    def texts() -> Iterator[list[str]]:
        unique = reading.id_column is not None
        for window in cut_windows(sources.rows(), unique_ids=unique):
            if window.rejects and options.on_error == "error":
                raise defect(window.rejects[0])
            if earlier:
                _check_same(window, earlier.popleft(), journal)
            else:
                waiting.append(window)
                yield window.texts
        if earlier and journal:
            raise ResumeError(
                f"Expected the input that left {journal.folder}, but it has fewer rows now. "
                "Add --overwrite to start again."
            )

    for encoded in encoder.encode_windows(texts(), advance=advance):
        window = waiting.popleft()
        yield _without_long(window, encoded, options) if options.refuse_long else (window, encoded)


def _check_same(window: Window, record: PartRecord, journal: Journal | None) -> None:
    # Parts hold what the window held after long texts were taken out, so the input is compared by
    # its digest alone.
    if window.digest() != record.digest and journal is not None:
        raise ResumeError(
            f"Expected the input that left {journal.folder}, but rows near "
            f"{window.rows[0].where if window.rows else 'its end'} have changed. "
            "Restore the input to continue, or add --overwrite to start again."
        )


@dataclass(frozen=True)
class _Chosen:
    """The encoded rows that are kept."""

    vectors: NDArray[np.float32]
    n_tokens: NDArray[np.int32]
    truncated: NDArray[np.bool_]


def _without_long(
    window: Window, encoded: Encoded, options: ExtractOptions
) -> tuple[Window, Encoded]:
    """Turn rows whose text was truncated into defects."""
    long = encoded.truncated
    rejects = [
        Reject(
            file=row.file,
            line=row.line,
            unit=row.unit,
            reason=f"Expected a text that the model takes whole, got {n_tokens:,} tokens. "
            "Shorten it, or choose --on-long truncate or split.",
            excerpt=printable(row.text),
        )
        for row, n_tokens, is_long in zip(window.rows, encoded.n_tokens, long, strict=True)
        if is_long
    ]
    if not rejects:
        return window, encoded
    if options.on_error == "error":
        raise defect(rejects[0])
    keep = ~long
    rows = [row for row, kept in zip(window.rows, keep, strict=True) if kept]
    kept_window = _Trimmed(window.index, rows, window.rejects + rejects, original=window)
    return kept_window, _Chosen(
        encoded.vectors[keep], encoded.n_tokens[keep], encoded.truncated[keep]
    )


@dataclass
class _Trimmed(Window):
    """A window without its long texts that still answers for the input it came from."""

    original: Window = field(default_factory=lambda: Window(0))

    def digest(self) -> str:
        """The digest of the whole window."""
        return self.original.digest()


# After: rejects, errors


def _write_rejects(output: Path, records: list[PartRecord]) -> None:
    path = rejects_file(output)
    rejects = [reject for record in records for reject in record.rejects]
    if not rejects:
        path.unlink(missing_ok=True)
        return
    with atomic_write(path) as file:
        for reject in rejects:
            file.write(orjson.dumps(reject, option=orjson.OPT_APPEND_NEWLINE))


def rejects_file(output: Path) -> Path:
    """Where the defects of a run are written."""
    return output.with_name(output.name + ".rejects.jsonl")


def _no_rows(sources: Sources, summary: Summary, output: Path | None) -> str:
    names = ", ".join(path.name for path in sources.files) or "standard input"
    if not summary.rejects:
        return f"Expected texts in {names}, got none. Check the input."
    where = f", see {rejects_file(output)}" if output else ""
    return f"Expected usable texts in {names}, got {summary.rejects} defects and no text{where}."


@contextmanager
def _explain_write_errors(journal: Journal, output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        if isinstance(err, EmbedsvcError):
            raise
        full = err.errno in (errno.ENOSPC, errno.EDQUOT)
        what = "the disk is full" if full else (err.strerror or str(err))
        cure = "Free some space" if full else "Make it writable"
        raise OutputError(
            f"Expected to write {output}, but {what}. The {journal.n_rows:,} rows done so far are "
            f"safe in {journal.folder}. {cure} and run the same command again to continue."
        ) from err
