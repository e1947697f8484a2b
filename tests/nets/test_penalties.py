"""Penalties on activations: three ways to write one, and one number."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from embedsvc.errors import InputError
from embedsvc.nets.batch_training import ADDED, TOTAL, BatchModel, activity_term
from embedsvc.nets.bert import BertConfig, build_bert
from embedsvc.nets.penalties import find_layers, layer_paths, parse_penalty, penalize
from embedsvc.nets.text_encoder import build_text_encoder

CONFIG = BertConfig(
    vocabulary_size=40, hidden_size=8, n_layers=2, n_heads=2, intermediate_size=12, max_positions=16
)


class Squares(keras.layers.Layer):
    """Hands its input on, and adds a penalty on it by `add_loss`."""

    def call(self, x):
        self.add_loss(0.01 * tf.reduce_sum(tf.square(x)) / tf.cast(tf.shape(x)[0], x.dtype))
        return x


def small_network(regularizer=None, adding=False):
    x = keras.Input((4,), name="x")
    hidden = keras.layers.Dense(
        5,
        "tanh",
        kernel_initializer=keras.initializers.GlorotUniform(0),
        name="hidden",
        activity_regularizer=regularizer,
    )(x)
    if adding:
        hidden = Squares()(hidden)
    y = keras.layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(1), name="y")
    return keras.Model({"x": x}, {"y": y(hidden), "hidden": hidden})


def squared(batch, outputs):
    return tf.reduce_mean(tf.square(outputs["y"][:, 0] - batch["target"]))


def gradients(model, batch):
    with tf.GradientTape() as tape:
        terms = model.terms(batch, training=True)
    found = tape.gradient(terms[TOTAL], model.trainable_variables)
    return {name: float(value) for name, value in terms.items()}, found


def test_three_ways_one_number():
    """By layer name, by add_loss, by a loss over a named output, and by Keras' own argument."""
    rng = np.random.default_rng(0)
    batch = {
        "x": tf.constant(rng.normal(size=(6, 4)), tf.float32),
        "target": tf.constant(rng.normal(size=6), tf.float32),
    }

    def on_output(batch, outputs):
        hidden = outputs["hidden"]
        return 0.01 * tf.reduce_sum(tf.square(hidden)) / tf.cast(tf.shape(hidden)[0], tf.float32)

    by_name = BatchModel(
        small_network(), {"data": squared}, activity_penalties={"hidden": parse_penalty("l2:0.01")}
    )
    by_layer = BatchModel(small_network(adding=True), {"data": squared})
    by_output = BatchModel(small_network(), {"data": squared, "hidden": on_output})
    by_keras = BatchModel(small_network(keras.regularizers.L2(0.01)), {"data": squared})
    names = (activity_term("hidden"), ADDED, "hidden", ADDED)

    results = [gradients(model, batch) for model in (by_name, by_layer, by_output, by_keras)]

    hidden = by_name(batch)["hidden"].numpy()
    expected = 0.01 * (hidden**2).sum() / 6
    for (terms, found), name in zip(results, names, strict=True):
        assert set(terms) == {"data", name, TOTAL}
        assert terms[name] == pytest.approx(expected, rel=1e-6)
        assert terms[TOTAL] == pytest.approx(terms["data"] + expected, rel=1e-6)
        for one, first in zip(found, results[0][1], strict=True):
            np.testing.assert_allclose(one, first, atol=1e-7)


@pytest.fixture(scope="module")
def encoder():
    return build_text_encoder(build_bert(CONFIG, dtype="float32"), pooling="mean")


def tokens(length):
    ids, mask = np.zeros((2, length), np.int32), np.zeros((2, length), np.int32)
    ids[0, :3], ids[1, :5] = [1, 7, 2], [1, 8, 30, 9, 2]
    mask[0, :3], mask[1, :5] = 1, 1
    return {"token_ids": ids, "segment_ids": np.zeros_like(ids), "attention_mask": mask}


@pytest.mark.parametrize("path", ["layer_0", "layer_1/intermediate", "embeddings", "embedding"])
def test_padding_does_not_count(encoder, path):
    model = BatchModel(encoder, {}, activity_penalties={path: parse_penalty("l1l2:0.1,0.2")})
    short, long = (float(model.terms(tokens(length))[activity_term(path)]) for length in (5, 12))
    assert short > 0
    assert long == pytest.approx(short, rel=1e-5)


def test_a_penalty_by_hand(encoder):
    model = BatchModel(encoder, {}, activity_penalties={"layer_1": parse_penalty("l2:0.5")})
    states = keras.Model(encoder.input, encoder.get_layer("layer_1").output)
    batch = tokens(7)
    kept = states(batch).numpy() * batch["attention_mask"][:, :, None]
    found = float(model.terms(batch)[activity_term("layer_1")])
    assert found == pytest.approx(0.5 * (kept**2).sum() / 2, rel=1e-5)


def test_any_function_is_a_penalty(encoder):
    model = BatchModel(encoder, {}, activity_penalties={"embedding": lambda x: tf.reduce_max(x)})
    batch = tokens(6)
    largest = encoder(batch)["embedding"].numpy().max()
    assert float(model.terms(batch)[activity_term("embedding")]) == pytest.approx(largest / 2)


def test_paths(encoder):
    paths = layer_paths(encoder)
    assert {"embeddings", "layer_0", "layer_1/qkv", "pooling", "embedding"} <= set(paths)
    assert paths["layer_0"] is encoder.get_layer("layer_0")


def test_an_unknown_layer_is_refused_with_those_there_are(encoder):
    with pytest.raises(InputError, match="layer_0, layer_1.*such as .*got 'layer_9'"):
        find_layers(encoder, {"layer_9": None})


def test_two_penalties_on_one_layer_are_refused():
    network = small_network(keras.regularizers.L2(0.01))
    with pytest.raises(InputError, match="no activity regularizer of its own"):
        find_layers(network, {"hidden": None})


def test_without_a_mask_all_counts():
    penalty = penalize(parse_penalty("l1:1"), [tf.ones([4, 3])], None)
    assert float(penalty) == 3


@pytest.mark.parametrize(
    ("text", "value"), [("l1:2", 6.0), (" L2:1", 5.0), ("l1l2:2,1", 11.0), ("l2:0", 0.0)]
)
def test_parse(text, value):
    assert float(parse_penalty(text)(tf.constant([1.0, -2.0]))) == value


@pytest.mark.parametrize(
    "text", ["", "l2", "l3:1", "l2:", "l2:a", "l2:1,2", "l1l2:1", "l2:-1", "l2:nan", "l2:inf"]
)
def test_parse_refuses(text):
    with pytest.raises(InputError, match="Expected a penalty such as"):
        parse_penalty(text)
