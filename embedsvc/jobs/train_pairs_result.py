"""What came of a training on pairs, as `metrics.json` has it and as people are told it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedsvc import __version__
from embedsvc.jobs.train_pairs_output import COMMAND, REPORT
from embedsvc.jobs.train_pairs_pictures import Pictures
from embedsvc.report.numbers import format_duration, plural
from embedsvc.report.pairs_text import format_means

if TYPE_CHECKING:
    from embedsvc.jobs.train_pairs_plan import PairTrainPlan
    from embedsvc.nets.training_state import EpochRecord
    from embedsvc.pairs.pairs_evaluation import PairsEvaluation


TRAINED = "trained descriptor"
"""What it is called among those that were measured."""


@dataclass(frozen=True)
class PairTrainResult:
    """What came of a training.

    Attributes:
        output: the folder of the descriptor.
        metrics: what its `metrics.json` holds.
        stood_already: it was there, and nothing was done.
    """

    output: Path
    metrics: dict[str, Any]
    stood_already: bool = False

    @property
    def report(self) -> Path | None:
        """The page; None where nothing was measured to put into one."""
        return None if self.metrics["measured"] is None else self.output / REPORT

    @property
    def notes(self) -> list[str]:
        """What the user should know of the training itself."""
        return [str(note) for note in self.metrics["notes"]]

    def lines(self) -> list[str]:
        """What came out, for people."""
        metrics = self.metrics
        epochs = metrics["n_epochs"]
        if not epochs:
            return ["No epoch: the best projection in closed form.", *metrics["summary"]]
        told = f"{plural(epochs, 'epoch')} in {format_duration(metrics['seconds'])}, "
        if not metrics["n_validation"]:
            told += "the last is kept"
        elif metrics["best_epoch"]:
            told += f"the best is epoch {metrics['best_epoch']}"
        else:
            told += "none better than the beginning"
        return [f"{told}.", *metrics["summary"]]


def to_metrics(
    plan: PairTrainPlan,
    *,
    history: Sequence[EpochRecord],
    best_epoch: int,
    evaluation: PairsEvaluation | None,
    notes: Sequence[str],
) -> dict[str, Any]:
    """What `metrics.json` holds.

    Args:
        plan: the training.
        history: the epochs.
        best_epoch: whose weights are kept; 0 is the state before the first.
        evaluation: the descriptor beside others, or None where there was nothing to measure on.
        notes: what the user should know.
    """
    kind = "pictures" if isinstance(plan.data, Pictures) else "sequences"
    return {
        "command": COMMAND,
        "embedsvc": __version__,
        f"{kind}_to_learn_from": len(plan.split.training),
        f"{kind}_held_out": plan.names_held_out,
        "n_validation": plan.n_validation,
        "n_epochs": len(history),
        "best_epoch": best_epoch,
        "seconds": sum(record.seconds for record in history),
        "measured_on": _measured_on(plan) if evaluation else None,
        "measured": evaluation.to_json() if evaluation else None,
        "summary": summary(plan, evaluation) if evaluation else [],
        "notes": list(notes),
        "data_notes": plan.notes(),
        "run": plan.asked,
    }


def summary(plan: PairTrainPlan, evaluation: PairsEvaluation) -> list[str]:
    """What was measured, as lines for people."""
    pictures = isinstance(plan.data, Pictures) and plan.test is None
    one = "picture" if pictures else "sequence"
    of = f"{plural(evaluation.n_pairs, 'pair')} of {plural(len(evaluation.sequences), one)}"
    network = evaluation.models[1]
    told = (
        f"On {of} to test with:"
        if plan.test is not None
        else f"On {of} held out, which also chose the epoch (--test FOLDER measures on others):"
    )
    return [
        told,
        "",
        *format_means(evaluation).splitlines(),
        "",
        f"{TRAINED} is this one, {network} the same network before training; the others have "
        "learned nothing.",
    ]


def _measured_on(plan: PairTrainPlan) -> str:
    return "validation" if plan.test is None else "test"
