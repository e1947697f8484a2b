"""The page that compares detectors on one labelled set: which is best, and by how much."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from embedsvc.files import format_bytes
from embedsvc.report.charts import Interval, interval_chart, roc_chart
from embedsvc.report.comparison_data import ComparisonReport, DetectorRow, Judgement, Miss
from embedsvc.report.numbers import format_duration, format_measure, format_percent
from embedsvc.report.page import PAGE_NAME, render_page, write_page

__all__ = [
    "ComparisonReport",
    "DetectorRow",
    "Judgement",
    "Miss",
    "render_comparison_report",
    "write_comparison_report",
]

_WIDTHS = {"wide": 560, "narrow": 380}


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the table: its head, what it shows, and which figure is the best one."""

    name: str
    value: Callable[[DetectorRow], float | None]
    text: Callable[[float | None], str]
    best: Callable[[list[float]], float] | None
    interval: Callable[[DetectorRow], tuple[float, float]] | None = None


_COLUMNS = (
    _Column(
        "Image AUROC",
        lambda row: row.image_auroc,
        format_measure,
        max,
        lambda row: row.image_auroc_interval,
    ),
    _Column("Average precision", lambda row: row.average_precision, format_measure, max),
    _Column("F1", lambda row: row.f1, format_measure, max),
    _Column(
        "False alarms",
        lambda row: row.false_alarm_rate,
        format_percent,
        None,  # the best is not the fewest but what was asked for
        lambda row: row.false_alarm_interval,
    ),
    _Column("Pixel AUROC", lambda row: row.pixel_auroc, format_measure, max),
    _Column("AUPRO", lambda row: row.aupro, format_measure, max),
    _Column("Learning", lambda row: row.fit_seconds, format_duration, min),
    _Column("An image", lambda row: row.ms_per_image / 1000, format_duration, min),
    _Column("Size", lambda row: row.model_bytes, lambda size: format_bytes(size or 0), min),
)


def write_comparison_report(report: ComparisonReport, folder: Path) -> Path:
    """Write the page as `report.html` into a folder, made if need be, and return its path.

    Raises:
        InputError: a measure is not finite, or a picture is no JPEG or PNG.
        OutputError: it cannot be written.
    """
    page = render_comparison_report(report)
    write_page(folder / PAGE_NAME, page)
    return folder / PAGE_NAME


def render_comparison_report(report: ComparisonReport) -> str:
    """The page as one self-contained text of HTML.

    Raises:
        InputError: a measure is not finite, or a picture is no JPEG or PNG.
    """
    rows = sorted(report.rows, key=lambda row: -row.image_auroc)
    names = [row.detector for row in rows]
    # The table, the bars and the curves have one order, and so one colour a detector.
    curves = {name: report.roc[name] for name in names if name in report.roc}
    baselines = frozenset(row.detector for row in rows if row.is_baseline)
    bars = [
        Interval(row.detector, row.image_auroc, *row.image_auroc_interval, row.is_baseline)
        for row in rows
    ]
    context = {
        "report": report,
        "title": report.title,
        "rows": rows,
        "columns": [column.name for column in _shown(rows)],
        "table": _table(rows),
        "detectors": names,
        "bars": {name: interval_chart(bars, width=width) for name, width in _WIDTHS.items()},
        "roc": {
            name: roc_chart(curves, baselines=baselines, width=width)
            for name, width in _WIDTHS.items()
        },
        "has_curves": bool(curves),
        "n_test": report.n_normal + report.n_anomalous,
    }
    return render_page("comparison.html.j2", context, styles=("comparison.css",))


def _shown(rows: Sequence[DetectorRow]) -> list[_Column]:
    """The columns that hold a figure for at least one detector."""
    return [column for column in _COLUMNS if any(column.value(row) is not None for row in rows)]


def _table(rows: Sequence[DetectorRow]) -> list[list[tuple[str, str, bool]]]:
    """For each detector and column: the figure, its interval, and whether it is the best."""
    cells = []
    for row in rows:
        line = []
        for column in _shown(rows):
            value = column.value(row)
            known = [other for other in map(column.value, rows) if other is not None]
            is_best = value is not None and column.best is not None and value == column.best(known)
            between = ""
            if column.interval is not None:
                low, high = (column.text(end).removesuffix(" %") for end in column.interval(row))
                between = f"{low} to {high}"
            line.append((column.text(value), between, is_best and len(rows) > 1))
        cells.append(line)
    return cells
