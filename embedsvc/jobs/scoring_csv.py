"""`scores.csv`: one row an image, in input order."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from embedsvc.files import atomic_write
from embedsvc.jobs.scoring import ScoredRow

_ROWS = 1000


def write_scores(path: Path, rows: Iterable[ScoredRow], *, baseline: bool) -> None:
    """Write the table; it appears whole or not at all.

    Columns: path, score, p_value, is_anomaly (1 or 0), label (1, 0, or nothing), with a baseline
    baseline_score and baseline_is_anomaly, and error: why an image has no score.

    Args:
        path: of the file.
        rows: in input order.
        baseline: whether its columns are written.

    Raises:
        OSError: it cannot be written.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    others = ("baseline_score", "baseline_is_anomaly") if baseline else ()
    writer.writerow(("path", "score", "p_value", "is_anomaly", "label", *others, "error"))
    with atomic_write(path) as file:
        for n_written, row in enumerate(rows, 1):
            own = (row.name, _number(row.score), _number(row.p_value), _flag(row.is_anomaly))
            other = (_number(row.baseline_score), _flag(row.baseline_is_anomaly))
            rest = (*(other if baseline else ()), row.error or "")
            writer.writerow((*own, _flag(row.label), *rest))
            if n_written % _ROWS == 0:
                _flush(buffer, file)
        _flush(buffer, file)


def _flush(buffer: io.StringIO, file: IO[bytes]) -> None:
    file.write(buffer.getvalue().encode("utf-8", "backslashreplace"))
    buffer.seek(0)
    buffer.truncate()


def _number(value: float | None) -> str:
    """All digits, so that reading it gives the same number."""
    return "" if value is None else repr(value)


def _flag(value: int | None) -> str:
    return "" if value is None else str(int(value))
