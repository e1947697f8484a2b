"""From examples to trained networks: first the head on fixed vectors, then all of it.

Fine-tuning starts from a head that fits the pretrained vectors, so that the first gradients of a
random head do not spoil what the encoder knows (Kumar et al. 2022, https://arxiv.org/abs/2202.10054).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from embedsvc.classify.batches import TOKENS, TrainingTexts, TrainingVectors
from embedsvc.classify.examples import Examples
from embedsvc.classify.loop import LoopOptions, run_epochs
from embedsvc.evaluation.classification import classification_metrics
from embedsvc.nets.batch_training import BatchLoss, BatchModel
from embedsvc.nets.optimizing import build_optimizer, seed_dropouts
from embedsvc.nets.penalties import Penalty
from embedsvc.nets.training_loop import Measure, Outcome
from embedsvc.nets.training_state import EpochRecord, TrainingState
from embedsvc.progress import Advance
from embedsvc.text.buckets import plan_batches

Probabilities = NDArray[np.float32]
Compute = Callable[[NDArray[np.int64]], Probabilities]

_HEAD_BATCH, _HEAD_RATE, _HEAD_STEPS = 64, 1e-3, 2000
_BATCH, _STEPS = 32, 1200
# Small networks bear larger steps: 5e-5 is usual for BERT-base with a hidden size of 768.
_RATE_TIMES_SIZE = 5e-5 * 768
_EVALUATION_TOKENS = 4096


@dataclass(frozen=True)
class FitSettings:
    """How a network is trained; None suits the data.

    Attributes:
        losses: by name, "data" among them.
        activity_penalties: by path of the layer.
        weight_penalty: on kernels.
        epochs: the most passes.
        batch_size: texts a step.
        learning_rate: the highest one.
        weight_decay: of AdamW.
        warmup: share of the steps until the highest learning rate.
        clip_norm: longest gradient.
        patience: epochs without a better validation before training stops.
        seed: of everything random.
    """

    losses: Mapping[str, BatchLoss]
    activity_penalties: Mapping[str, Penalty]
    weight_penalty: Penalty | None
    epochs: int | None
    batch_size: int | None
    learning_rate: float | None
    weight_decay: float
    warmup: float
    clip_norm: float | None
    patience: int | None
    seed: int

    def head_loop(self, n_texts: int) -> LoopOptions:
        """Epochs and batches for a head on fixed vectors."""
        size = self.batch_size or _HEAD_BATCH
        epochs = self.epochs or min(
            200, max(20, math.ceil(_HEAD_STEPS / math.ceil(n_texts / size)))
        )
        return LoopOptions(epochs, size, self.patience, self.seed)

    def full_loop(self, n_texts: int) -> LoopOptions:
        """Epochs and batches for fine-tuning."""
        size = self.batch_size or _BATCH
        epochs = self.epochs or min(20, max(4, math.ceil(_STEPS / math.ceil(n_texts / size))))
        return LoopOptions(epochs, size, self.patience, self.seed)


def fit_head(
    head: keras.Model,
    vectors: NDArray[np.float32],
    examples: Examples,
    settings: FitSettings,
    *,
    task: str,
    take_all: bool = True,
    on_epoch: Callable[[EpochRecord], None] = lambda record: None,
    advance: Advance = lambda count: None,
) -> tuple[Outcome, Probabilities]:
    """Train a head on vectors that stay as they are.

    Args:
        head: changes in place.
        vectors: of all texts, float32 of shape (n_texts, dim).
        examples: the texts.
        settings: how.
        task: of the classifier.
        take_all: whether the head is in the end trained on the held-out texts too, where these
            were split off the texts to learn from.
        on_epoch: called after each epoch.
        advance: called with the number of texts just learned from.

    Returns:
        What came of it, and the probabilities of the held-out texts by weights that never saw
        them.
    """
    data = TrainingVectors({"embedding": vectors, **examples.arrays})
    loop = settings.head_loop(len(examples.training))
    start = head.get_weights()

    def compute(rows: NDArray[np.int64]) -> Probabilities:
        outputs = head({"embedding": vectors[rows]}, training=False)
        return np.asarray(outputs["probabilities"], np.float32)

    def run(rows: NDArray[np.int64], loop: LoopOptions, measure: Measure | None) -> Outcome:
        head.set_weights(start)
        seed_dropouts(head, settings.seed)
        planned = settings.head_loop(len(examples.training)).epochs
        steps = planned * math.ceil(len(rows) / loop.batch_size)
        rate = settings.learning_rate or _HEAD_RATE
        model = _model(head, settings, learning_rate=rate, total_steps=steps)
        quiet = measure is None and len(examples.held) > 0
        return run_epochs(
            model,
            data,
            rows,
            options=loop,
            measure=measure,
            on_epoch=(lambda record: None) if quiet else on_epoch,
            advance=(lambda count: None) if quiet else advance,
        )

    if not len(examples.held):
        return run(examples.training, loop, None), compute(examples.held)
    measure = _measure(compute, examples, task)
    outcome = run(examples.training, loop, measure)
    probabilities = compute(examples.held)
    if take_all and examples.was_split:
        again = LoopOptions(outcome.best_epoch, loop.batch_size, None, loop.seed)
        run(np.sort(np.concatenate([examples.training, examples.held])), again, None)
    return outcome, probabilities


def fit_network(
    network: keras.Model,
    data: TrainingTexts,
    examples: Examples,
    settings: FitSettings,
    *,
    task: str,
    hidden_size: int,
    state: TrainingState | None = None,
    save: Callable[[TrainingState], None] | None = None,
    on_epoch: Callable[[EpochRecord], None] = lambda record: None,
    advance: Advance = lambda count: None,
) -> tuple[Outcome, Probabilities]:
    """Fine-tune a whole network; what is trained is what its layers say.

    Args:
        network: from token ids to logits and probabilities; changes in place.
        data: the tokenized texts, in the order of the examples.
        examples: the texts.
        settings: how.
        task: of the classifier.
        hidden_size: of the encoder, which the default learning rate goes by.
        state: where an earlier training stopped.
        save: called with the state after each epoch.
        on_epoch: called after each epoch.
        advance: called with the number of texts just learned from.

    Returns:
        What came of it, and the probabilities of the held-out texts.
    """
    loop = settings.full_loop(len(examples.training))
    compute = _compute_by_batches(network, data)
    seed_dropouts(network, settings.seed)
    rate = settings.learning_rate or _RATE_TIMES_SIZE / hidden_size
    steps = loop.epochs * math.ceil(len(examples.training) / loop.batch_size)
    outcome = run_epochs(
        _model(network, settings, learning_rate=rate, total_steps=steps),
        data,
        examples.training,
        options=loop,
        measure=_measure(compute, examples, task) if len(examples.held) else None,
        measure_first=True,
        state=state,
        save=save,
        on_epoch=on_epoch,
        advance=advance,
    )
    return outcome, compute(examples.held)


def _model(
    network: keras.Model, settings: FitSettings, *, learning_rate: float, total_steps: int
) -> BatchModel:
    model = BatchModel(
        network,
        settings.losses,
        activity_penalties=settings.activity_penalties,
        weight_penalty=settings.weight_penalty,
    )
    model.optimizer = build_optimizer(
        network.trainable_variables,
        learning_rate=learning_rate,
        warmup=settings.warmup,
        total_steps=total_steps,
        weight_decay=settings.weight_decay,
        clip_norm=settings.clip_norm,
    )
    return model


def _measure(compute: Compute, examples: Examples, task: str) -> Measure:
    """Validation: macro-F1, for several labels average precision; then the loss."""
    targets = examples.held_targets()

    def measure() -> tuple[tuple[float, ...], dict[str, float]]:
        probabilities = compute(examples.held)
        if not np.isfinite(probabilities).all():
            return (-math.inf,), {}
        found = classification_metrics(targets, probabilities, task=task)
        measures = {"loss": found.log_loss, "accuracy": found.accuracy, "macro_f1": found.macro_f1}
        best = found.macro_f1
        if task == "multilabel" and found.average_precision is not None:
            measures["average_precision"] = best = found.average_precision
        return (best, -found.log_loss), measures

    return measure


def _compute_by_batches(network: keras.Model, data: TrainingTexts) -> Compute:
    signature = {name: tf.TensorSpec([None, None], tf.int32, name=name) for name in TOKENS}

    def predict(batch: dict[str, Any]) -> Any:
        return network(batch, training=False)["probabilities"]

    graph = tf.function(predict, input_signature=[signature], autograph=False)
    n_labels = int(network.output["probabilities"].shape[-1])

    def compute(rows: NDArray[np.int64]) -> Probabilities:
        found = np.empty((len(rows), n_labels), np.float32)
        for part in plan_batches(data.lengths[rows], batch_tokens=_EVALUATION_TOKENS):
            batch = data.batch(rows[part])
            found[part] = graph({name: batch[name] for name in TOKENS}).numpy()
        return found

    return compute
