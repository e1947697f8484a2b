"""The history of a training run as series: one a term of the loss, one a validation measure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from embedsvc.nets.training_state import EpochRecord

TOTAL, DATA, VALIDATION_LOSS = "total", "data", "loss"
_PENALTIES = ("weight penalty", "activity penalty", "add_loss")


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a chart.

    Attributes:
        name: what it measures.
        values: one an epoch; None where nothing was measured, and NaN or infinity where it broke.
    """

    name: str
    values: tuple[float | None, ...]

    @property
    def finite(self) -> list[float]:
        """The values that can be drawn."""
        return [value for value in self.values if value is not None and math.isfinite(value)]


def term_series(history: Sequence[EpochRecord]) -> list[Series]:
    """The terms of the loss, in the order in which they first occur."""
    names = dict.fromkeys(name for record in history for name in record.terms)
    return [Series(name, tuple(record.terms.get(name) for record in history)) for name in names]


def validation_series(history: Sequence[EpochRecord]) -> list[Series]:
    """The validation measures, in the order in which they first occur."""
    names = dict.fromkeys(name for record in history for name in record.validation)
    return [
        Series(name, tuple(record.validation.get(name) for record in history)) for name in names
    ]


def loss_series(history: Sequence[EpochRecord]) -> list[Series]:
    """What shares the axis of the loss: its terms without penalties, and the validation loss.

    Without penalties the total is the data loss, and only one of the two is given.
    """
    terms = [one for one in term_series(history) if not is_penalty(one.name)]
    values = {one.name: one.values for one in terms}
    if values.get(TOTAL) == values.get(DATA):
        terms = [one for one in terms if one.name != TOTAL]
    validation = [
        Series("validation loss", one.values)
        for one in validation_series(history)
        if one.name == VALIDATION_LOSS
    ]
    return terms + validation


def penalty_series(history: Sequence[EpochRecord]) -> list[Series]:
    """The penalties that were ever more than nothing."""
    return [one for one in term_series(history) if is_penalty(one.name) and any(one.finite)]


def measure_series(history: Sequence[EpochRecord]) -> list[Series]:
    """The validation measures but for the loss, with names for people."""
    return [
        Series(measure_name(one.name), one.values)
        for one in validation_series(history)
        if one.name != VALIDATION_LOSS
    ]


def is_penalty(name: str) -> bool:
    """Whether a term is a penalty on weights or activities, not a loss on the data."""
    return name.startswith(_PENALTIES)


def measure_name(name: str) -> str:
    """A validation measure as people call it: `measure_name("macro_f1")` is "macro F1"."""
    known = {"macro_f1": "macro F1", "micro_f1": "micro F1", "auroc": "AUROC"}
    return known.get(name, name.replace("_", " "))
