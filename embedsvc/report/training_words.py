"""What the page about a training run says in sentences."""

from __future__ import annotations

from embedsvc.report.numbers import format_duration, format_measure, format_percent, plural
from embedsvc.report.shown_text import isolated, shown_label
from embedsvc.report.training_data import Measured, TrainingReport

_TASKS = {
    "binary": "two labels",
    "multiclass": "one label a text",
    "multilabel": "any number of labels a text",
}


def verdict(report: TrainingReport, measured: Measured | None) -> str:
    """The result in one sentence."""
    if measured is None:
        return f"Trained on {plural(report.n_training, 'text')}, and not measured."
    texts = f"{plural(measured.metrics.n_texts, kind_of(report, measured) + ' text')}"
    if report.task == "multilabel":
        return f"Macro F1 of {format_measure(measured.metrics.macro_f1)} on {texts}."
    return f"Right for {format_percent(measured.metrics.accuracy)} of {texts}."


def kind_of(report: TrainingReport, measured: Measured) -> str:
    """What to call the texts it was measured on."""
    return "test" if measured is report.test else "held-out"


def lead(report: TrainingReport, measured: Measured | None) -> list[str]:
    """What was trained on what, and what the result compares with; a sentence each."""
    n_labels = plural(len(report.labels), "label")
    said = [
        f"{shown_label(report.encoder)} learned {n_labels} from "
        f"{plural(report.n_training, 'text')} in {format_duration(report.seconds)} "
        f"(trained: {shown_label(report.trained)})."
    ]
    if measured is None:
        said.append("No text was held out, so there is no telling how good it is.")
        return said
    said += [text for text in (_guessing(report, measured), _choice(report, measured)) if text]
    return said


def task_name(task: str) -> str:
    """A task for people: `task_name("multiclass")` is "multiclass: one label a text"."""
    return f"{task}: {_TASKS[task]}" if task in _TASKS else task


def _guessing(report: TrainingReport, measured: Measured) -> str:
    """What one would reach without learning; accuracy alone says little where a label prevails."""
    metrics = measured.metrics
    if report.task == "multilabel":
        exact = format_percent(metrics.accuracy)
        return f"For {exact} of the texts every label is right and none is too many."
    if not metrics.n_texts:
        return ""
    commonest = max(range(len(metrics.labels)), key=lambda k: metrics.labels[k].support)
    share = metrics.labels[commonest].support / metrics.n_texts
    name = isolated(shown_label(report.labels[commonest]))
    return f"Always answering “{name}” would be right for {format_percent(share)}."


def _choice(report: TrainingReport, measured: Measured) -> str:
    """Held-out texts are a little too kind: the epoch and thresholds were chosen on them."""
    if measured is report.test:
        return "The test texts had no part in the training."
    chosen = "The best epoch was" if report.task != "multilabel" else "Epoch and thresholds were"
    return f"{chosen} chosen on the same texts, so new ones may fare a little worse."
