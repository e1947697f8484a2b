"""Pooling, head and averages of a loaded network, by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import load_file
from tiny_folders import HIDDEN, tiny_weights

from embedsvc.encoders.huggingface import read_spec
from embedsvc.encoders.network import TextNetwork
from embedsvc.encoders.registry import load_encoder
from embedsvc.encoders.text_loading import load_text_model
from embedsvc.nets.bert import build_bert
from embedsvc.nets.bert_weights import load_huggingface_weights

TEXTS = ["abc the D", "", "x y z !", "the"]


@pytest.fixture(scope="module")
def network(tiny):
    return tiny.network


@pytest.fixture(scope="module")
def sequences(network):
    return [text.chunks[0] for text in network.tokenize(TEXTS)]


@pytest.fixture(scope="module")
def outputs(tiny, sequences):
    """Outputs of the bare network, one text at a time, without any padding."""
    config = read_spec(Path(tiny.model)).config
    bert = build_bert(config, dtype="float32")
    load_huggingface_weights(bert, config, tiny_weights())
    found = []
    for sequence in sequences:
        token_ids = tf.constant([sequence], tf.int32)
        inputs = {
            "token_ids": token_ids,
            "segment_ids": tf.zeros_like(token_ids),
            "attention_mask": tf.ones_like(token_ids),
        }
        found.append({name: value[0].numpy() for name, value in bert(inputs).items()})
    return found


def by_hand(outputs, pooling):
    pick = {
        "mean": lambda out: out["sequence_output"].mean(0),
        "max": lambda out: out["sequence_output"].max(0),
        "cls": lambda out: out["sequence_output"][0],
        "pooled": lambda out: out["pooled_output"],
    }[pooling]
    return np.stack([pick(out) for out in outputs])


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("pooling", ["mean", "max", "cls", "pooled"])
@pytest.mark.parametrize("normalize", [False, True])
def test_pooling(tiny, outputs, pooling, normalize):
    encoder = load_encoder(tiny.model, pooling=pooling, normalize=normalize)
    expected = by_hand(outputs, pooling)
    np.testing.assert_allclose(
        encoder.encode(TEXTS), unit(expected) if normalize else expected, atol=1e-5
    )


@pytest.mark.parametrize("name", ["Identity", "Tanh", "ReLU", "Sigmoid"])
@pytest.mark.parametrize("bias", [True, False])
def test_dense(tiny_bert_folder, outputs, name, bias):
    module = "linear" if name == "Identity" else "activation"
    fields = {"activation_function": f"torch.nn.modules.{module}.{name}", "bias": bias}
    folder = tiny_bert_folder(head=("Dense",), dense=fields)
    tensors = load_file(folder / "2_Dense" / "model.safetensors")

    plain = by_hand(outputs, "mean") @ tensors["linear.weight"].T + tensors.get("linear.bias", 0)

    expected = {
        "Identity": plain,
        "Tanh": np.tanh(plain),
        "ReLU": np.maximum(plain, 0),
        "Sigmoid": 1 / (1 + np.exp(-plain)),
    }[name]
    encoder = load_encoder(folder)
    assert encoder.dim == 5
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-5)


@pytest.mark.parametrize("head", [("Normalize",), ("Dense", "Normalize"), ("Normalize", "Dense")])
@pytest.mark.parametrize("normalize", [None, True, False])
def test_final_normalization(tiny_bert_folder, outputs, head, normalize):
    folder = tiny_bert_folder(head=head)
    vectors = by_hand(outputs, "mean")
    for name in head[:-1] if head[-1] == "Normalize" else head:
        if name == "Normalize":
            vectors = unit(vectors)
        else:
            (path,) = folder.glob("*_Dense/model.safetensors")
            tensors = load_file(path)
            vectors = np.tanh(vectors @ tensors["linear.weight"].T + tensors["linear.bias"])
    if normalize or (normalize is None and head[-1] == "Normalize"):
        vectors = unit(vectors)
    encoder = load_encoder(folder, normalize=normalize)
    np.testing.assert_allclose(encoder.encode(TEXTS), vectors, atol=1e-5)


def test_a_text_alone_and_padded(network, sequences):
    together = network.embed_mixed(sequences)
    alone = np.concatenate([network.embed([sequence]) for sequence in sequences])
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("normalize", [False, True])
def test_average(tiny, normalize):
    network = TextNetwork(load_text_model(tiny.model, normalize=normalize))
    vectors = np.random.default_rng(0).normal(size=(6, HIDDEN)).astype(np.float32)
    lengths, text_of = np.array([5, 16, 16, 3, 2, 7]), np.array([0, 1, 1, 1, 2, 3])

    averages = network.average(vectors, lengths, text_of)

    middle = (16 * vectors[1] + 16 * vectors[2] + 3 * vectors[3]) / 35
    middle = middle / np.linalg.norm(middle) if normalize else middle
    np.testing.assert_allclose(averages[1], middle, atol=1e-6)
    np.testing.assert_array_equal(averages[[0, 2, 3]], vectors[[0, 4, 5]])
    assert averages.dtype == np.float32


def test_describe(tiny_bert_folder):
    prompts = {"prompts": {"q": "find "}, "default_prompt_name": "q"}
    folder = tiny_bert_folder(prompts=prompts, head=("Normalize",))
    described = TextNetwork(load_text_model(folder)).describe()
    assert len(described.pop("model_sha256")) == 64
    assert described == {
        "model": "tiny-bert",
        "dim": HIDDEN,
        "pooling": "mean",
        "normalize": True,
        "max_tokens": 32,
        "prompt": "find ",
    }
    assert json.dumps(described)


def test_a_batch_of_mixed_lengths_is_computed_without_padding_to_the_same_vectors(tiny):
    network = tiny.network
    assert network.can_pack
    sequences = [network.tokenize([text])[0].chunks[0] for text in ("a", "a cat " * 12, "late")]
    together = network.embed_mixed(sequences)
    alone = np.concatenate([network.embed([sequence]) for sequence in sequences])
    assert np.allclose(together, alone, atol=1e-6)
    assert np.allclose(network.embed(sequences), together, atol=1e-6)
    assert network.embed_mixed([]).shape == (0, network.dim)
