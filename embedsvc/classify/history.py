"""What happened in each epoch of a training."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EpochRecord:
    """One epoch.

    Attributes:
        epoch: its number, from 1.
        seconds: how long it took, its validation included.
        learning_rate: at its end.
        terms: every term of the loss apart, by name, and their sum as "total"; means over the
            texts learned from.
        validation: measures of the held-out texts by name, such as "loss" and "macro_f1"; empty
            where none are held out.
    """

    epoch: int
    seconds: float
    learning_rate: float
    terms: dict[str, float]
    validation: dict[str, float]
