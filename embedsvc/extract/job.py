"""`extract` itself: rows in, vectors out, and nothing lost on the way.

    source -> windows -> encoder -> parts and journal -> output

Each finished window is a part on the disk before the next is counted as done. When all parts are
there, they are joined into the output, which appears under its name only when it is whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from embedsvc.errors import InputError, OutputError
from embedsvc.extract.encoding import ON_ERROR, EncodeOptions, Encoder, encode_missing
from embedsvc.extract.folder import reason_of, remove_leftover
from embedsvc.extract.joining import column_types, join_parts, to_output
from embedsvc.extract.journal import Journal, open_journal
from embedsvc.extract.outputs import write_jsonl_rows
from embedsvc.extract.parts import PartRecord, Summary, summarize, to_part
from embedsvc.extract.rejects import rejects_file, to_line, write_rejects
from embedsvc.extract.rows import Reject, SourceOptions
from embedsvc.extract.sources import Sources
from embedsvc.extract.standing import check_columns, check_output, run_settings, stands_already

DTYPES = ("float32", "float16", "int8")


@dataclass(frozen=True)
class ExtractOptions:
    """How results are written.

    Attributes:
        dtype: "float32", "float16", or "int8": the component divided by one scale, which the
            metadata holds.
        on_error: "error" stops at the first defect, "skip" writes it to OUT.rejects.jsonl.
        refuse_long: whether a text longer than the model takes is a defect.
        overwrite: replace an existing output and forget parts of another run; parts of this very
            run are continued all the same.
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
        ArtifactError: the encoder gave NaN or infinity; a part or the journal was damaged.
        ResumeError: the output or its parts belong to another run.
        OutputError: the disk is full or not writable. What is done is kept.
        KeyboardInterrupt: as it came, with a message about what is kept.
    """
    start = time.perf_counter()
    check_columns(reading)
    check_output(output, sources)
    encoding = _encode_options(reading, options)
    settings = run_settings(sources, encoder, reading, refuse_long=options.refuse_long)
    if not options.overwrite and stands_already(
        output,
        sources,
        settings,
        dtype=options.dtype,
        unique_ids=encoding.unique_ids,
        skip=options.on_error == "skip",
    ):
        remove_leftover(output)
        return Summary(stood_already=True)
    with (
        open_journal(output, settings, overwrite=options.overwrite) as journal,
        _telling_what_is_safe(journal),
    ):
        n_earlier = len(journal.records)
        with closing(encode_missing(sources, encoder, journal, encoding, advance)) as windows:
            for window, encoded in windows:
                # Fewer where the input was edited and parts were dropped.
                n_earlier = min(n_earlier, window.index)
                table, record = to_part(window, encoded, reading.include_columns)
                journal.add(table, record, [to_line(reject) for reject in window.rejects])
        resumed = sum(record.rows for record in journal.records[:n_earlier])
        summary = replace(summarize(journal.records), resumed=resumed)
        with journal.explaining_write_errors():
            write_rejects(output, journal.rejects())
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
        ArtifactError: the encoder gave NaN or infinity.
        OutputError: the stream's disk is full.
        BrokenPipeError: whoever reads the stream has had enough.
    """
    start = time.perf_counter()
    check_columns(reading)
    check_stream(options)
    records: list[PartRecord] = []
    encoding = _encode_options(reading, options)
    with closing(encode_missing(sources, encoder, None, encoding, advance)) as windows:
        for window, encoded in windows:
            table, record = to_part(window, encoded, reading.include_columns)
            for reject in window.rejects:
                on_reject(reject)
            try:
                write_jsonl_rows(stream, to_output(table, column_types([record])))
                stream.flush()
            except BrokenPipeError:
                raise
            except OSError as err:
                raise OutputError(
                    f"Expected to write JSON lines, but {reason_of(err)}. Write to a file, such "
                    "as -o vectors.parquet: a run that stops can then be continued."
                ) from err
            records.append(record)
    summary = replace(summarize(records), seconds=time.perf_counter() - start)
    if not summary.rows:
        raise InputError(_no_rows(sources, summary, None))
    return summary


def check_stream(options: ExtractOptions) -> None:
    """Check what a stream cannot do.

    Raises:
        InputError: another dtype than float32, whose scale or precision no line could tell.
    """
    if options.dtype != "float32":
        raise InputError(
            f"Expected float32 vectors on a stream, got dtype={options.dtype!r}. "
            "Write to a file, such as -o vectors.parquet."
        )


def _encode_options(reading: SourceOptions, options: ExtractOptions) -> EncodeOptions:
    return EncodeOptions(
        unique_ids=reading.id_column is not None,
        on_error=options.on_error,
        refuse_long=options.refuse_long,
        overwrite=options.overwrite,
    )


@contextmanager
def _telling_what_is_safe(journal: Journal) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as err:
        kept = f"{journal.safe} " if journal.n_rows else ""
        raise KeyboardInterrupt(f"{kept}Run the same command again to continue.") from err


def _no_rows(sources: Sources, summary: Summary, output: Path | None) -> str:
    names = ", ".join(path.name for path in sources.files) or "standard input"
    if not summary.rejects:
        return f"Expected texts in {names}, got none. Check the input."
    where = f", see {rejects_file(output)}" if output else ""
    return f"Expected usable texts in {names}, got {summary.rejects} defects and no text{where}."
