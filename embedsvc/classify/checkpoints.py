"""What a training keeps of itself, so that an interrupted one can go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


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
