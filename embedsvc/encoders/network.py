"""A text model compiled for extraction: token ids in, vectors out."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from embedsvc.encoders.text_model import TextModel
from embedsvc.nets.layers import Tensor
from embedsvc.nets.packed import can_pack, embed_packed, packing
from embedsvc.nets.runtime import Runtime, prepare_extraction
from embedsvc.nets.text_encoder import build_text_encoder
from embedsvc.text.buckets import pad

# Padded tokens for one of a text, above which it pays to leave padding out of all but attention.
_WORTH_PACKING = 1.1


class TextNetwork:
    """A text model, ready to compute.

    Attributes:
        model: what is computed.
        dim: components of a vector.
        max_tokens: tokens a chunk, special tokens included.
        can_pack: whether padding costs little in `embed_mixed`.
        runtime: how this machine is used.
    """

    def __init__(self, model: TextModel) -> None:
        self.runtime: Runtime = prepare_extraction()
        self.model = model
        self.max_tokens = model.max_tokens
        self.tokenize = model.tokenize
        encoder = build_text_encoder(model.network, pooling=model.pooling, modules=model.modules)
        self.can_pack = can_pack(encoder)
        self.dim = int(encoder.output["embedding"].shape[-1])

        def embed(token_ids: Tensor, lengths: Tensor) -> Tensor:
            inputs = {
                "token_ids": token_ids,
                "segment_ids": tf.zeros_like(token_ids),
                "attention_mask": tf.sequence_mask(lengths, tf.shape(token_ids)[1], dtype=tf.int32),
            }
            return encoder(inputs, training=False)["embedding"]

        def embed_tokens(token_ids: Tensor, lengths: Tensor, places: dict[str, Tensor]) -> Tensor:
            return embed_packed(encoder, token_ids, lengths, places)

        # One trace serves every batch shape.
        self._embed = tf.function(
            embed,
            input_signature=[
                tf.TensorSpec([None, None], tf.int32, name="token_ids"),
                tf.TensorSpec([None], tf.int32, name="lengths"),
            ],
            autograph=False,
        ).get_concrete_function()
        self._embed_packed = tf.function(
            embed_tokens,
            input_signature=[
                tf.TensorSpec([None], tf.int32, name="token_ids"),
                tf.TensorSpec([None], tf.int32, name="lengths"),
                {
                    "text_of": tf.TensorSpec([None], tf.int32),
                    "positions": tf.TensorSpec([None], tf.int32),
                    "in_padded": tf.TensorSpec([None], tf.int32),
                    "in_packed": tf.TensorSpec([None, None], tf.int32),
                },
            ],
            autograph=False,
        )

    def embed(self, sequences: list[list[int]]) -> NDArray[np.float32]:
        """Compute one batch of about the same lengths; safe to call from several threads at once.

        Args:
            sequences: token ids of each chunk, special tokens included.

        Returns:
            Float32 array of shape (n_sequences, dim).
        """
        lengths = _lengths(sequences)
        with tf.experimental.function_executor_type(self.runtime.executor):
            vectors = self._embed(tf.constant(pad(sequences)), tf.constant(lengths))
        result: NDArray[np.float32] = vectors.numpy()
        return result

    def embed_mixed(self, sequences: list[list[int]]) -> NDArray[np.float32]:
        """The same for any lengths: padding is left out of all but attention where that pays."""
        lengths = _lengths(sequences)
        n_padded = len(lengths) * lengths.max(initial=0)
        if not self.can_pack or n_padded <= _WORTH_PACKING * lengths.sum():
            return self.embed(sequences)
        token_ids = np.fromiter(chain.from_iterable(sequences), np.int32, count=lengths.sum())
        places = {name: tf.constant(one) for name, one in packing(lengths).items()}
        with tf.experimental.function_executor_type(self.runtime.executor):
            vectors = self._embed_packed(tf.constant(token_ids), tf.constant(lengths), places)
        result: NDArray[np.float32] = vectors.numpy()
        return result

    def average(
        self,
        vectors: NDArray[np.float32],
        lengths: NDArray[np.int64],
        text_of: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """Average the vectors of each text's chunks, weighted by tokens.

        Args:
            vectors: float32 array of shape (n_chunks, dim).
            lengths: tokens of each chunk, shape (n_chunks,).
            text_of: the text each chunk belongs to, ascending, shape (n_chunks,).

        Returns:
            Float32 array of shape (n_texts, dim); of length 1 where the model normalizes.
        """
        weights = lengths[:, np.newaxis].astype(np.float64)
        starts = np.flatnonzero(np.r_[True, text_of[1:] != text_of[:-1]])
        sums = np.add.reduceat(vectors * weights, starts, axis=0)
        means = sums / np.add.reduceat(weights, starts, axis=0)
        if self.model.normalize:
            means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
        # A text of one chunk keeps its vector to the bit.
        single = np.diff(np.r_[starts, len(vectors)]) == 1
        averages: NDArray[np.float32] = means.astype(np.float32)
        averages[single] = vectors[starts[single]]
        return averages

    def describe(self) -> dict[str, Any]:
        """What the vectors depend on."""
        return {
            "model": self.model.name,
            "model_sha256": self.model.sha256,
            "dim": self.dim,
            "pooling": self.model.pooling,
            "normalize": self.model.normalize,
            "max_tokens": self.max_tokens,
            "prompt": self.model.prompt,
        }


def _lengths(sequences: list[list[int]]) -> NDArray[np.int32]:
    return np.fromiter(map(len, sequences), np.int32, count=len(sequences))
