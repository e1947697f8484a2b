"""`extract` itself: texts or images in, vectors out, and nothing lost on the way.

    source -> windows -> encoder -> parts and journal -> output

Each finished window is a part on the disk before the next is counted as done. When all parts are
there, they are joined into the output, which appears under its name only when it is whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO

from embedsvc.errors import InputError, OutputError
from embedsvc.extract.embedders import Encoder, embedder_of
from embedsvc.extract.folder import reason_of, remove_leftover
from embedsvc.extract.joining import column_types, join_parts, to_output
from embedsvc.extract.journal import open_journal
from embedsvc.extract.kinds import Inputs
from embedsvc.extract.missing import ON_ERROR, MissingOptions, compute_missing
from embedsvc.extract.outputs import write_jsonl_rows
from embedsvc.extract.parts import Summary, VectorPart, summarize, to_part
from embedsvc.extract.rejects import rejects_file, to_line, write_rejects
from embedsvc.extract.rows import Reject, SourceOptions
from embedsvc.extract.standing import check_columns, check_output, run_settings, stands_already

DTYPES = ("float32", "float16", "int8")


@dataclass(frozen=True)
class ExtractOptions:
    """How results are written.

    Attributes:
        dtype: "float32", "float16", or "int8": the component divided by one scale, which the
            metadata holds.
        on_error: "error" stops at the first defect, "skip" writes it to OUT.rejects.jsonl.
        refuse_long: whether a text longer than the model takes is a defect; not of images.
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
    sources: Inputs,
    encoder: Encoder,
    output: Path,
    *,
    reading: SourceOptions,
    options: ExtractOptions,
    advance: Callable[[int], None] = lambda count: None,
) -> Summary:
    """Encode every row of the sources into one output, or continue an earlier run of it.

    Args:
        sources: the texts or images.
        encoder: turns them into vectors.
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
    check_columns(reading, sources.kind)
    check_output(output, sources)
    embedder = embedder_of(sources.kind, encoder, refuse_long=options.refuse_long)
    settings = run_settings(sources, embedder)
    if not options.overwrite and stands_already(
        output, sources, settings, dtype=options.dtype, skip=options.on_error == "skip"
    ):
        remove_leftover(output)
        return Summary(stood_already=True)
    with (
        open_journal(output, settings, embedder.part, overwrite=options.overwrite) as journal,
        journal.explaining_interrupts(),
    ):
        n_earlier = len(journal.records)
        embed = partial(embedder.embed, advance=advance)
        done = compute_missing(sources, embed, journal, _missing_options(options), advance)
        with closing(done) as windows:
            for window, encoded in windows:
                # Fewer where the input was edited and parts were dropped.
                n_earlier = min(n_earlier, window.index)
                table, record = to_part(window, encoded, reading.include_columns, embedder.part)
                journal.add(table, record, [to_line(reject) for reject in window.rejects])
        resumed = sum(record.rows for record in journal.records[:n_earlier])
        summary = replace(summarize(journal.records, embedder.part), resumed=resumed)
        with journal.explaining_write_errors():
            write_rejects(output, journal.rejects())
            if not summary.rows:
                journal.remove()
                raise InputError(_no_rows(sources, summary, output))
            join_parts(journal, output, sources.kind, settings=settings, dtype=options.dtype)
        journal.remove()
    return replace(summary, seconds=time.perf_counter() - start)


def extract_to_stream(
    sources: Inputs,
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
        sources: the texts or images.
        encoder: turns them into vectors.
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
    kind = sources.kind
    check_columns(reading, kind)
    check_stream(options)
    records: list[VectorPart] = []
    embedder = embedder_of(kind, encoder, refuse_long=options.refuse_long)
    embed = partial(embedder.embed, advance=advance)
    done = compute_missing(sources, embed, None, _missing_options(options), advance)
    with closing(done) as windows:
        for window, encoded in windows:
            table, record = to_part(window, encoded, reading.include_columns, embedder.part)
            for reject in window.rejects:
                on_reject(reject)
            try:
                write_jsonl_rows(stream, to_output(table, kind, column_types([record])))
                stream.flush()
            except BrokenPipeError:
                raise
            except OSError as err:
                raise OutputError(
                    f"Expected to write JSON lines, but {reason_of(err)}. Write to a file, such "
                    "as -o vectors.parquet: a run that stops can then be continued."
                ) from err
            records.append(record)
    seconds = time.perf_counter() - start
    summary = replace(summarize(records, embedder.part), seconds=seconds)
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


def _missing_options(options: ExtractOptions) -> MissingOptions:
    return MissingOptions(on_error=options.on_error, overwrite=options.overwrite)


def _no_rows(sources: Inputs, summary: Summary, output: Path | None) -> str:
    kind = sources.kind.name
    if not summary.rejects:
        return f"Expected {kind} in {sources.label}, got none. Check the input."
    where = f", see {rejects_file(output)}" if output else ""
    return (
        f"Expected usable {kind} in {sources.label}, got {summary.rejects} defects and no "
        f"{kind.removesuffix('s')}{where}."
    )
