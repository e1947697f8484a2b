"""The network against transformers' own, and how it trains."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import load_file

from embedsvc.errors import InputError
from embedsvc.nets.bert import BertConfig, build_bert
from embedsvc.nets.bert_weights import load_huggingface_weights

GOLDENS = Path(__file__).resolve().parent.parent / "goldens"
CONFIG = BertConfig(
    vocabulary_size=50,
    hidden_size=16,
    n_layers=2,
    n_heads=2,
    intermediate_size=24,
    max_positions=12,
)
KEYS = ("token_ids", "segment_ids", "attention_mask")


@pytest.fixture(scope="module")
def golden():
    return load_file(GOLDENS / "tiny_bert_expected.safetensors")


@pytest.fixture
def inputs(golden):
    return {key: tf.constant(golden[key]) for key in KEYS}


@pytest.fixture(scope="module")
def network():
    network = build_bert(CONFIG, dtype="float32")
    load_huggingface_weights(network, CONFIG, load_file(GOLDENS / "tiny_bert.safetensors"))
    return network


@pytest.mark.golden
@pytest.mark.parametrize(("theirs", "ours"), [("gelu", "gelu"), ("gelu_new", "gelu_tanh")])
@pytest.mark.parametrize("compiled", [False, True])
def test_outputs_are_those_of_transformers(golden, inputs, theirs, ours, compiled):
    assert json.loads((GOLDENS / "tiny_bert.json").read_text())["hidden_size"] == 16
    config = BertConfig(50, 16, 2, 2, 24, max_positions=12, activation=ours)
    network = build_bert(config, dtype="float32")
    load_huggingface_weights(network, config, load_file(GOLDENS / "tiny_bert.safetensors"))
    call = tf.function(network, autograph=False) if compiled else network

    outputs = call(inputs, training=False)

    tokens = golden["attention_mask"] == 1
    for name in ("sequence_output", "pooled_output"):
        expected, got = golden[f"{theirs}.{name}"], outputs[name].numpy()
        assert got.shape == expected.shape
        if name == "sequence_output":
            expected, got = expected[tokens], got[tokens]
        assert np.abs(got - expected).max() <= 1e-5


@pytest.mark.golden
def test_the_two_activations_differ(golden):
    difference = golden["gelu.sequence_output"] - golden["gelu_new.sequence_output"]
    assert np.abs(difference).max() > 5e-5


def test_padding_does_not_change_a_text(network, golden, inputs):
    alone = {key: value[2:3, :7] for key, value in inputs.items()}  # row 2 has 7 tokens
    together = network(inputs, training=False)["sequence_output"][2, :7]
    np.testing.assert_allclose(
        network(alone, training=False)["sequence_output"][0], together, atol=1e-5
    )


def test_the_training_graph_gives_the_same_without_dropout(inputs):
    config = BertConfig(50, 16, 2, 2, 24, max_positions=12, dropout=0.0, attention_dropout=0.0)
    network = build_bert(config, dtype="float32")
    load_huggingface_weights(network, config, load_file(GOLDENS / "tiny_bert.safetensors"))
    training, extraction = network(inputs, training=True), network(inputs, training=False)
    for name in training:
        np.testing.assert_allclose(training[name], extraction[name], atol=1e-5)


def test_dropout_acts_in_training_only(network, inputs):
    def states(training):
        return network(inputs, training=training)["sequence_output"].numpy()

    np.testing.assert_array_equal(states(False), states(False))
    assert np.abs(states(True) - states(False)).max() > 1e-3
    assert np.abs(states(True) - states(True)).max() > 1e-3


@pytest.mark.parametrize("training", [True, False])
def test_gradients_reach_every_weight(network, inputs, training):
    with tf.GradientTape() as tape:
        outputs = network(inputs, training=training)
        loss = sum(tf.reduce_sum(tf.sin(3 * output)) for output in outputs.values())
    gradients = tape.gradient(loss, [v.value for v in network.trainable_variables])
    for variable, gradient in zip(network.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.path
        gradient = tf.convert_to_tensor(gradient).numpy()
        assert np.isfinite(gradient).all(), variable.path
        assert np.abs(gradient).max() > 0, variable.path


def test_it_learns():
    config = BertConfig(50, 16, 1, 2, 24, max_positions=12, dropout=0.0)
    bert = build_bert(config)
    logits = keras.layers.Dense(2)(bert.output["pooled_output"])
    model = keras.Model(bert.input, logits)
    model.compile(
        keras.optimizers.Adam(1e-2), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    token_ids = np.random.default_rng(0).integers(1, 50, (32, 6))
    labels = (token_ids[:, 2] > 25).astype("int32")
    inputs = {
        "token_ids": token_ids.astype("int32"),
        "segment_ids": np.zeros_like(token_ids, "int32"),
        "attention_mask": np.ones_like(token_ids, "int32"),
    }
    losses = model.fit(inputs, labels, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_outputs_by_name():
    assert sorted(build_bert(CONFIG).output) == ["pooled_output", "sequence_output"]
    assert sorted(build_bert(CONFIG, with_pooler=False).output) == ["sequence_output"]


def test_half_precision_runs(inputs):
    outputs = build_bert(CONFIG, dtype="mixed_bfloat16")(inputs, training=False)
    assert outputs["sequence_output"].dtype == tf.bfloat16
    assert np.isfinite(tf.cast(outputs["pooled_output"], tf.float32).numpy()).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocabulary_size": 0}, "vocabulary_size to be at least 1, got 0"),
        ({"n_layers": -1}, "n_layers to be at least 1, got -1"),
        ({"n_segments": 0}, "n_segments"),
        ({"n_heads": 3}, "multiple of n_heads, got hidden_size=16 and n_heads=3"),
        ({"activation": "relu"}, "one of gelu, gelu_tanh, got 'relu'"),
    ],
)
def test_bad_config(changes, message):
    sizes = {
        "vocabulary_size": 50,
        "hidden_size": 16,
        "n_layers": 2,
        "n_heads": 2,
        "intermediate_size": 24,
    }
    with pytest.raises(InputError, match=message):
        BertConfig(**sizes | changes)
