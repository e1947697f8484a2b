"""Which rows of the examples go into which batch of which epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from embedsvc.nets import training_loop
from embedsvc.nets.batch_training import BatchModel
from embedsvc.nets.training_loop import Measure, Outcome
from embedsvc.nets.training_state import EpochRecord, TrainingState
from embedsvc.progress import Advance


class TrainingData(Protocol):
    """Examples and how they are drawn."""

    def signature(self) -> dict[str, tf.TensorSpec]:
        """What a batch of any size looks like."""
        ...

    def batch(self, rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """The examples of these rows."""
        ...

    def plan(
        self, rows: NDArray[np.int64], *, batch_size: int, seed: int, epoch: int
    ) -> Iterator[NDArray[np.int64]]:
        """The rows of each batch of an epoch."""
        ...


@dataclass(frozen=True)
class LoopOptions:
    """How long a training takes.

    Attributes:
        epochs: the most passes over the examples.
        batch_size: examples a step.
        patience: epochs without a better validation before training stops; None never stops.
        seed: of the order of examples.
    """

    epochs: int
    batch_size: int
    patience: int | None
    seed: int


def run_epochs(
    model: BatchModel,
    data: TrainingData,
    rows: NDArray[np.int64],
    *,
    options: LoopOptions,
    measure: Measure | None = None,
    measure_first: bool = False,
    state: TrainingState | None = None,
    save: Callable[[TrainingState], None] | None = None,
    on_epoch: Callable[[EpochRecord], None] = lambda record: None,
    advance: Advance = lambda count: None,
) -> Outcome:
    """Train on some rows of the data; the rest is as `training_loop.run_epochs` has it.

    Args:
        model: with its optimizer, which is built.
        data: the examples.
        rows: those to learn from.
        options: how long.
        measure: validates after each epoch; without it the last epoch is the best.
        measure_first: whether the weights it begins with may be the best.
        state: where an earlier training stopped, to go on from there.
        save: called with the state after each epoch.
        on_epoch: called after each epoch.
        advance: called with the number of examples just learned from.
    """
    return training_loop.run_epochs(
        model,
        _DrawnRows(data, rows, options),
        epochs=options.epochs,
        patience=options.patience,
        measure=measure,
        measure_first=measure_first,
        state=state,
        save=save,
        on_epoch=on_epoch,
        advance=advance,
    )


@dataclass(frozen=True)
class _DrawnRows:
    """The batches of some rows."""

    data: TrainingData
    rows: NDArray[np.int64]
    options: LoopOptions

    @property
    def n_examples(self) -> int:
        return len(self.rows)

    def signature(self) -> dict[str, tf.TensorSpec]:
        return self.data.signature()

    def epoch(self, number: int) -> Iterator[dict[str, NDArray[Any]]]:
        options = self.options
        plan = self.data.plan(
            self.rows, batch_size=options.batch_size, seed=options.seed, epoch=number
        )
        return (self.data.batch(part) for part in plan)
