"""What a classifier puts behind the embedding: dense layers, dropout, logits, probabilities.

The embedding itself is ahead of every dropout, so that it is the same vector at any time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import keras
import numpy as np

from embedsvc.errors import InputError
from embedsvc.evaluation.decisions import TASKS
from embedsvc.nets.layers import Tensor


@dataclass(frozen=True)
class HeadConfig:
    """A classifier's head.

    Attributes:
        task: "binary" has one logit and its sigmoid, "multiclass" a softmax, "multilabel" a
            sigmoid a label.
        n_labels: at least 2, or 1 for "multilabel".
        hidden: widths of dense layers with GELU ahead of the logits.
        dropout: rate ahead of each hidden layer and of the logits, while training.
        scale: what the embedding is multiplied by first. Vectors of length 1 have components of
            about 1 / sqrt(dim), too small for layers that are initialized for components of 1.
    """

    task: str
    n_labels: int
    hidden: tuple[int, ...] = ()
    dropout: float = 0.1
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise InputError(f"Expected task to be one of {', '.join(TASKS)}, got {self.task!r}.")
        fewest = 1 if self.task == "multilabel" else 2
        if self.n_labels < fewest or (self.task == "binary" and self.n_labels != 2):
            raise InputError(
                f"Expected {'2' if self.task == 'binary' else f'at least {fewest}'} labels for a "
                f"{self.task} head, got {self.n_labels}."
            )
        if any(width < 1 for width in self.hidden):
            raise InputError(f"Expected hidden layers of at least 1 unit, got {self.hidden}.")
        if not 0 <= self.dropout < 1:
            raise InputError(f"Expected dropout from 0 to below 1, got {self.dropout}.")
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise InputError(f"Expected a scale above 0, got {self.scale}.")

    @property
    def n_outputs(self) -> int:
        """How many logits there are."""
        return 1 if self.task == "binary" else self.n_labels


def build_head(config: HeadConfig, dim: int, *, seed: int) -> keras.Model:
    """Build a head with fresh weights.

    Args:
        config: which head.
        dim: components of the embedding.
        seed: of the initial weights and of the dropout.

    Returns:
        A model from `embedding`, float32 of shape (batch, dim), to a dict of `logits` of shape
        (batch, n_outputs) and `probabilities` of shape (batch, n_labels); for "binary" the
        columns are those of the negative and of the positive label.

    Example:
        >>> build_head(HeadConfig("multiclass", 3), 384, seed=0).output["probabilities"].shape
        (None, 3)
    """
    # Layers
    seeds = iter(np.random.SeedSequence(seed).generate_state(2 * len(config.hidden) + 2).tolist())
    dense = {"dtype": "float32", "bias_initializer": "zeros"}
    scale = keras.layers.Rescaling(config.scale, dtype="float32", name="scale")
    hidden = [
        (
            keras.layers.Dropout(config.dropout, seed=next(seeds), name=f"hidden_dropout_{i}"),
            keras.layers.Dense(
                width,
                activation="gelu",
                kernel_initializer=keras.initializers.GlorotUniform(next(seeds)),
                name=f"hidden_{i}",
                **dense,
            ),
        )
        for i, width in enumerate(config.hidden)
    ]
    dropout = keras.layers.Dropout(config.dropout, seed=next(seeds), name="dropout")
    logits = keras.layers.Dense(
        config.n_outputs,
        kernel_initializer=keras.initializers.GlorotUniform(next(seeds)),
        name="logits",
        **dense,
    )

    # Wiring
    embedding = keras.Input((dim,), dtype="float32", name="embedding")
    states = scale(embedding)
    for drop, layer in hidden:
        states = layer(drop(states))
    raw = logits(dropout(states))
    outputs = {"logits": raw, "probabilities": _probabilities(raw, config.task)}
    return keras.Model({"embedding": embedding}, outputs, name="head")


def build_classifier(encoder: keras.Model, head: keras.Model) -> keras.Model:
    """Put a head on an encoder; the layers of both are shared, not copied.

    Args:
        encoder: as `build_text_encoder` makes it.
        head: as `build_head` makes it.

    Returns:
        A model from token ids to a dict of `embedding`, `logits` and `probabilities`.
    """
    embedding = encoder.output["embedding"]
    outputs = {"embedding": embedding, **head({"embedding": embedding})}
    return keras.Model(encoder.input, outputs, name="text_classifier")


def _probabilities(logits: Tensor, task: str) -> Tensor:
    if task == "multiclass":
        return keras.layers.Softmax(dtype="float32", name="probabilities")(logits)
    chances = keras.layers.Activation("sigmoid", dtype="float32", name="sigmoid")(logits)
    if task == "multilabel":
        return chances
    return keras.layers.Concatenate(axis=-1, name="probabilities")([1.0 - chances, chances])
