"""From token ids to one vector a text: a BERT, its pooling, and what follows it.

The vector is the output named "embedding". Extraction computes it, and a classifier puts its head
behind it, so that both mean the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from embedsvc.nets.layers import BiasDense, Shape, Tensor
from embedsvc.nets.pooling import l2_normalize, pool


@dataclass(frozen=True)
class DenseModule:
    """A dense layer behind the pooling: kernel (in, out), bias (out,) and activation name."""

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32] | None
    activation: str


Modules = Sequence[DenseModule | None]
"""What stands behind the pooling, in order; None is an L2 normalization."""


def build_text_encoder(bert: keras.Model, *, pooling: str, modules: Modules = ()) -> keras.Model:
    """Put pooling and dense layers on a BERT; the layers of the BERT are shared, not copied.

    Args:
        bert: as `build_bert` makes it.
        pooling: one of `POOLINGS`.
        modules: what stands behind the pooling.

    Returns:
        A model from the inputs of the BERT to a dict with `embedding` of shape (batch, dim).
    """
    # Layers
    pooler = Pooling(pooling, dtype="float32", name="pooling")
    behind = [_layer(module, i) for i, module in enumerate(modules)]
    # An identity: a name to find the vector by, ahead of any dropout.
    embedding = keras.layers.Identity(dtype="float32", name="embedding")

    # Wiring
    vectors = pooler(bert.output, bert.input["attention_mask"])
    for layer in behind:
        vectors = layer(vectors)
    return keras.Model(bert.input, {"embedding": embedding(vectors)}, name="text_encoder")


def modules_of(encoder: keras.Model, modules: Modules) -> tuple[DenseModule | None, ...]:
    """The modules of a `build_text_encoder` with the weights it has now."""
    return tuple(
        None if module is None else _read(encoder.get_layer(f"dense_{i}"), module.activation)
        for i, module in enumerate(modules)
    )


@keras.saving.register_keras_serializable(package="embedsvc")
class Pooling(keras.layers.Layer):
    """From a vector a token to a vector a text, see `pool`."""

    def __init__(self, pooling: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pooling = pooling

    def call(self, outputs: dict[str, Tensor], attention_mask: Tensor) -> Tensor:
        """Pool the outputs of a BERT; the mask is (batch, length)."""
        states = outputs["sequence_output"]
        return pool(outputs, tf.cast(attention_mask, states.dtype), pooling=self.pooling)

    def compute_output_shape(
        self, outputs_shape: dict[str, Shape], attention_mask_shape: Shape
    ) -> Shape:
        """(batch, dim)."""
        batch, _, dim = outputs_shape["sequence_output"]
        return (batch, dim)

    def get_config(self) -> dict[str, Any]:
        """The settings that rebuild the layer."""
        return {**super().get_config(), "pooling": self.pooling}


@keras.saving.register_keras_serializable(package="embedsvc")
class L2Normalize(keras.layers.Layer):
    """Scales each vector to length 1."""

    def call(self, vectors: Tensor) -> Tensor:
        """Normalize vectors of shape (batch, dim)."""
        return l2_normalize(vectors)


def _layer(module: DenseModule | None, i: int) -> keras.layers.Layer:
    if module is None:
        return L2Normalize(dtype="float32", name=f"normalize_{i}")
    n_in, n_out = module.kernel.shape
    layer = BiasDense(n_out, activation=module.activation, dtype="float32", name=f"dense_{i}")
    layer.build((None, n_in))
    bias = np.zeros(n_out, np.float32) if module.bias is None else module.bias
    layer.set_weights([module.kernel, bias])
    return layer


def _read(layer: keras.layers.Layer, activation: str) -> DenseModule:
    kernel, bias = layer.get_weights()
    return DenseModule(kernel, bias, activation)
