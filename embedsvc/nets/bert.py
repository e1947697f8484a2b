"""BERT (Devlin et al. 2019, https://arxiv.org/abs/1810.04805), one network for all uses.

Training and extraction run the same graph, so they cannot drift apart. Layers that work on each
position alone see the tokens as one matrix (batch * length, hidden): one large matrix product
instead of many small ones. Query, key and value come from one product. The names of checkpoint
weights live in `bert_weights.py`, pooling in `pooling.py`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import keras
import tensorflow as tf

from embedsvc.errors import InputError
from embedsvc.nets.layers import ACTIVATIONS, BiasDense, LayerNorm, Shape, Tensor, gelu, gelu_tanh


@dataclass(frozen=True)
class BertConfig:
    """The size and the constants of a BERT.

    Attributes:
        vocabulary_size: rows of the word embedding.
        hidden_size: width of a token's vector; a multiple of `n_heads`.
        n_layers: transformer layers.
        n_heads: attention heads.
        intermediate_size: width of the feed-forward layer.
        max_positions: rows of the position embedding, the most tokens a text may have.
        n_segments: rows of the segment (token type) embedding.
        layer_norm_epsilon: added to the variance; 1e-12 in the published models.
        activation: "gelu" (exact) or "gelu_tanh".
        dropout: rate after embeddings, attention and feed-forward while training.
        attention_dropout: rate on attention weights while training.
    """

    vocabulary_size: int
    hidden_size: int
    n_layers: int
    n_heads: int
    intermediate_size: int
    max_positions: int = 512
    n_segments: int = 2
    layer_norm_epsilon: float = 1e-12
    activation: str = "gelu"
    dropout: float = 0.1
    attention_dropout: float = 0.1

    def __post_init__(self) -> None:
        sizes = {
            "vocabulary_size": self.vocabulary_size,
            "hidden_size": self.hidden_size,
            "n_layers": self.n_layers,
            "n_heads": self.n_heads,
            "intermediate_size": self.intermediate_size,
            "max_positions": self.max_positions,
            "n_segments": self.n_segments,
        }
        for name, size in sizes.items():
            if size < 1:
                raise InputError(f"Expected {name} to be at least 1, got {size}.")
        if self.hidden_size % self.n_heads:
            raise InputError(
                f"Expected hidden_size to be a multiple of n_heads, got hidden_size="
                f"{self.hidden_size} and n_heads={self.n_heads}."
            )
        if self.activation not in ACTIVATIONS:
            raise InputError(
                f"Expected activation to be one of {', '.join(ACTIVATIONS)}, "
                f"got {self.activation!r}."
            )


def build_bert(
    config: BertConfig,
    *,
    with_pooler: bool = True,
    dtype: str | None = None,
    name: str = "bert",
) -> keras.Model:
    """Build a BERT with fresh weights.

    Args:
        config: size and constants.
        with_pooler: whether there is a `pooled_output`.
        dtype: Keras dtype policy; None takes the global one.
        name: the model's name.

    Returns:
        A model from a dict of int32 arrays of shape (batch, length): `token_ids`, `segment_ids`
        and `attention_mask` (1 for tokens, 0 for padding), to a dict of named outputs:
        `sequence_output` of shape (batch, length, hidden_size) and `pooled_output` of shape
        (batch, hidden_size), the tanh of a dense layer on the first token.

    Example:
        >>> config = BertConfig(30522, 384, n_layers=6, n_heads=12, intermediate_size=1536)
        >>> sorted(build_bert(config).output)
        ['pooled_output', 'sequence_output']
    """
    # Layers
    embeddings = BertEmbeddings(config, dtype=dtype, name="embeddings")
    layers = [
        TransformerLayer(config, dtype=dtype, name=f"layer_{i}") for i in range(config.n_layers)
    ]
    pooler = BiasDense(
        config.hidden_size,
        activation="tanh",
        kernel_initializer=_initializer(),
        dtype=dtype,
        name="pooler",
    )

    # Wiring
    inputs = {
        key: keras.Input((None,), dtype="int32", name=key)
        for key in ("token_ids", "segment_ids", "attention_mask")
    }
    states = embeddings(inputs["token_ids"], inputs["segment_ids"])
    for layer in layers:
        states = layer(states, inputs["attention_mask"])
    outputs = {"sequence_output": states}
    if with_pooler:
        outputs["pooled_output"] = pooler(states[:, 0, :])
    return keras.Model(inputs, outputs, name=name)


class _OfConfig(keras.layers.Layer):
    """A layer whose settings are those of the whole BERT."""

    def __init__(self, config: BertConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.config = config

    def get_config(self) -> dict[str, Any]:
        """The settings that rebuild the layer."""
        return {**super().get_config(), "config": asdict(self.config)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> _OfConfig:
        """The layer of these settings."""
        return cls(**{**config, "config": BertConfig(**config["config"])})


@keras.saving.register_keras_serializable(package="embedsvc")
class BertEmbeddings(_OfConfig):
    """Word + position + segment embedding, normalized."""

    def __init__(self, config: BertConfig, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.norm = LayerNorm(config.layer_norm_epsilon, dtype=self.dtype_policy, name="norm")
        self.dropout = keras.layers.Dropout(config.dropout, dtype=self.dtype_policy)

    def build(self, token_ids_shape: Shape, segment_ids_shape: Shape) -> None:
        """Create the three tables."""
        hidden = self.config.hidden_size
        rows = {
            "word": self.config.vocabulary_size,
            "position": self.config.max_positions,
            "segment": self.config.n_segments,
        }
        for name, count in rows.items():
            table = self.add_weight(shape=(count, hidden), initializer=_initializer(), name=name)
            setattr(self, name, table)
        self.norm.build((None, hidden))

    def call(self, token_ids: Tensor, segment_ids: Tensor, training: bool | None = None) -> Tensor:
        """Embed ids of shape (batch, length) as (batch, length, hidden)."""
        length, hidden = tf.shape(token_ids)[1], self.config.hidden_size
        states = tf.gather(tf.convert_to_tensor(self.word), token_ids)
        states += tf.convert_to_tensor(self.position)[:length]
        states += tf.gather(tf.convert_to_tensor(self.segment), segment_ids)
        flat = self.norm(tf.reshape(states, [-1, hidden]), training=training)
        flat = self.dropout(flat, training=training)
        return tf.reshape(flat, [-1, length, hidden])

    def embed_packed(self, token_ids: Tensor, positions: Tensor) -> Tensor:
        """Embed ids of shape (n_tokens,), of the first segment, as (n_tokens, hidden)."""
        states = tf.gather(tf.convert_to_tensor(self.word), token_ids)
        states += tf.gather(tf.convert_to_tensor(self.position), positions)
        return self.norm(states + tf.convert_to_tensor(self.segment)[0], training=False)

    def compute_output_shape(self, token_ids_shape: Shape, segment_ids_shape: Shape) -> Shape:
        """(batch, length, hidden)."""
        return (*token_ids_shape, self.config.hidden_size)


@keras.saving.register_keras_serializable(package="embedsvc")
class TransformerLayer(_OfConfig):
    """Self-attention and feed-forward, each added to its input and then normalized."""

    def __init__(self, config: BertConfig, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        shared = {"dtype": self.dtype_policy}
        dense = {"kernel_initializer": _initializer(), **shared}
        activation = {"gelu": gelu, "gelu_tanh": gelu_tanh}[config.activation]
        self.qkv = BiasDense(3 * config.hidden_size, name="qkv", **dense)
        self.attention_output = BiasDense(config.hidden_size, name="attention_output", **dense)
        self.attention_norm = LayerNorm(config.layer_norm_epsilon, name="attention_norm", **shared)
        self.intermediate = BiasDense(
            config.intermediate_size, activation=activation, name="intermediate", **dense
        )
        self.feed_forward_output = BiasDense(
            config.hidden_size, name="feed_forward_output", **dense
        )
        self.feed_forward_norm = LayerNorm(
            config.layer_norm_epsilon, name="feed_forward_norm", **shared
        )
        self.attention_dropout = keras.layers.Dropout(config.attention_dropout, **shared)
        self.dropout = keras.layers.Dropout(config.dropout, **shared)

    def build(self, states_shape: Shape, attention_mask_shape: Shape) -> None:
        """Create the weights of all sublayers."""
        hidden = (None, self.config.hidden_size)
        for sublayer in (self.qkv, self.attention_output, self.attention_norm, self.intermediate):
            sublayer.build(hidden)
        self.feed_forward_output.build((None, self.config.intermediate_size))
        self.feed_forward_norm.build(hidden)

    def call(self, states: Tensor, attention_mask: Tensor, training: bool | None = None) -> Tensor:
        """Map states of shape (batch, length, hidden) to new ones; the mask is (batch, length)."""
        length, hidden = tf.shape(states)[1], self.config.hidden_size
        flat = tf.reshape(states, [-1, hidden])  # (batch * length, hidden)
        context = self._attend(self.qkv(flat), attention_mask, training)
        return tf.reshape(self._forward(flat, context, training), [-1, length, hidden])

    def call_packed(
        self, flat: Tensor, attention_mask: Tensor, places: dict[str, Tensor]
    ) -> Tensor:
        """The same for states of shape (n_tokens, hidden), see `embedsvc.nets.packed`."""
        qkv = tf.gather(self.qkv(flat), places["in_packed"])  # (batch, length, 3 * hidden)
        context = self._attend(qkv, attention_mask, training=False)
        return self._forward(flat, tf.gather(context, places["in_padded"]), training=False)

    def _forward(self, flat: Tensor, context: Tensor, training: bool | None) -> Tensor:
        """What follows on attention, a token at a time."""
        attended = self.dropout(self.attention_output(context), training=training)
        flat = self.attention_norm(flat + attended, training=training)
        forwarded = self.feed_forward_output(self.intermediate(flat))
        forwarded = self.dropout(forwarded, training=training)
        return self.feed_forward_norm(flat + forwarded, training=training)

    def _attend(self, qkv: Tensor, attention_mask: Tensor, training: bool | None) -> Tensor:
        heads, hidden = self.config.n_heads, self.config.hidden_size
        size = hidden // heads
        length = tf.shape(attention_mask)[1]
        qkv = tf.reshape(qkv, [-1, length, 3 * heads, size])
        query, key, value = tf.split(tf.transpose(qkv, [0, 2, 1, 3]), 3, axis=1)
        scores = tf.matmul(query, key, transpose_b=True) * size**-0.5  # (batch, heads, len, len)
        padding = (1.0 - tf.cast(attention_mask, scores.dtype)) * scores.dtype.min
        weights = tf.nn.softmax(scores + padding[:, tf.newaxis, tf.newaxis, :])
        weights = self.attention_dropout(weights, training=training)
        context = tf.transpose(tf.matmul(weights, value), [0, 2, 1, 3])
        return tf.reshape(context, [-1, hidden])  # (batch * length, hidden)

    def compute_output_shape(self, states_shape: Shape, attention_mask_shape: Shape) -> Shape:
        """The shape of the states."""
        return states_shape


def _initializer() -> keras.initializers.Initializer:
    return keras.initializers.TruncatedNormal(stddev=0.02)
