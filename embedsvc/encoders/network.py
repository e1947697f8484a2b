"""A loaded text model: token ids in, vectors out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from embedsvc.catalogue.cards import get_model, list_models
from embedsvc.catalogue.hub import PREFIX, pull_from_hub
from embedsvc.catalogue.pull import pull
from embedsvc.encoders.huggingface import (
    DenseModule,
    TextModelSpec,
    read_spec,
    read_tensors,
    read_tokenizer,
)
from embedsvc.errors import ArtifactError, InputError
from embedsvc.files import sha256_of
from embedsvc.nets.bert import build_bert
from embedsvc.nets.bert_weights import check_size, has_pooler, load_huggingface_weights
from embedsvc.nets.layers import Tensor
from embedsvc.nets.pooling import l2_normalize, pool
from embedsvc.nets.runtime import Runtime, prepare_extraction
from embedsvc.text.buckets import pad
from embedsvc.text.tokenizer import TextTokenizer, TokenizedText

_HEAD_ACTIVATIONS = {
    "linear": tf.identity,
    "tanh": tf.tanh,
    "relu": tf.nn.relu,
    "sigmoid": tf.sigmoid,
}


def load_network(
    model: str | Path,
    *,
    pooling: str | None = None,
    normalize: bool | None = None,
    max_tokens: int | None = None,
) -> TextNetwork:
    """Load a text model.

    Args:
        model: a name from the catalogue, "huggingface:OWNER/NAME", both pulled if they are not
            cached, or a folder.
        pooling: replaces the model's own pooling.
        normalize: replaces the model's own normalization of the final vectors.
        max_tokens: replaces the model's own limit; at most its position embeddings.

    Raises:
        InputError: neither a catalogue name nor a folder, or a setting the model cannot take.
        ArtifactError: the folder is not a usable model.
        WeightsError: the weights could not be fetched.
    """
    name, folder = _find(model)
    spec = read_spec(folder)
    return TextNetwork(
        spec,
        name=name,
        pooling=pooling or spec.pooling,
        normalize=_ends_normalized(spec) if normalize is None else normalize,
        max_tokens=spec.max_tokens if max_tokens is None else _check_max_tokens(max_tokens, spec),
    )


class TextNetwork:
    """A BERT with its tokenizer, pooling and head, ready to compute.

    Attributes:
        dim: components of a vector.
        max_tokens: tokens a chunk, special tokens included.
        runtime: how this machine is used.
    """

    def __init__(
        self, spec: TextModelSpec, *, name: str, pooling: str, normalize: bool, max_tokens: int
    ) -> None:
        self.runtime: Runtime = prepare_extraction()
        self.max_tokens = max_tokens
        self._name, self._pooling, self._normalize = name, pooling, normalize
        self._sha256 = sha256_of(spec.weights_file)
        self._prompt = spec.prompt
        self._tokenizer = TextTokenizer(read_tokenizer(spec), max_tokens=max_tokens)
        if self._tokenizer.vocabulary_size > spec.config.vocabulary_size:
            raise ArtifactError(
                f"Expected the tokenizer of {spec.folder} to have at most "
                f"{spec.config.vocabulary_size} tokens, got {self._tokenizer.vocabulary_size}. "
                "Check that the tokenizer and the weights belong together."
            )
        tensors = read_tensors(spec.weights_file)
        if pooling == "pooled" and not has_pooler(tensors):
            raise InputError(
                f"Expected pooling to be mean, cls or max: {name} has no weights for 'pooled'."
            )
        check_size(spec.config, tensors)
        bert = build_bert(spec.config, with_pooler=pooling == "pooled", dtype="float32")
        load_huggingface_weights(bert, spec.config, tensors)
        head = _with_final_normalization(spec.head, normalize=normalize)
        kernels = [module.kernel for module in head if module is not None]
        self.dim = int(kernels[-1].shape[1]) if kernels else spec.config.hidden_size

        def embed(token_ids: Tensor, lengths: Tensor) -> Tensor:
            mask = tf.sequence_mask(lengths, tf.shape(token_ids)[1], dtype=tf.int32)
            inputs = {
                "token_ids": token_ids,
                "segment_ids": tf.zeros_like(token_ids),
                "attention_mask": mask,
            }
            outputs = bert(inputs, training=False)
            vectors = pool(outputs, tf.cast(mask, tf.float32), pooling=pooling)
            for module in head:
                vectors = l2_normalize(vectors) if module is None else _dense(vectors, module)
            return vectors

        # One trace serves every batch shape.
        self._embed = tf.function(
            embed,
            input_signature=[
                tf.TensorSpec([None, None], tf.int32, name="token_ids"),
                tf.TensorSpec([None], tf.int32, name="lengths"),
            ],
            autograph=False,
        ).get_concrete_function()

    def tokenize(self, texts: list[str]) -> list[TokenizedText]:
        """Tokenize texts, the model's prompt before each."""
        if self._prompt:
            texts = [self._prompt + text for text in texts]
        return self._tokenizer.encode(texts)

    def embed(self, sequences: list[list[int]]) -> NDArray[np.float32]:
        """Compute one batch; safe to call from several threads at once.

        Args:
            sequences: token ids of each chunk, special tokens included.

        Returns:
            Float32 array of shape (n_sequences, dim).
        """
        lengths = np.fromiter(map(len, sequences), np.int32, count=len(sequences))
        with tf.experimental.function_executor_type(self.runtime.executor):
            vectors = self._embed(tf.constant(pad(sequences)), tf.constant(lengths))
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
        if self._normalize:
            means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
        # A text of one chunk keeps its vector to the bit.
        single = np.diff(np.r_[starts, len(vectors)]) == 1
        averages: NDArray[np.float32] = means.astype(np.float32)
        averages[single] = vectors[starts[single]]
        return averages

    def describe(self) -> dict[str, Any]:
        """What the vectors depend on."""
        return {
            "model": self._name,
            "model_sha256": self._sha256,
            "dim": self.dim,
            "pooling": self._pooling,
            "normalize": self._normalize,
            "max_tokens": self.max_tokens,
            "prompt": self._prompt,
        }


def _find(model: str | Path) -> tuple[str, Path]:
    """A model's name and its folder, pulled if need be.

    A catalogue name means the catalogue even where a folder of that name is around; "./minilm" is
    the folder.
    """
    names = [card.name for card in list_models()]
    if str(model).startswith(PREFIX):
        return str(model), pull_from_hub(str(model))
    if model not in names and Path(model).is_dir():
        return Path(model).resolve().name, Path(model)
    if isinstance(model, Path) or "/" in model or model.startswith("."):
        raise InputError(
            f"Expected a model folder, {PREFIX}OWNER/NAME or a name from the catalogue "
            f"({', '.join(names)}), got {str(model)!r}, which is no folder."
        )
    card = get_model(model)
    if card.kind != "text":
        raise InputError(
            f"Expected a model for texts, got {card.name!r}, which is for {card.kind}s. "
            "See: embedsvc models list"
        )
    return card.name, pull(card)


def _ends_normalized(spec: TextModelSpec) -> bool:
    return bool(spec.head) and spec.head[-1] is None


def _with_final_normalization(
    head: tuple[DenseModule | None, ...], *, normalize: bool
) -> tuple[DenseModule | None, ...]:
    while head and head[-1] is None:
        head = head[:-1]
    return (*head, None) if normalize else head


def _check_max_tokens(max_tokens: int, spec: TextModelSpec) -> int:
    if not 3 <= max_tokens <= spec.config.max_positions:
        raise InputError(
            f"Expected max_tokens from 3 to {spec.config.max_positions}, the model's position "
            f"embeddings, got {max_tokens}."
        )
    return max_tokens


def _dense(vectors: Tensor, module: DenseModule) -> Tensor:
    product = tf.matmul(vectors, module.kernel)
    if module.bias is not None:
        product = tf.nn.bias_add(product, module.bias)
    return _HEAD_ACTIVATIONS[module.activation](product)
