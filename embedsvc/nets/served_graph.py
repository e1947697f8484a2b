"""A text model as TensorFlow functions from strings, which a SavedModel holds as its signatures.

    serving_default   as `classify` where there are labels, as `embed` otherwise
    classify          texts (n,) -> probabilities, labels, applies of shape (n, n_labels)
    embed             texts (n,) -> embedding of shape (n, dim)

https://www.tensorflow.org/guide/saved_model
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from embedsvc.errors import InputError
from embedsvc.nets.layers import Tensor

CLASSIFY, EMBED, DEFAULT = "classify", "embed", "serving_default"

Tensors = dict[str, Tensor]
Pack = Callable[[Tensor], Tensors]

_TEXTS = tf.TensorSpec([None], tf.string, name="texts")


@dataclass(frozen=True)
class ServedLabels:
    """What a classifier's probabilities mean.

    Attributes:
        task: "binary", "multiclass" or "multilabel".
        labels: in the order of the probabilities.
        thresholds: float64 array of shape (n_labels,), see `embedsvc.evaluation.decisions.decide`.
    """

    task: str
    labels: Sequence[str | int | bool]
    thresholds: NDArray[np.float64]


class ServedGraph(tf.Module):
    """The functions and all that they use.

    Args:
        pack: from strings of shape (n,) to `token_ids`, `segment_ids` and `attention_mask`, int32
            of shape (n, length).
        network: from these to a dict of `embedding` and, with labels, `probabilities`.
        prompt: put before every text.
        labels: None for a model that only embeds.
        parts: whatever else holds tables or variables of `pack` and `network`.
    """

    def __init__(
        self,
        pack: Pack,
        network: keras.Model,
        *,
        prompt: str = "",
        labels: ServedLabels | None = None,
        parts: Sequence[Any] = (),
    ) -> None:
        super().__init__(name="embedsvc")
        self._pack, self._prompt, self._labels = pack, prompt, labels

        def compute(ids: Tensors) -> Tensors:
            outputs: Tensors = network(ids, training=False)
            return outputs

        self._compute_ids = compute
        # TensorFlow saves what hangs on a module's attributes. Not the Keras model itself, which
        # would bring functions of its own.
        self._weights = [variable.value for variable in network.variables]
        self._parts = list(parts)

    def signatures(self) -> dict[str, Callable[..., Any]]:
        """The functions by name, traced."""
        functions = {EMBED: self.embed}
        if self._labels is not None:
            functions = {CLASSIFY: self.classify, **functions}
        traced = {
            name: tf.function(
                function, input_signature=[_TEXTS], autograph=False
            ).get_concrete_function()
            for name, function in functions.items()
        }
        return {DEFAULT: next(iter(traced.values())), **traced}

    def embed(self, texts: Tensor) -> Tensors:
        """Strings of shape (n,) to `embedding`, float32 (n, dim)."""
        return {"embedding": self._compute(texts)["embedding"]}

    def classify(self, texts: Tensor) -> Tensors:
        """Strings of shape (n,) to probabilities, labels and whether these apply, (n, n_labels).

        The labels are repeated for each text: TensorFlow Serving's REST interface answers in rows.

        Raises:
            InputError: the model has no labels.
        """
        served = self._labels
        if served is None:
            raise InputError("Expected a classifier to classify with, got a model without labels.")
        probabilities = self._compute(texts)["probabilities"]
        names = tf.constant([[str(label) for label in served.labels]])
        return {
            "probabilities": probabilities,
            "labels": tf.repeat(names, tf.shape(probabilities)[0], axis=0),
            "applies": _applies(probabilities, served),
        }

    def _compute(self, texts: Tensor) -> Tensors:
        if self._prompt:
            texts = tf.strings.join([self._prompt, texts])
        return self._compute_ids(self._pack(texts))


def _applies(probabilities: Tensor, served: ServedLabels) -> Tensor:
    """The same as `embedsvc.evaluation.decisions.decide`, as bool (n, n_labels)."""
    if served.task == "multiclass":
        best = tf.argmax(probabilities, axis=1)
        return tf.one_hot(best, len(served.labels), on_value=True, off_value=False)
    above = tf.cast(probabilities, tf.float64) > served.thresholds
    if served.task == "binary":
        return tf.stack([~above[:, 1], above[:, 1]], axis=1)
    return above
