"""The page about a training run: how good the classifier is, where it errs, how it learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from embedsvc.errors import InputError
from embedsvc.report.confusion import (
    MOST_LABELS,
    MOST_NUMBERED,
    confused_pairs,
    confusion_chart,
    drawn_labels,
)
from embedsvc.report.curves import curve_chart
from embedsvc.report.epochs import loss_series, measure_series, penalty_series
from embedsvc.report.numbers import plural
from embedsvc.report.page import PAGE_NAME, render_page, write_page
from embedsvc.report.reliability_chart import reliability_chart
from embedsvc.report.shown_text import shown, shown_label
from embedsvc.report.training_data import (
    Answer,
    LabelBalance,
    Measured,
    Mistake,
    TrainingReport,
)
from embedsvc.report.training_tables import (
    balance_rows,
    bar_share,
    data_value,
    epoch_table,
    is_weighted,
    label_rows,
    metric_table,
    mistake_rows,
    term_rows,
)
from embedsvc.report.training_words import kind_of, lead, task_name, verdict

__all__ = [
    "Answer",
    "LabelBalance",
    "Measured",
    "Mistake",
    "TrainingReport",
    "render_training_report",
    "write_training_report",
]

_OF_AN_ANSWER = ("Probability of the answer", "Share right", "answers")
_OF_A_LABEL = ("Probability of a label", "Share that have it", "label decisions")
_WIDTHS = {"wide": 580, "narrow": 380}
_SMALL = 6  # labels, up to which a table has room beside the confusion matrix
_FEW = 20  # texts, below which one more mistake is seen in the second digit
_FIRST_MISTAKES = 20  # shown at once; the others can be unfolded


def write_training_report(report: TrainingReport, folder: Path) -> Path:
    """Write the page as `report.html` into a folder, made if need be, and return its path.

    Raises:
        InputError: the figures are not those of the labels.
        OutputError: it cannot be written.
    """
    page = render_training_report(report)
    write_page(folder / PAGE_NAME, page)
    return folder / PAGE_NAME


def render_training_report(report: TrainingReport) -> str:
    """The page as one self-contained text of HTML.

    Details are shown of the test texts where there are some, else of the held-out ones.

    Raises:
        InputError: the figures are not those of the labels.
    """
    _check(report)
    sets = [one for one in (report.validation, report.test) if one is not None]
    main = sets[-1] if sets else None
    head, epochs = epoch_table(report)
    context = {
        "report": report,
        "title": shown_label(report.title, 200),
        "verdict": verdict(report, main),
        "lead": lead(report, main),
        "task": task_name(report.task),
        "main": main,
        "kind": kind_of(report, main) if main else "",
        "sets": [(kind_of(report, one), shown_label(one.source), one) for one in sets],
        "metrics": metric_table(sets, report.task),
        "warnings_shown": [shown(text) for text in report.warnings],
        "notes": [shown(text) for text in report.notes],
        "encoder_about": shown(report.encoder_about),
        "facts": _facts(report),
        "settings": {shown_label(k): shown_label(v, 300) for k, v in report.settings.items()},
        "curves": _curves(report),
        "epoch_head": head,
        "epochs": list(zip(report.history, epochs, strict=True)),
        "terms": term_rows(report),
        "balance": balance_rows(report),
        "is_weighted": is_weighted(report.balance),
        "bar": bar_share,
        "data_value": data_value,
        **_measured(report, main),
    }
    return render_page(
        "training.html.j2", context, styles=("training.css",), scripts=("training.js",)
    )


def _check(report: TrainingReport) -> None:
    n_labels = len(report.labels)
    counts = {len(one.metrics.labels) for one in (report.validation, report.test) if one}
    if len(report.balance) != n_labels or counts - {n_labels}:
        raise InputError(
            f"Expected figures of {plural(n_labels, 'label')}, got {len(report.balance)} in the "
            f"balance and {sorted(counts)} in the metrics. Pass those of one classifier."
        )


def _facts(report: TrainingReport) -> list[tuple[str, str]]:
    facts = [
        ("Task", task_name(report.task)),
        ("Base model", shown_label(report.encoder)),
        ("Trained", shown_label(report.trained)),
        ("Vector of a text", f"{report.dim:,} numbers, {shown_label(report.pooling)} pooling"),
        ("Learned from", plural(report.n_training, "text")),
        ("Held out", plural(report.n_validation, "text")),
        ("Seed", str(report.seed)),
    ]
    return [*facts, ("Finished", shown_label(report.trained_at))] if report.trained_at else facts


def _curves(report: TrainingReport) -> list[tuple[str, dict[str, str]]]:
    """Name and drawings of each chart; penalties and measures have their own scale.

    One epoch makes no curve.
    """
    if len(report.history) < 2:
        return []
    charts = [
        ("Loss", loss_series(report.history)),
        ("Validation measures", measure_series(report.history)),
        ("Penalties", penalty_series(report.history)),
    ]
    epochs = [record.epoch for record in report.history]
    return [
        (
            name,
            {
                size: curve_chart(
                    epochs, series, best_epoch=report.best_epoch, about=name, width=width
                )
                for size, width in _WIDTHS.items()
            },
        )
        for name, series in charts
        if series
    ]


def _measured(report: TrainingReport, main: Measured | None) -> dict[str, Any]:
    """What the page says of the set of texts it goes into."""
    mistakes = mistake_rows(main) if main else []
    rows = label_rows(report.labels, main.metrics) if main else []
    return {
        "label_rows": rows,
        "has_thresholds": any(row.threshold is not None for row in rows),
        "has_unseen": any(row.support == 0 for row in rows),
        "has_few": any(0 < row.support < _FEW for row in rows),
        "matrix": _matrix(report, main) if main else None,
        "mistakes": mistakes[:_FIRST_MISTAKES],
        "more_mistakes": mistakes[_FIRST_MISTAKES:],
        "calibration": _calibration(report, main) if main else None,
    }


def _matrix(report: TrainingReport, measured: Measured) -> dict[str, Any] | None:
    confusion = measured.metrics.confusion
    if confusion is None:
        return None
    drawn = drawn_labels(confusion)
    inside = confusion[drawn][:, drawn]
    names = [report.labels[k] for k in drawn]
    n_wrong = int(confusion.sum() - confusion.trace())
    is_small = len(confusion) <= _SMALL
    pairs = confused_pairs(confusion, 10 if is_small else 20) if len(confusion) > 2 else []
    return {
        "chart": confusion_chart(inside, names, width=560 if is_small else 1140),
        "is_small": is_small,
        "is_numbered": len(names) <= MOST_NUMBERED,
        "is_part": len(confusion) > MOST_LABELS,
        "n_drawn": len(drawn),
        "n_wrong": n_wrong,
        "n_wrong_drawn": int(inside.sum() - inside.trace()),
        "pairs": [
            (shown_label(report.labels[p.truth]), shown_label(report.labels[p.predicted]), p)
            for p in pairs
        ],
    }


def _calibration(report: TrainingReport, measured: Measured) -> dict[str, str] | None:
    if measured.reliability is None:
        return None
    is_multilabel = report.task == "multilabel"
    said, found, unit = _OF_A_LABEL if is_multilabel else _OF_AN_ANSWER
    return {
        size: reliability_chart(
            measured.reliability, said=said, found=found, unit=unit, width=width
        )
        for size, width in {"wide": 440, "narrow": 380}.items()
    }
