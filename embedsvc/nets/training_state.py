"""What is told of each epoch of a training, and what an interrupted one goes on from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class EpochRecord:
    """One epoch.

    Attributes:
        epoch: its number, from 1.
        seconds: how long it took, its validation included.
        learning_rate: at its end.
        terms: every term of the loss apart, by name, and their sum as "total"; means over the
            examples learned from.
        validation: measures of the held-out examples by name, such as "loss" and "macro_f1"; empty
            where none are held out.
    """

    epoch: int
    seconds: float
    learning_rate: float
    terms: dict[str, float]
    validation: dict[str, float]


@dataclass(frozen=True)
class TrainingState:
    """A training after an epoch.

    Attributes:
        arrays: weights, the optimizer's variables and the best weights, by name.
        facts: the rest, as JSON has it.
    """

    arrays: dict[str, NDArray[np.generic]]
    facts: dict[str, Any]


class Checkpoints(Protocol):
    """Where states are kept; each is whole or not there."""

    def load(self) -> TrainingState | None:
        """The latest state of this very training, or None."""
        ...

    def save(self, state: TrainingState) -> None:
        """Keep a state in place of the one before."""
        ...
