"""From a vector a token to a vector a text."""

from __future__ import annotations

import tensorflow as tf

from embedsvc.nets.layers import Tensor

POOLINGS = ("mean", "cls", "max", "pooled")


def pool(outputs: dict[str, Tensor], mask: Tensor, *, pooling: str) -> Tensor:
    """Pool the outputs of `build_bert`.

    Args:
        outputs: `sequence_output` of shape (batch, length, dim) and, for "pooled",
            `pooled_output` of shape (batch, dim).
        mask: float tensor of shape (batch, length), 1 for tokens and 0 for padding; every row
            has at least one token.
        pooling: "mean" of the tokens, "cls" for the first token, "max" over the tokens by
            component, or "pooled", the network's own pooled output.

    Returns:
        Float tensor of shape (batch, dim).
    """
    if pooling == "pooled":
        return outputs["pooled_output"]
    states = outputs["sequence_output"]
    if pooling == "cls":
        return states[:, 0, :]
    weights = mask[:, :, tf.newaxis]  # (batch, length, 1)
    if pooling == "max":
        return tf.reduce_max(tf.where(weights > 0, states, states.dtype.min), axis=1)
    return tf.reduce_sum(states * weights, axis=1) / tf.reduce_sum(weights, axis=1)


def l2_normalize(vectors: Tensor) -> Tensor:
    """Scale each row to length 1; a row of zeros stays as it is."""
    norms = tf.norm(vectors, axis=-1, keepdims=True)
    return vectors / tf.maximum(norms, 1e-12)
