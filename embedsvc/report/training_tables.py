"""The tables of the page about a training run: rows of figures with names that can be shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedsvc.evaluation.classification import ClassificationMetrics
from embedsvc.report.confusion import confused_pairs
from embedsvc.report.epochs import DATA, TOTAL, is_penalty, measure_name, term_series
from embedsvc.report.numbers import format_measure, format_percent, format_score
from embedsvc.report.shown_text import cut, shown_label
from embedsvc.report.training_data import Answer, LabelBalance, Measured, TrainingReport

_MOST_ANSWERS = 12  # labels shown of one text
_MEANINGS = {
    "macro_f1": "Mean over the labels; rare ones count as much as common ones",
    "macro_recall": "Share of a label's texts that are found, mean over the labels",
    "auroc": "How well probabilities rank a label's texts before others; 0.5 is guessing",
    "average_precision": "The same, and more honest about rare labels",
    "log_loss": "Less is better; being sure and wrong costs most",
}


@dataclass(frozen=True, slots=True)
class LabelRow:
    """The measures of one label; `taken_for` is the label it is most often mistaken for."""

    label: str
    support: int
    precision: float | None
    recall: float | None
    f1: float | None
    auroc: float | None
    average_precision: float | None
    threshold: float | None
    taken_for: str = ""
    taken_count: int = 0


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """One label of the training data; bars are shares of the largest share of all."""

    label: str
    balance: LabelBalance
    bar: float
    weighted_bar: float


@dataclass(frozen=True, slots=True)
class TermRow:
    """A term of the loss: at first, in the best epoch, at last, and its share of the total then."""

    name: str
    is_penalty: bool
    first: float | None
    best: float | None
    last: float | None
    share: float | None


@dataclass(frozen=True, slots=True)
class MistakeRow:
    """A wrongly judged text as it is shown."""

    text: str
    n_chars: int | None
    truth: list[tuple[str, str]]
    predicted: list[tuple[str, str, bool]]
    n_more_truth: int
    n_more_predicted: int


def metric_table(measured: Sequence[Measured], task: str) -> list[tuple[str, str, list[str]]]:
    """Name, what it means, and the value on each measured set."""
    of = [one.metrics for one in measured]
    several = task == "multilabel"
    exact = "Texts with every label right and none too many" if several else "Right answers"
    micro = "Over all answers; common labels count more"
    rows = [
        ("Accuracy", exact, [format_percent(m.accuracy) for m in of]),
        ("Macro F1", _MEANINGS["macro_f1"], [format_measure(m.macro_f1) for m in of]),
        ("Micro F1", micro, [format_measure(m.micro_f1) for m in of]),
        ("Macro recall", _MEANINGS["macro_recall"], [format_percent(m.macro_recall) for m in of]),
        ("AUROC", _MEANINGS["auroc"], [format_measure(m.auroc) for m in of]),
        (
            "Average precision",
            _MEANINGS["average_precision"],
            [format_measure(m.average_precision) for m in of],
        ),
        ("Log loss", _MEANINGS["log_loss"], [format_measure(m.log_loss) for m in of]),
    ]
    # With one label a text, micro F1 is the accuracy.
    return [row for row in rows if several or row[0] != "Micro F1"]


def label_rows(labels: Sequence[str], metrics: ClassificationMetrics) -> list[LabelRow]:
    """The measures of each label, lowest F1 first, labels without texts last."""
    taken = _mostly_taken_for(metrics.confusion)
    rows = []
    for k, (label, one) in enumerate(zip(labels, metrics.labels, strict=True)):
        other, count = taken.get(k, (-1, 0))
        rows.append(
            LabelRow(
                shown_label(label),
                one.support,
                one.precision,
                one.recall,
                one.f1,
                one.auroc,
                one.average_precision,
                one.threshold,
                shown_label(labels[other]) if count else "",
                count,
            )
        )
    return sorted(rows, key=lambda row: (row.support == 0, _sortable(row.f1)))


def balance_rows(report: TrainingReport) -> list[BalanceRow]:
    """The labels of the training data, the commonest first."""
    shares = [share for one in report.balance for share in (one.share, one.weighted_share)]
    most = max([share for share in shares if math.isfinite(share)], default=0.0) or 1.0
    rows = [
        BalanceRow(shown_label(label), one, one.share / most, one.weighted_share / most)
        for label, one in zip(report.labels, report.balance, strict=True)
    ]
    return sorted(rows, key=lambda row: -row.balance.count)


def is_weighted(balance: Sequence[LabelBalance]) -> bool:
    """Whether any weight is other than one."""
    return any(
        abs(one.weight - 1) > 1e-9 or abs(one.share - one.weighted_share) > 1e-6 for one in balance
    )


def term_rows(report: TrainingReport) -> list[TermRow]:
    """What each term added to the loss; nothing if there is only one."""
    epochs = [record.epoch for record in report.history]
    at = epochs.index(report.best_epoch) if report.best_epoch in epochs else len(epochs) - 1
    series = term_series(report.history)
    if {one.name for one in series} <= {TOTAL, DATA}:
        return []
    total = next((one.values[at] for one in series if one.name == TOTAL), None)
    return [
        TermRow(
            shown_label(one.name),
            is_penalty(one.name),
            one.values[0],
            one.values[at],
            one.values[-1],
            _share(one.values[at], total),
        )
        for one in series
    ]


def epoch_table(report: TrainingReport) -> tuple[list[str], list[tuple[bool, list[str]]]]:
    """The names of the columns, and for each epoch whether it is the best one and its figures."""
    measures = list(dict.fromkeys(name for one in report.history for name in one.validation))
    head = ["Training loss", *(f"Validation {measure_name(name)}" for name in measures)]
    rows = []
    for record in report.history:
        figures = [record.terms.get(TOTAL), *(record.validation.get(name) for name in measures)]
        rows.append((record.epoch == report.best_epoch, list(map(_figure, figures))))
    return [shown_label(name) for name in head], rows


def mistake_rows(measured: Measured) -> list[MistakeRow]:
    """The worst mistakes; a text that was cut says how long it is."""
    rows = []
    for mistake in measured.mistakes:
        text, is_cut = cut(mistake.text)
        right = {answer.label for answer in mistake.truth}
        rows.append(
            MistakeRow(
                text,
                len(mistake.text) if is_cut else None,
                [_answer(one) for one in mistake.truth[:_MOST_ANSWERS]],
                [(*_answer(one), one.label in right) for one in mistake.predicted[:_MOST_ANSWERS]],
                max(0, len(mistake.truth) - _MOST_ANSWERS),
                max(0, len(mistake.predicted) - _MOST_ANSWERS),
            )
        )
    return rows


def data_value(value: float | None) -> str:
    """A number for the script that sorts; "" where there is none."""
    return "" if value is None or not math.isfinite(value) else f"{value:.9g}"


def bar_share(value: float | None) -> str:
    """The length of a bar, 0 to 1."""
    known = value is not None and math.isfinite(value)
    return f"{min(max(value, 0.0), 1.0):.4f}" if known and value is not None else "0"


def _answer(answer: Answer) -> tuple[str, str]:
    return shown_label(answer.label), format_percent(answer.probability)


def _mostly_taken_for(confusion: NDArray[np.int64] | None) -> dict[int, tuple[int, int]]:
    if confusion is None:
        return {}
    taken: dict[int, tuple[int, int]] = {}
    for pair in confused_pairs(confusion, most=confusion.size):
        taken.setdefault(pair.truth, (pair.predicted, pair.count))
    return taken


def _share(part: float | None, whole: float | None) -> float | None:
    if part is None or not whole or not math.isfinite(part) or not math.isfinite(whole):
        return None
    return part / whole


def _figure(value: float | None) -> str:
    """A figure; one that broke is told from one that was never measured."""
    if value is not None and not math.isfinite(value):
        return "not finite"
    return format_score(value)


def _sortable(value: float | None) -> float:
    return 2.0 if value is None or math.isnan(value) else value
