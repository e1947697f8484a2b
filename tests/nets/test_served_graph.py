"""Functions from strings, with a tokenizer and a network made up."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from embedsvc.errors import InputError
from embedsvc.evaluation.decisions import decide
from embedsvc.nets.served_graph import ServedGraph, ServedLabels

LABELS = ("a", "b", "c")
NUMBERS = ["0.5,0.5,0", "0,0.25,0.75", "0.125,0.25,0.5", "0.25,0.5,0.25"]


def pack(texts: tf.Tensor) -> dict[str, tf.Tensor]:
    """Thousandths instead of token ids."""
    numbers = tf.strings.to_number(tf.strings.split(texts, ",").to_tensor())
    return {"token_ids": tf.cast(numbers * 1000, tf.int32)}


@pytest.fixture
def network() -> keras.Model:
    """Says what it is told."""
    inputs = {"token_ids": keras.Input((None,), dtype="int32", name="token_ids")}
    numbers = keras.ops.cast(inputs["token_ids"], "float32") / 1000
    return keras.Model(inputs, {"embedding": 2.0 * numbers, "probabilities": numbers})


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_what_applies(network: keras.Model, task: str):
    thresholds = np.array([0.125, 0.25, 0.5])
    graph = ServedGraph(pack, network, labels=ServedLabels(task, LABELS, thresholds))
    found = graph.classify(tf.constant(NUMBERS))
    expected = np.array([text.split(",") for text in NUMBERS], np.float32)
    np.testing.assert_array_equal(found["probabilities"], expected)
    assert found["labels"].numpy().tolist() == [[b"a", b"b", b"c"]] * 4
    decided = [[0.5, 0.5, 0], [0, 0.25, 0.75], [0.25, 0.25, 0.5], [0.25, 0.5, 0.25]]
    applies = found["applies"].numpy()
    if task == "multilabel":
        np.testing.assert_array_equal(applies, decide(expected, task=task, thresholds=thresholds))
    else:
        assert applies.sum(axis=1).tolist() == [1, 1, 1, 1]
        np.testing.assert_array_equal(applies.argmax(axis=1), decide(decided, task=task))


def test_what_applies_of_two(network: keras.Model):
    labels = ServedLabels("binary", (False, True), np.array([0.5, 0.25]))
    texts = ["0.75,0.25", "0.5,0.5", "1,0"]
    found = ServedGraph(pack, network, labels=labels).classify(tf.constant(texts))
    assert found["labels"].numpy()[0].tolist() == [b"False", b"True"]
    assert found["applies"].numpy().tolist() == [[True, False], [False, True], [True, False]]


def test_a_prompt_stands_before_every_text(network: keras.Model):
    found = ServedGraph(pack, network, prompt="1,").embed(tf.constant(["0.5", "0.25"]))
    np.testing.assert_array_equal(found["embedding"], [[2, 1], [2, 0.5]])


def test_signatures(network: keras.Model):
    labels = ServedLabels("multilabel", LABELS, np.full(3, 0.5))
    found = ServedGraph(pack, network, labels=labels).signatures()
    assert list(found) == ["serving_default", "classify", "embed"]
    assert found["serving_default"] is found["classify"]
    assert list(ServedGraph(pack, network).signatures()) == ["serving_default", "embed"]


def test_no_labels(network: keras.Model):
    with pytest.raises(InputError, match="Expected a classifier to classify with"):
        ServedGraph(pack, network).classify(tf.constant(NUMBERS))
