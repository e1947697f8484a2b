"""Training with losses that see the whole batch, not only `y_true` and `y_pred`.

A batch is a dict of named tensors. The network takes from it what its inputs are called; a loss
takes whatever it needs: targets, weights, matching points, the vectors of a teacher.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import tensorflow as tf

from embedsvc.errors import InputError
from embedsvc.nets.layers import Tensor
from embedsvc.nets.penalties import Penalty, find_layers, penalize, recorded

Batch = Mapping[str, Tensor]
Outputs = Mapping[str, Tensor]
BatchLoss = Callable[[Batch, Outputs], Tensor]
"""From a batch and the network's outputs to a scalar."""

TOTAL, WEIGHT_PENALTY, ADDED = "total", "weight penalty", "add_loss"


def activity_term(path: str) -> str:
    """The name of the term of a penalized layer."""
    return f"activity penalty: {path}"


class BatchModel(keras.Model):
    """A network with its losses and penalties; trains with `fit` as any Keras model.

    The total is the sum of all losses, of the penalties on activations, of the penalty on weights,
    and of what layers add by `add_loss`. Every term is reported apart, as the mean over an epoch's
    examples.

    Args:
        network: from a dict of named inputs to a dict of named outputs.
        losses: by name; each takes the whole batch and all outputs.
        activity_penalties: by the path of the layer whose output is penalized, such as "layer_3"
            or "layer_3/intermediate"; see `penalize`.
        weight_penalty: on the kernels that are trained, not on biases and normalizations.

    Raises:
        InputError: a penalized layer does not exist, or two terms have one name.

    Example:
        >>> def distance_to_teacher(batch, outputs):
        ...     return tf.reduce_mean(tf.square(outputs["embedding"] - batch["teacher"]))
        >>> model = BatchModel(network, {"distillation": distance_to_teacher})
        >>> model.compile(optimizer="adam")
        >>> batches = tf.data.Dataset.from_tensor_slices({**inputs, "teacher": vectors}).batch(8)
        >>> model.fit(batches, shuffle=False)
    """

    def __init__(
        self,
        network: keras.Model,
        losses: Mapping[str, BatchLoss],
        *,
        activity_penalties: Mapping[str, Penalty] | None = None,
        weight_penalty: Penalty | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.network = network
        self._batch_losses = dict(losses)
        self._penalties = dict(activity_penalties or {})
        self._penalized = find_layers(network, self._penalties)
        self._weight_penalty = weight_penalty
        names = [*losses, *map(activity_term, self._penalties), WEIGHT_PENALTY, ADDED, TOTAL]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise InputError(
                f"Expected losses of other names than {', '.join(sorted(twice))}, which stand for "
                "terms that are always there. Rename the loss."
            )
        self._means = {name: keras.metrics.Mean(name=name) for name in names}

    def call(self, batch: Batch, training: bool | None = None) -> Outputs:
        """The network's outputs for a batch."""
        inputs = {name: batch[name] for name in self.network.input}
        outputs: Outputs = self.network(inputs, training=training)
        return outputs

    def terms(self, batch: Batch, training: bool | None = None) -> dict[str, Tensor]:
        """Every term of the loss, and their sum as "total"; scalars."""
        with recorded(self._penalized) as seen:
            outputs = self(batch, training=training)
        terms = {name: loss(batch, outputs) for name, loss in self._batch_losses.items()}
        mask = batch.get("attention_mask")
        for path, penalty in self._penalties.items():
            terms[activity_term(path)] = penalize(penalty, seen[path], mask)
        if self._weight_penalty is not None:
            kernels = [v for v in self.network.trainable_variables if v.path.endswith("kernel")]
            penalties = [self._weight_penalty(tf.convert_to_tensor(kernel)) for kernel in kernels]
            terms[WEIGHT_PENALTY] = tf.add_n([tf.zeros([]), *penalties])
        added = self.losses
        # Recording leaves a zero among them for each output.
        if len(added) > sum(map(len, seen.values())):
            terms[ADDED] = tf.add_n([tf.cast(one, tf.float32) for one in added])
        terms[TOTAL] = tf.add_n(list(terms.values()))
        return terms

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        """Learn from one batch; the means of all terms so far."""
        with tf.GradientTape() as tape:
            terms = self.terms(batch, training=True)
        variables = self.trainable_variables
        self.optimizer.apply(tape.gradient(terms[TOTAL], variables), variables)
        return self._add_to_means(terms, batch)

    def test_step(self, batch: Batch) -> dict[str, Tensor]:
        """Measure one batch; the means of all terms so far."""
        return self._add_to_means(self.terms(batch, training=False), batch)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The means of the terms, which Keras resets at the start of an epoch."""
        return list(self._means.values())

    def _add_to_means(self, terms: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        count = tf.shape(next(iter(batch.values())))[0]
        for name, value in terms.items():
            self._means[name].update_state(value, sample_weight=count)
        return {name: self._means[name].result() for name in terms}
