"""What came of a training, as `metrics.json` has it and as people are told it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedsvc import __version__
from embedsvc.jobs.predict_metrics import in_words, named
from embedsvc.jobs.train_output import COMMAND, REPORT
from embedsvc.jobs.train_plan import TrainPlan
from embedsvc.report.numbers import format_duration, plural

if TYPE_CHECKING:
    from embedsvc.evaluation.classification import ClassificationMetrics


@dataclass(frozen=True)
class TrainResult:
    """What came of a training.

    Attributes:
        output: the folder of the classifier.
        metrics: what its `metrics.json` holds.
        stood_already: it was there, and nothing was done.
    """

    output: Path
    metrics: dict[str, Any]
    stood_already: bool = False

    @property
    def report(self) -> Path:
        """The page."""
        return self.output / REPORT

    @property
    def notes(self) -> list[str]:
        """What the user should know of the training itself."""
        return [str(note) for note in self.metrics.get("notes", ())]

    def lines(self) -> list[str]:
        """What came out, for people."""
        metrics = self.metrics
        epochs = metrics["n_epochs"]
        told = f"{plural(epochs, 'epoch')} in {format_duration(metrics['seconds'])}"
        if metrics["best_epoch"]:
            told += f", the best is epoch {metrics['best_epoch']}"
        lines = [f"{told}."]
        for name, what in (("validation", "held-out"), ("test", "test")):
            found = metrics[name]
            if found is not None:
                texts = plural(found["n_texts"], f"{what} text")
                lines.append(f"On {texts}: {in_words(found)}")
        return lines


def to_metrics(
    plan: TrainPlan,
    *,
    facts: dict[str, Any],
    n_epochs: int,
    validation: ClassificationMetrics | None,
    test: ClassificationMetrics | None,
    class_weights: list[float],
    notes: list[str],
) -> dict[str, Any]:
    """What `metrics.json` holds.

    Args:
        plan: the training.
        facts: what the classifier says of how it came about.
        n_epochs: epochs that were run.
        validation: figures of the held-out texts, where there are any.
        test: figures of the test texts, where there are any.
        class_weights: one a label.
        notes: what the user should know.
    """
    names = plan.names
    return {
        "command": COMMAND,
        "embedsvc": __version__,
        "task": plan.codec.task,
        "chosen": plan.chosen,
        "base_model": facts["base_model"],
        "base_model_sha256": facts["base_model_sha256"],
        "n_texts": facts["n_texts"],
        "n_validation": facts["n_validation"],
        "n_epochs": n_epochs,
        "best_epoch": facts["best_epoch"],
        "seconds": facts["fit_seconds"],
        "trained_at": facts["trained_at"],
        "labels": [
            {"label": name, "count": count, "class_weight": weight}
            for name, count, weight in zip(names, plan.counts.tolist(), class_weights, strict=True)
        ],
        "validation": None if validation is None else named(validation, names),
        "test": None if test is None else named(test, names),
        "notes": notes,
        "data_notes": plan.notes(),
        "run": plan.asked,
    }
