"""The training loop: epochs, validation, the best weights, and a state to go on from."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from embedsvc.errors import ArtifactError, EmbedsvcError
from embedsvc.nets.batch_training import TOTAL, BatchModel
from embedsvc.nets.training_state import EpochRecord, TrainingState
from embedsvc.progress import Advance

Weights = list[NDArray[Any]]
Measures = dict[str, float]
Score = tuple[float, ...]
Measure = Callable[[], tuple[Score, Measures]]
"""Gives how good the network is now, the higher the better and -infinity for one that gives
NaN, and measures to report."""


class Batches(Protocol):
    """What is learned from, cut into batches anew for each epoch."""

    @property
    def n_examples(self) -> int:
        """How many an epoch has."""
        ...

    def signature(self) -> dict[str, tf.TensorSpec]:
        """What a batch of any size looks like."""
        ...

    def epoch(self, number: int) -> Iterable[Mapping[str, Any]]:
        """The batches of an epoch, counted from 1; the same number gives the same ones."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What came of a training; the network has the best weights.

    Attributes:
        history: the epochs.
        best_epoch: the one whose weights are kept, from 1; 0 where those it began with were best.
        diverged: whether the loss became infinite or NaN.
    """

    history: tuple[EpochRecord, ...]
    best_epoch: int
    diverged: bool


def run_epochs(
    model: BatchModel,
    batches: Batches,
    *,
    epochs: int,
    patience: int | None = None,
    measure: Measure | None = None,
    measure_first: bool = False,
    state: TrainingState | None = None,
    save: Callable[[TrainingState], None] | None = None,
    on_epoch: Callable[[EpochRecord], None] = lambda record: None,
    advance: Advance = lambda count: None,
) -> Outcome:
    """Train a model and leave it with its best weights.

    Args:
        model: with its optimizer, which is built.
        batches: what to learn from.
        epochs: the most passes.
        patience: epochs without a better validation before training stops; None never stops.
        measure: validates after each epoch; without it the last epoch is the best.
        measure_first: whether the weights it begins with may be the best.
        state: where an earlier training stopped, to go on from there.
        save: called with the state after each epoch.
        on_epoch: called after each epoch.
        advance: called with the number of examples just learned from.

    Raises:
        EmbedsvcError: the loss was not finite before any epoch was whole.
        ArtifactError: the checkpoint is of another network.
    """
    run = _Run(model)
    if state is not None:
        run.restore(state)
        advance(batches.n_examples * len(run.history))
    elif measure is not None and measure_first:
        run.note_best(measure()[0])
    step = _compile_step(model, batches)
    for epoch in range(len(run.history) + 1, epochs + 1):
        if patience is not None and run.waited >= patience:
            break
        start = time.perf_counter()
        terms = _learn(model, step, batches.epoch(epoch), advance)
        finite = all(map(math.isfinite, terms.values()))
        score, measures = measure() if measure is not None and finite else ((float(epoch),), {})
        # The last step of an epoch may spoil weights whose loss was finite before it.
        finite = finite and all(map(math.isfinite, score)) and run.is_finite()
        record = EpochRecord(
            epoch, time.perf_counter() - start, _rate(model.optimizer), terms, measures
        )
        run.history.append(record)
        if not finite:
            on_epoch(record)
            return run.finish(diverged=True)
        run.note_best(score)
        if save is not None:
            save(run.state())
        on_epoch(record)
    return run.finish(diverged=False)


class _Run:
    """A training so far."""

    def __init__(self, model: BatchModel) -> None:
        self.history: list[EpochRecord] = []
        self.waited = 0
        self._network, self._optimizer = model.network, model.optimizer
        self._best: Weights = []
        self._best_epoch, self._best_score = 0, tuple[float, ...]()

    def note_best(self, score: Score) -> None:
        """Keep the weights if they are the best so far."""
        self.waited += 1
        if score > self._best_score or not self._best:
            self._best_score, self._best_epoch, self.waited = score, len(self.history), 0
            self._best = [variable.numpy() for variable in self._network.variables]

    def is_finite(self) -> bool:
        """Whether all weights are."""
        weights = (variable.numpy() for variable in self._network.trainable_variables)
        return all(bool(np.isfinite(values).all()) for values in weights)

    def finish(self, *, diverged: bool) -> Outcome:
        """Put the best weights into the network."""
        if not self._best:
            raise EmbedsvcError(
                "Expected a loss that falls, got one that is not finite in the first epoch. "
                "Lower the learning rate, the weights of examples or the penalties."
            )
        _assign(self._network.variables, self._best, "weights")
        return Outcome(tuple(self.history), self._best_epoch, diverged)

    def state(self) -> TrainingState:
        """All that going on needs."""
        arrays: dict[str, NDArray[Any]] = {}
        for part, variables in self._variables().items():
            arrays |= {f"{part}.{i}": one.numpy() for i, one in enumerate(variables)}
        if self._best_epoch != len(self.history):
            arrays |= {f"best.{i}": one for i, one in enumerate(self._best)}
        facts = {
            "history": [asdict(record) for record in self.history],
            "best_epoch": self._best_epoch,
            "best_score": list(self._best_score),
            "waited": self.waited,
        }
        return TrainingState(arrays, facts)

    def restore(self, state: TrainingState) -> None:
        """Go on from a state."""
        for part, variables in self._variables().items():
            _assign(variables, _part(state.arrays, part), part)
        self.history = [EpochRecord(**record) for record in state.facts["history"]]
        self._best_epoch = state.facts["best_epoch"]
        self._best_score = tuple(state.facts["best_score"])
        self.waited = state.facts["waited"]
        is_latest = self._best_epoch == len(self.history)
        self._best = _part(state.arrays, "network" if is_latest else "best")

    def _variables(self) -> dict[str, list[keras.Variable]]:
        return {"network": self._network.variables, "optimizer": self._optimizer.variables}


def _compile_step(model: BatchModel, batches: Batches) -> Callable[..., Any]:
    """The training step as one graph for batches of any size and length."""
    step: Callable[..., Any] = tf.function(
        model.train_step, input_signature=[batches.signature()], autograph=False
    )
    return step


def _learn(
    model: BatchModel,
    step: Callable[..., Any],
    batches: Iterable[Mapping[str, Any]],
    advance: Advance,
) -> dict[str, float]:
    """One epoch; the means of the terms, up to the step that was not finite."""
    for metric in model.metrics:
        metric.reset_state()
    means: dict[str, Any] = {}
    for batch in batches:
        means = step(batch)
        if not math.isfinite(float(means[TOTAL])):
            break
        advance(len(next(iter(batch.values()))))
    return {name: float(value) for name, value in means.items()}


def _rate(optimizer: keras.optimizers.Optimizer) -> float:
    return float(optimizer.learning_rate)


def _part(arrays: Mapping[str, NDArray[Any]], prefix: str) -> Weights:
    count = sum(name.startswith(f"{prefix}.") for name in arrays)
    return [arrays[f"{prefix}.{i}"] for i in range(count) if f"{prefix}.{i}" in arrays]


def _assign(variables: list[keras.Variable], values: Weights, what: str) -> None:
    shapes = [tuple(variable.shape) for variable in variables]
    if shapes != [value.shape for value in values]:
        raise ArtifactError(
            f"Expected a checkpoint whose {what} have the shapes of this network, got others. "
            "Train from the beginning."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
