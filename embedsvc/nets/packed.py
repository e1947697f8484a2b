"""The same BERT without a thought for padding: tokens of many texts in one matrix.

A batch of texts of different lengths is mostly padding in the shape (batch, length), and nearly all
of the work is done a token at a time. Here the layers of a BERT see the tokens alone, and only
attention, which compares the tokens of a text with each other, is computed in that shape. The
layers and their weights are those of the network itself, so that nothing can drift apart but the
wiring, which the tests compare.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from embedsvc.nets.bert import BertEmbeddings, TransformerLayer
from embedsvc.nets.layers import Tensor

Indices = NDArray[np.int32]


def packing(lengths: NDArray[np.int32]) -> dict[str, Indices]:
    """Where each token of a batch stands, in one row after the other and in the padded shape.

    Args:
        lengths: tokens of each text, at least one, int32 of shape (batch,).

    Returns:
        `text_of` and `positions` of shape (n_tokens,): the text of each token, and its place there;
        `in_padded` of shape (n_tokens,): where it stands among batch * length places; `in_packed`
        of shape (batch, length): the token at each place, where there is none any other's.
    """
    longest = int(lengths.max())
    text_of = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    starts = (np.cumsum(lengths) - lengths).astype(np.int32)
    positions = np.arange(len(text_of), dtype=np.int32) - starts[text_of]
    places = np.arange(longest, dtype=np.int32)
    in_packed = starts[:, np.newaxis] + np.minimum(places, lengths[:, np.newaxis] - 1)
    return {
        "text_of": text_of,
        "positions": positions,
        "in_padded": text_of * np.int32(longest) + positions,
        "in_packed": in_packed.astype(np.int32),
    }


def can_pack(encoder: keras.Model) -> bool:
    """Whether a `build_text_encoder` is on a BERT of ours that computes in float32."""
    names = {layer.name for layer in encoder.layers}
    return {"embeddings", "layer_0"} <= names and all(
        layer.compute_dtype == "float32"
        for layer in encoder.layers
        if isinstance(layer, (BertEmbeddings, TransformerLayer))
    )


def embed_packed(
    encoder: keras.Model, token_ids: Tensor, lengths: Tensor, places: dict[str, Tensor]
) -> Tensor:
    """Compute the embeddings of a batch.

    Args:
        encoder: of `build_text_encoder`, for which `can_pack` holds.
        token_ids: of all texts, one after the other; int32 of shape (n_tokens,).
        lengths: tokens of each text; int32 of shape (batch,).
        places: as `packing` gives them.

    Returns:
        What the encoder gives as "embedding", to the rounding of floats: shape (batch, dim).
    """
    layers = [layer for layer in encoder.layers if isinstance(layer, TransformerLayer)]
    states = encoder.get_layer("embeddings").embed_packed(token_ids, places["positions"])
    mask = tf.sequence_mask(lengths, tf.shape(places["in_packed"])[1], dtype=tf.int32)
    for layer in layers:
        states = layer.call_packed(states, mask, places)
    vectors = _pool(encoder, states, lengths, places)
    for name in _names_behind(encoder):
        vectors = encoder.get_layer(name)(vectors)
    return vectors


def _pool(
    encoder: keras.Model, states: Tensor, lengths: Tensor, places: dict[str, Tensor]
) -> Tensor:
    pooling = encoder.get_layer("pooling").pooling
    if pooling == "mean":
        sums = tf.math.segment_sum(states, places["text_of"])
        return sums / tf.cast(lengths, states.dtype)[:, tf.newaxis]
    if pooling == "max":
        return tf.math.segment_max(states, places["text_of"])
    first = tf.gather(states, places["in_packed"][:, 0])
    return first if pooling == "cls" else encoder.get_layer("pooler")(first)


def _names_behind(encoder: keras.Model) -> list[str]:
    """What stands behind the pooling, in order."""
    names = [layer.name for layer in encoder.layers]
    return [name for name in names if name.startswith(("dense_", "normalize_"))]
