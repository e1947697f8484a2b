"""Tiny random preprocess and encoder SavedModels, with the names and signatures of TF Hub's.

The arithmetic is written out here on its own, head by head as the exporter has it, so that it can
check what `build_bert` computes.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_text
from tiny_folders import VOCABULARY

HIDDEN, LAYERS, HEADS, INNER, POSITIONS = 16, 2, 2, 24, 40
LENGTH = 12
"""Tokens that the preprocess model pads and cuts to."""
ACTIVATIONS = {
    "gelu_tanh": lambda x: 0.5 * x * (1 + tf.tanh(0.7978845608 * (x + 0.044715 * x**3))),
    "gelu": lambda x: 0.5 * x * (1 + tf.math.erf(x / 2**0.5)),
    "relu": tf.nn.relu,
}
_INPUTS = ("input_word_ids", "input_mask", "input_type_ids")


def tiny_variables(*, n_layers: int = LAYERS, seed: int = 0) -> dict[str, np.ndarray]:
    """Random variables of an encoder by their names on TF Hub; none is all zeros or all ones."""
    generator = np.random.default_rng(seed)
    size = HIDDEN // HEADS

    def draw(*shape: int, scale: float = 0.4) -> np.ndarray:
        return generator.normal(0, scale, shape).astype(np.float32)

    def dense(name: str, kernel: tuple[int, ...], bias: tuple[int, ...]) -> dict[str, np.ndarray]:
        return {f"{name}/kernel": draw(*kernel), f"{name}/bias": draw(*bias)}

    def norm(name: str) -> dict[str, np.ndarray]:
        return {f"{name}/gamma": 1 + draw(HIDDEN, scale=0.1), f"{name}/beta": draw(HIDDEN)}

    variables = {
        "word_embeddings/embeddings": draw(len(VOCABULARY), HIDDEN),
        "position_embedding/embeddings": draw(POSITIONS, HIDDEN),
        "type_embeddings/embeddings": draw(2, HIDDEN),
        **norm("embeddings/layer_norm"),
    }
    for i in range(n_layers):
        layer = f"transformer/layer_{i}"
        for part in ("query", "key", "value"):
            name = f"{layer}/self_attention/{part}"
            variables |= dense(name, (HIDDEN, HEADS, size), (HEADS, size))
        name = f"{layer}/self_attention/attention_output"
        variables |= dense(name, (HEADS, size, HIDDEN), (HIDDEN,))
        variables |= norm(f"{layer}/self_attention_layer_norm")
        variables |= dense(f"{layer}/intermediate", (HIDDEN, INNER), (INNER,))
        variables |= dense(f"{layer}/output", (INNER, HIDDEN), (HIDDEN,))
        variables |= norm(f"{layer}/output_layer_norm")
    return variables | dense("pooler_transform", (HIDDEN, HIDDEN), (HIDDEN,))


@dataclass(frozen=True)
class EncoderKind:
    """What an encoder SavedModel is like.

    Attributes:
        activation: a key of `ACTIVATIONS`.
        prefix: put before all names of variables.
        extra: float variables beside those of `tiny_variables`, by name, all zeros.
        without: names of variables to rename, so that they cannot be found.
        outputs: which outputs it gives.
        n_layers: transformer layers.
    """

    activation: str = "gelu_tanh"
    prefix: str = ""
    extra: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ("pooled_output", "default", "sequence_output", "encoder_outputs")
    n_layers: int = LAYERS


class TinyEncoder(tf.Module):
    """From token ids to vectors, as TF Hub's BERT encoders."""

    def __init__(self, kind: EncoderKind) -> None:
        super().__init__()
        self.kind = kind
        self.do_lower_case = tf.Variable(True, trainable=False)
        self.own = {
            name: tf.Variable(value, name=self._exported_name(name))
            for name, value in tiny_variables(n_layers=kind.n_layers).items()
        }
        self.extra = [tf.Variable(tf.zeros([3]), name=kind.prefix + name) for name in kind.extra]

    def _exported_name(self, name: str) -> str:
        return self.kind.prefix + (f"other/{name}" if name in self.kind.without else name)

    @tf.function(autograph=False)
    def __call__(self, inputs, training=False, mask=None):
        del training, mask
        own, n_layers = self.own, self.kind.n_layers
        ids, allowed = inputs["input_word_ids"], tf.cast(inputs["input_mask"], tf.float32)
        x = tf.gather(own["word_embeddings/embeddings"], ids)
        x += own["position_embedding/embeddings"][tf.newaxis, : tf.shape(ids)[1]]
        x += tf.gather(own["type_embeddings/embeddings"], inputs["input_type_ids"])
        x = self._norm(x, "embeddings/layer_norm")
        states = []
        for i in range(n_layers):
            x = self._layer(x, allowed, f"transformer/layer_{i}")
            states.append(x)
        first = tf.einsum("bh,ho->bo", x[:, 0], own["pooler_transform/kernel"])
        pooled = tf.tanh(first + own["pooler_transform/bias"])
        outputs = {
            "pooled_output": pooled,
            "default": pooled,
            "sequence_output": x,
            "encoder_outputs": states,
        }
        return {name: outputs[name] for name in self.kind.outputs}

    def _layer(self, x, allowed, layer):
        own, attention = self.own, f"{layer}/self_attention"
        query, key, value = (
            tf.einsum("blh,had->blad", x, own[f"{attention}/{part}/kernel"])
            + own[f"{attention}/{part}/bias"]
            for part in ("query", "key", "value")
        )
        scores = tf.einsum("bqad,bkad->baqk", query, key) / (HIDDEN // HEADS) ** 0.5
        scores += (1 - allowed)[:, tf.newaxis, tf.newaxis, :] * -1e9
        context = tf.einsum("baqk,bkad->bqad", tf.nn.softmax(scores), value)
        output = f"{attention}/attention_output"
        attended = tf.einsum("blad,adh->blh", context, own[f"{output}/kernel"])
        x = self._norm(x + attended + own[f"{output}/bias"], f"{layer}/self_attention_layer_norm")
        inner = tf.einsum("blh,hi->bli", x, own[f"{layer}/intermediate/kernel"])
        inner = ACTIVATIONS[self.kind.activation](inner + own[f"{layer}/intermediate/bias"])
        outer = tf.einsum("bli,ih->blh", inner, own[f"{layer}/output/kernel"])
        return self._norm(x + outer + own[f"{layer}/output/bias"], f"{layer}/output_layer_norm")

    def _norm(self, x, name):
        mean, variance = tf.nn.moments(x, [-1], keepdims=True)
        scaled = (x - mean) / tf.sqrt(variance + 1e-12)
        return scaled * self.own[f"{name}/gamma"] + self.own[f"{name}/beta"]


class TinyTokenize(tf.Module):
    """The `tokenize` of a preprocess model: to word pieces, (batch, words, pieces)."""

    def __init__(self, vocabulary: Path) -> None:
        super().__init__()
        self.tokenizer = tensorflow_text.BertTokenizer(
            str(vocabulary), token_out_type=tf.int32, lower_case=True
        )

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string)])
    def __call__(self, texts):
        return self.tokenizer.tokenize(texts)

    @tf.function(autograph=False, input_signature=[])
    def get_special_tokens_dict(self):
        return {
            "vocab_size": tf.constant(len(VOCABULARY)),
            "start_of_sequence_id": tf.constant(VOCABULARY.index("[CLS]")),
            "end_of_segment_id": tf.constant(VOCABULARY.index("[SEP]")),
        }


class TinyPack(tf.Module):
    """The `bert_pack_inputs` of a preprocess model, for one segment."""

    @tf.function(
        autograph=False,
        input_signature=[
            [tf.RaggedTensorSpec([None, None, None], tf.int32)],
            tf.TensorSpec([], tf.int32),
        ],
    )
    def __call__(self, inputs, seq_length=LENGTH):
        rows = inputs[0].merge_dims(1, 2)[:, : seq_length - 2]
        edges = tf.ones([tf.shape(rows.row_lengths())[0], 1], tf.int32)
        start, end = VOCABULARY.index("[CLS]"), VOCABULARY.index("[SEP]")
        rows = tf.concat([edges * start, rows, edges * end], axis=1)
        ids = rows.to_tensor()
        ids = tf.pad(ids, [[0, 0], [0, seq_length - tf.shape(ids)[1]]])
        mask = tf.sequence_mask(rows.row_lengths(), seq_length, dtype=tf.int32)
        return dict(zip(_INPUTS, (ids, mask, tf.zeros_like(ids)), strict=True))


class TinyPreprocess(tf.Module):
    """From texts to the three inputs of an encoder, padded and cut to `LENGTH`."""

    def __init__(self, vocabulary: Path, *, with_tokenize: bool) -> None:
        super().__init__()
        tokenize, pack = TinyTokenize(vocabulary), TinyPack()
        self.parts = {"tokenize": tokenize, "bert_pack_inputs": pack}
        if with_tokenize:
            self.tokenize, self.bert_pack_inputs = tokenize, pack

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string)])
    def __call__(self, texts):
        tokens = self.parts["tokenize"](texts)
        packed = self.parts["bert_pack_inputs"]([tokens], tf.constant(LENGTH))
        return {name: tf.ensure_shape(value, [None, LENGTH]) for name, value in packed.items()}


def write_encoder(folder: Path, kind: EncoderKind = EncoderKind()) -> Path:
    """Write an encoder SavedModel."""
    module = TinyEncoder(kind)
    inputs = {name: tf.TensorSpec([None, None], tf.int32, name=name) for name in _INPUTS}
    module.__call__.get_concrete_function(inputs, training=False)
    tf.saved_model.save(module, str(folder))
    return folder


def write_preprocess(folder: Path, *, with_tokenize: bool = True) -> Path:
    """Write a preprocess SavedModel; without `tokenize` it can only be called."""
    vocabulary = folder.parent / f"{folder.name}-vocab.txt"
    folder.parent.mkdir(parents=True, exist_ok=True)
    vocabulary.write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    module = TinyPreprocess(vocabulary, with_tokenize=with_tokenize)
    tf.saved_model.save(module, str(folder))
    # The SavedModel has its own copy.
    vocabulary.unlink()
    return folder


def write_pair(folder: Path, kind: EncoderKind = EncoderKind()) -> Path:
    """Write encoder/ and preprocess/ into a folder."""
    write_encoder(folder / "encoder", kind)
    write_preprocess(folder / "preprocess")
    return folder
