"""Against a pair that Google's own exporter wrote, and the numbers that TensorFlow made with it.

The pair is no part of the repository: a folder with encoder/, preprocess/ and golden.npz, made with
official.nlp.tools.export_tfhub of tf-models-official 2.20 out of random weights, 2 layers of 32.
"""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from embedsvc.encoders.text import TextEncoder
from embedsvc.encoders.text_model import TextModel
from embedsvc.encoders.tfhub import load_tfhub_model
from embedsvc.encoders.tfhub_tokenizer import SavedModelTokenizer

FOLDER = Path(os.environ.get("EMBEDSVC_TFHUB", Path(__file__).parents[3] / "shared" / "tfhub"))
INPUTS = {
    "token_ids": "input_word_ids",
    "segment_ids": "input_type_ids",
    "attention_mask": "input_mask",
}

pytestmark = [
    pytest.mark.golden,
    pytest.mark.skipif(
        not (FOLDER / "golden.npz").is_file(),
        reason="no exported pair: set EMBEDSVC_TFHUB to a folder with encoder/ and preprocess/",
    ),
]


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "golden.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def model() -> TextModel:
    return load_tfhub_model(f"tfhub:{FOLDER}")


@pytest.fixture(scope="module")
def texts(golden) -> list[str]:
    return [str(text) for text in golden["sentences"]]


def outputs(model: TextModel, golden, prefix: str = "") -> dict[str, np.ndarray]:
    inputs = {ours: golden[prefix + theirs] for ours, theirs in INPUTS.items()}
    return {name: value.numpy() for name, value in model.network(inputs, training=False).items()}


def test_what_it_is(model: TextModel):
    assert model.config is not None
    assert (model.config.n_layers, model.config.n_heads, model.config.hidden_size) == (2, 2, 32)
    assert model.config.activation == "gelu_tanh"
    assert (model.max_tokens, model.pooling) == (128, "pooled")


def test_vectors_from_the_same_ids(model: TextModel, golden):
    found = outputs(model, golden)
    np.testing.assert_allclose(found["pooled_output"], golden["pooled_output"], atol=1e-5)
    states, mask = found["sequence_output"], golden["input_mask"][..., np.newaxis]
    means = (states * mask).sum(axis=1) / mask.sum(axis=1)
    np.testing.assert_allclose(means, golden["mean_pooled"], atol=1e-5)
    np.testing.assert_allclose(states[:, 0], golden["cls_sequence_output"], atol=1e-5)


def test_the_whole_sequence_of_two_segments(model: TextModel, golden):
    found = outputs(model, golden, "pair_")
    np.testing.assert_allclose(found["pooled_output"], golden["pair_pooled_output"], atol=1e-5)
    np.testing.assert_allclose(found["sequence_output"], golden["pair_sequence_output"], atol=1e-5)


def test_tokens(model: TextModel, golden, texts: list[str]):
    lengths = golden["input_mask"].sum(axis=1)
    for text, ids, length in zip(
        model.tokenizer.encode(texts), golden["input_word_ids"], lengths, strict=True
    ):
        assert text.chunks[0] == ids[:length].tolist()
        # Padded as the pair pads, exactly one text is longer than it takes.
        assert (text.n_tokens > 128) == (len(text.chunks) > 1)


def test_tokens_inside_a_graph(model: TextModel, golden, texts: list[str]):
    assert isinstance(model.tokenizer, SavedModelTokenizer)
    for ours, found in model.tokenizer.pack(tf.constant(texts)).items():
        np.testing.assert_array_equal(found, golden[INPUTS[ours]])


@pytest.mark.parametrize(
    ("pooling", "name"), [("pooled", "pooled_output"), ("mean", "mean_pooled")]
)
def test_vectors_from_texts(model, golden, texts: list[str], pooling: str, name: str):
    encoder = TextEncoder.from_model(replace(model, pooling=pooling))
    vectors, info = encoder.encode(texts, return_info=True)
    np.testing.assert_allclose(vectors, golden[name], atol=1e-5)
    assert info.truncated.sum() == 1
