"""The history of a training run as a table of numbers: a row an epoch."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from embedsvc.nets.training_state import EpochRecord
from embedsvc.report.epochs import term_series, validation_series
from embedsvc.report.whole_file import write_whole

_FIXED = ("epoch", "seconds", "learning_rate")


def history_csv(history: Sequence[EpochRecord]) -> str:
    """The history as CSV.

    Columns are epoch, seconds and learning_rate, then the terms of the loss, then the validation
    measures as "validation_loss" and so on, in the order in which they first occur. What was not
    measured is empty; what was no number any more is "nan" or "inf".

    Args:
        history: one record an epoch.

    Returns:
        Lines that end with a line feed; the first one has the names of the columns.
    """
    terms, measures = term_series(history), validation_series(history)
    after = [f"validation_{one.name}" for one in measures]
    taken = {*_FIXED, *after}
    names = [f"term: {one.name}" if one.name in taken else one.name for one in terms]
    columns = [one.values for one in (*terms, *measures)]
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow([*_FIXED, *names, *after])
    for i, record in enumerate(history):
        figures = (record.seconds, record.learning_rate, *(values[i] for values in columns))
        writer.writerow([record.epoch, *map(_written, figures)])
    return lines.getvalue()


def write_history_csv(history: Sequence[EpochRecord], path: Path) -> None:
    """Write the history as CSV; it appears whole or not at all, and its folder is made if need be.

    Raises:
        OutputError: it cannot be written.
    """
    write_whole(path, history_csv(history).encode("utf-8", errors="replace"))


def _written(value: float | None) -> str:
    """Nine digits, which tell every float32 from its neighbours."""
    return "" if value is None else f"{value:.9g}"
