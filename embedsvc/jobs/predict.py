"""`predict` itself: texts in, labels and probabilities out, and nothing lost on the way.

    sources -> windows -> classifier -> parts and journal -> output

Parts hold probabilities alone. What is made of them, labels and columns, is decided when they are
joined, so that a run that was stopped may be continued with another threshold.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from embedsvc.errors import InputError, OutputError
from embedsvc.extract.embedders import TextEmbedder
from embedsvc.extract.folder import reason_of
from embedsvc.extract.joining import column_types, input_digest
from embedsvc.extract.journal import Journal, open_journal
from embedsvc.extract.kinds import TEXTS
from embedsvc.extract.missing import MissingOptions, compute_missing
from embedsvc.extract.parts import Summary, TextPart, VectorPart, summarize, to_part
from embedsvc.extract.rejects import rejects_file, to_line, write_rejects
from embedsvc.extract.rows import Reject
from embedsvc.extract.windows import Window
from embedsvc.jobs.predict_metrics import Measurement
from embedsvc.jobs.predict_model import Classifier, ProbabilityEncoder
from embedsvc.jobs.predict_output import METRICS, remove_partial_metrics
from embedsvc.jobs.predict_plan import Predicted, PredictPlan
from embedsvc.jobs.predict_rows import Decoding, PartRows
from embedsvc.tables.row_files import Rows, write_json_rows, write_rows

Advance = Callable[[int], None]
_PART: type[VectorPart] = TextPart


def predict_to_file(
    plan: PredictPlan,
    output: Path,
    classifier: Classifier,
    *,
    advance: Advance = lambda count: None,
) -> Predicted:
    """Classify every text of the sources into one output, or continue an earlier run of it.

    Args:
        plan: what is done, not standing yet; see `PredictPlan.standing`.
        output: the plan's output.
        classifier: the plan's classifier, loaded.
        advance: called with the number of rows just done, those of an earlier run included.

    Raises:
        InputError: a defect in the input, unless they are skipped; no usable row.
        ArtifactError: the classifier gave NaN; a part or the journal was damaged.
        ResumeError: the parts there belong to another run.
        OutputError: the disk is full or not writable. What is done is kept.
        KeyboardInterrupt: as it came, with a message about what is kept.
    """
    start = time.perf_counter()
    overwrite = plan.options.overwrite
    with (
        open_journal(output, plan.settings, _PART, overwrite=overwrite) as journal,
        journal.explaining_interrupts(),
    ):
        remove_partial_metrics(output)
        n_earlier = _compute(plan, classifier, journal, advance)
        resumed = sum(record.rows for record in journal.records[:n_earlier])
        summary = replace(summarize(journal.records, _PART), resumed=resumed)
        with journal.explaining_write_errors():
            write_rejects(output, journal.rejects())
            if not summary.rows:
                journal.remove()
                raise InputError(_no_rows(plan, summary))
            metrics = _join(plan, output, classifier, journal)
        journal.remove()
    return Predicted(replace(summary, seconds=time.perf_counter() - start), metrics)


def predict_to_stream(
    plan: PredictPlan,
    stream: IO[bytes],
    classifier: Classifier,
    *,
    on_reject: Callable[[Reject], None],
    advance: Advance = lambda count: None,
) -> Predicted:
    """Classify every text of the sources as JSON lines, a window at a time, with nothing kept.

    Args:
        plan: what is done.
        stream: where lines go; flushed after each window.
        classifier: the plan's classifier, loaded.
        on_reject: called with each defect that is skipped.
        advance: called with the number of rows just done.

    Raises:
        InputError: a defect in the input, unless they are skipped; no usable row.
        ArtifactError: the classifier gave NaN.
        OutputError: the stream's disk is full.
        BrokenPipeError: whoever reads the stream has had enough.
    """
    start = time.perf_counter()
    records: list[VectorPart] = []
    measurement = _measurement(plan, classifier)
    with closing(_computed(plan, classifier, None, advance)) as parts:
        for window, table, record in parts:
            for reject in window.rejects:
                on_reject(reject)
            (rows,) = _told([table], plan, _decoding(plan, classifier, [record]), measurement)
            try:
                write_json_rows(stream, rows)
                stream.flush()
            except BrokenPipeError:
                raise
            except OSError as err:
                raise OutputError(
                    f"Expected to write JSON lines, but {reason_of(err)}. Write to a file, such "
                    "as -o predictions.csv: a run that stops can then be continued."
                ) from err
            records.append(record)
    summary = replace(summarize(records, _PART), seconds=time.perf_counter() - start)
    if not summary.rows:
        raise InputError(_no_rows(plan, summary))
    return Predicted(summary, None if measurement is None else _metrics(plan, measurement))


def _compute(
    plan: PredictPlan, classifier: Classifier, journal: Journal[VectorPart], advance: Advance
) -> int:
    """Add the missing parts; returns how many an earlier run had done."""
    n_earlier = len(journal.records)
    with closing(_computed(plan, classifier, journal, advance)) as parts:
        for window, table, record in parts:
            # Fewer where the input was edited and parts were dropped.
            n_earlier = min(n_earlier, window.index)
            journal.add(table, record, [to_line(reject) for reject in window.rejects])
    return n_earlier


def _computed(
    plan: PredictPlan, classifier: Classifier, journal: Journal[VectorPart] | None, advance: Advance
) -> Generator[tuple[Window, pa.Table, VectorPart], None, None]:
    """Windows that no part stands for, with their parts."""
    embedder = TextEmbedder(ProbabilityEncoder(plan.saved, classifier))
    options = MissingOptions(on_error=plan.options.on_error, overwrite=plan.options.overwrite)
    embed = partial(embedder.embed, advance=advance)
    columns = plan.sources.options.include_columns
    with closing(compute_missing(plan.sources, embed, journal, options, advance)) as windows:
        for window, encoded in windows:
            yield window, *to_part(window, encoded, columns, _PART)


def _join(
    plan: PredictPlan, output: Path, classifier: Classifier, journal: Journal[VectorPart]
) -> dict[str, Any] | None:
    """Write the output from the parts, one part in memory at a time; returns the metrics."""
    decoding = _decoding(plan, classifier, journal.records)
    measurement = _measurement(plan, classifier)
    measured: dict[str, Any] = {}

    def metrics() -> dict[str, Any]:
        if measurement is not None:
            measured.update(_metrics(plan, measurement))
        return measured

    metadata = {
        **plan.asked,
        "model": plan.saved.folder.name,
        "rejects": sum(record.rejects for record in journal.records),
        TEXTS.digest: input_digest(record.digest for record in journal.records),
    }
    rows = Rows(
        schema=decoding.schema,
        tables=_told(journal.tables(), plan, decoding, measurement),
        metadata=metadata,
        separator=plan.options.label_separator,
        extras={} if measurement is None else {METRICS: metrics},
        absent=(METRICS,) if measurement is None else (),
    )
    write_rows(output, rows)
    return None if measurement is None else measured


def _decoding(plan: PredictPlan, classifier: Classifier, records: Iterable[VectorPart]) -> Decoding:
    types = column_types(records)
    return Decoding(
        task=plan.saved.task,
        labels=plan.saved.labels,
        thresholds=_thresholds(plan, classifier),
        probabilities=plan.options.probabilities,
        top=plan.options.top,
        with_truth=plan.true_labels is not None,
        types={name: types[name] for name in plan.reading.include_columns},
    )


def _told(
    tables: Iterable[pa.Table],
    plan: PredictPlan,
    decoding: Decoding,
    measurement: Measurement | None,
) -> Iterator[pa.Table]:
    """Parts as rows of the output; each is measured as it passes."""
    for table in tables:
        part = PartRows.of(table, plan.true_labels, keeps=bool(decoding.types))
        if measurement is not None:
            measurement.add(part)
        yield decoding.rows(part)


def _measurement(plan: PredictPlan, classifier: Classifier) -> Measurement | None:
    if plan.true_labels is None:
        return None
    return Measurement(plan.saved.task, plan.saved.labels, _thresholds(plan, classifier))


def _thresholds(plan: PredictPlan, classifier: Classifier) -> NDArray[np.float64]:
    return classifier.thresholds_ if plan.thresholds is None else plan.thresholds


def _metrics(plan: PredictPlan, measurement: Measurement) -> dict[str, Any]:
    return {
        "command": "predict",
        "model": plan.saved.folder.name,
        "model_sha256": plan.saved.sha256,
        "task": plan.saved.task,
        **measurement.metrics(),
    }


def _no_rows(plan: PredictPlan, summary: Summary) -> str:
    label = plan.sources.label
    if not summary.rejects:
        return f"Expected texts in {label}, got none. Check the input."
    where = f", see {rejects_file(plan.output)}" if plan.output else ""
    return f"Expected usable texts in {label}, got {summary.rejects} defects and no text{where}."
