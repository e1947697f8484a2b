"""From a pair of SavedModels to a text model: mapped onto our BERT, or frozen as it is."""

import hashlib
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_folders import VOCABULARY
from tiny_savedmodels import (
    HIDDEN,
    LENGTH,
    POSITIONS,
    EncoderKind,
    write_encoder,
    write_pair,
    write_preprocess,
)

from embedsvc.encoders.savedmodel import read_variables, variables_sha256
from embedsvc.encoders.text import TextEncoder
from embedsvc.encoders.text_model import TextModel
from embedsvc.encoders.tfhub import load_tfhub_model
from embedsvc.errors import ArtifactError, InputError
from embedsvc.nets.text_encoder import build_text_encoder

TEXTS = ["the abc", "", "Thé D!", "x" * 9, "a b c d e f g h i j k l m"]


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> Path:
    return write_pair(tmp_path_factory.mktemp("tfhub") / "pair")


@pytest.fixture(scope="module")
def model(pair: Path) -> TextModel:
    return load_tfhub_model(f"tfhub:{pair}")


@pytest.fixture(scope="module")
def expected(pair: Path) -> dict[str, np.ndarray]:
    """What the two SavedModels make of the texts, one behind the other, as TF Hub shows it."""
    packed = tf.saved_model.load(str(pair / "preprocess"))(tf.constant(TEXTS))
    outputs = tf.saved_model.load(str(pair / "encoder"))(packed, training=False)
    states, mask = outputs["sequence_output"].numpy(), packed["input_mask"].numpy()[..., np.newaxis]
    return {
        "sequence_output": states * mask,
        "pooled": outputs["pooled_output"].numpy(),
        "mean": (states * mask).sum(axis=1) / mask.sum(axis=1),
        "cls": states[:, 0],
        "max": np.where(mask, states, -np.inf).max(axis=1),
    }


@pytest.fixture
def write(pair: Path, tmp_path: Path) -> Callable[..., str]:
    """Writes an encoder of another kind; returns its handle, with the same preprocess model."""

    def write(**kind) -> str:
        encoder = write_encoder(tmp_path / "mine", EncoderKind(**kind))
        return f"tfhub:{encoder}+{pair / 'preprocess'}"

    return write


def test_what_it_is(model: TextModel, pair: Path):
    assert model.name == "pair"
    assert model.sha256 == variables_sha256(pair / "encoder")
    assert model.config is not None
    assert (model.config.activation, model.config.hidden_size) == ("gelu_tanh", HIDDEN)
    assert (model.config.layer_norm_epsilon, model.config.dropout) == (1e-12, 0.1)
    assert (model.pooling, model.normalize, model.prompt) == ("pooled", False, "")
    assert model.max_tokens == model.tokenizer.max_tokens == LENGTH


def test_the_network_computes_what_the_savedmodels_compute(model: TextModel, expected):
    inputs = model.tokenizer.pack(tf.constant(TEXTS))
    found = model.network(inputs, training=False)
    mask = inputs["attention_mask"].numpy()[..., np.newaxis]
    np.testing.assert_allclose(found["pooled_output"], expected["pooled"], atol=1e-5)
    np.testing.assert_allclose(
        found["sequence_output"] * mask, expected["sequence_output"], atol=1e-5
    )


@pytest.mark.parametrize("pooling", ["pooled", "mean", "cls", "max"])
def test_its_vectors_are_those_of_the_pair(model: TextModel, expected, pooling: str):
    encoder = TextEncoder.from_model(replace(model, pooling=pooling))
    np.testing.assert_allclose(encoder.encode(TEXTS), expected[pooling], atol=1e-5)


def test_normalized_vectors(pair: Path, expected):
    model = load_tfhub_model(f"tfhub:{pair}", pooling="mean", normalize=True)
    assert (model.pooling, model.modules) == ("mean", (None,))
    assert "pooled_output" not in model.network.output
    lengths = np.linalg.norm(expected["mean"], axis=1, keepdims=True)
    vectors = TextEncoder.from_model(model).encode(TEXTS)
    np.testing.assert_allclose(vectors, expected["mean"] / lengths, atol=1e-5)


def test_texts_are_cut_where_the_pair_cuts_and_it_is_said(model: TextModel):
    _, info = TextEncoder.from_model(model).encode(TEXTS, return_info=True)
    assert info.truncated.tolist() == [False, False, False, False, True]
    assert info.n_tokens.tolist() == [6, 2, 5, 11, 15]


def test_longer_texts_up_to_its_positions(pair: Path):
    model = load_tfhub_model(f"tfhub:{pair}", max_tokens=POSITIONS)
    assert not TextEncoder.from_model(model).encode(TEXTS, return_info=True)[1].truncated.any()
    with pytest.raises(InputError, match=f"max_tokens from 3 to {POSITIONS}, .* got 41"):
        load_tfhub_model(f"tfhub:{pair}", max_tokens=POSITIONS + 1)
    with pytest.raises(InputError, match="room beside the 2 special tokens, got 2"):
        load_tfhub_model(f"tfhub:{pair}", max_tokens=2)


def test_training_changes_every_weight_of_the_encoder(pair: Path):
    model = load_tfhub_model(f"tfhub:{pair}")
    encoder = build_text_encoder(model.network, pooling=model.pooling)
    logits = keras.layers.Dense(1)(encoder.output["embedding"])
    classifier = keras.Model(encoder.input, logits)
    before = [weight.copy() for weight in model.network.get_weights()]
    n_variables = sum(array.size for array in read_variables(pair / "encoder").values())
    assert sum(array.size for array in before) == n_variables
    inputs = model.tokenizer.pack(tf.constant(TEXTS))
    classifier.compile(keras.optimizers.Adam(0.01), "mse")
    classifier.fit(inputs, tf.constant([[1.0], [0.0], [1.0], [0.0], [1.0]]), epochs=2, verbose=0)
    for weight, old in zip(model.network.weights, before, strict=True):
        assert not np.array_equal(weight.numpy(), old), weight.path


def test_a_prefix_and_a_head_for_pretraining(write, expected):
    head = "cls/predictions/transform/dense/kernel"
    model = load_tfhub_model(write(prefix="bert_encoder/", extra=(head,)))
    assert model.config is not None
    np.testing.assert_allclose(
        TextEncoder.from_model(model).encode(TEXTS), expected["pooled"], atol=1e-5
    )


def test_the_form_of_gelu_is_found_out(write):
    model = load_tfhub_model(write(activation="gelu"))
    assert model.config is not None
    assert model.config.activation == "gelu"


def test_without_a_pooled_output(write):
    handle = write(extra=("adapter",), outputs=("sequence_output",))
    model = load_tfhub_model(handle)
    assert model.pooling == "mean"
    with pytest.raises(InputError, match="mean, cls or max: mine has no weights for 'pooled'"):
        load_tfhub_model(handle, pooling="pooled")


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ({"extra": ("embedding_projection/kernel",)}, "no place in it, such as 'embedding_pro"),
        ({"without": ("position_embedding/embeddings",)}, "'position_embedding/embeddings'"),
        ({"activation": "relu"}, "got vectors that differ by"),
    ],
    ids=["other variables", "missing variable", "other arithmetic"],
)
def test_another_family_runs_frozen_and_it_is_said(write, expected, kind, why: str, caplog):
    handle = write(**kind)
    with caplog.at_level(logging.WARNING):
        model = load_tfhub_model(handle)
    assert "mine runs frozen" in caplog.text
    assert why in caplog.text
    assert model.config is None
    assert model.network.weights == []
    vectors = TextEncoder.from_model(model).encode(TEXTS)
    same = np.allclose(vectors, expected["pooled"], atol=1e-5)
    # With ReLU the vectors are others, and right: the wrapper's own tests compare them.
    assert same != (kind.get("activation") == "relu")


def test_frozen_it_takes_as_many_tokens_as_the_savedmodel(write):
    handle = write(extra=("adapter",))
    assert load_tfhub_model(handle, max_tokens=POSITIONS).max_tokens == POSITIONS
    with pytest.raises(InputError, match="got 41, with which calling it fails"):
        load_tfhub_model(handle, max_tokens=POSITIONS + 1)


def test_two_parts_that_do_not_belong_together(pair: Path, tmp_path: Path, monkeypatch):
    import tiny_savedmodels

    monkeypatch.setattr(tiny_savedmodels, "VOCABULARY", [*VOCABULARY, "more"])
    other = write_preprocess(tmp_path / "other")
    message = f"at most {len(VOCABULARY)} tokens, as the encoder has, got {len(VOCABULARY) + 1}"
    with pytest.raises(ArtifactError, match=message):
        load_tfhub_model(f"tfhub:{pair / 'encoder'}+{other}")


def test_the_two_the_wrong_way_round(pair: Path):
    with pytest.raises(ArtifactError, match="is a preprocess model, not an encoder"):
        load_tfhub_model(f"tfhub:{pair / 'preprocess'}+{pair / 'encoder'}")


def test_an_encoder_that_is_no_encoder(pair: Path):
    with pytest.raises(ArtifactError, match="check that it is no preprocess model"):
        load_tfhub_model(f"tfhub:{pair / 'preprocess'}+{pair / 'preprocess'}")


def test_a_folder_that_is_no_savedmodel(pair: Path, tmp_path: Path):
    with pytest.raises(ArtifactError, match=r"got no saved_model\.pb"):
        load_tfhub_model(f"tfhub:{pair / 'encoder'}+{tmp_path}")
    with pytest.raises(ArtifactError, match="Expected readable variables in"):
        load_tfhub_model(f"tfhub:{tmp_path}+{pair / 'preprocess'}")


def test_a_fetched_pair(pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Offline, out of the cache: what was fetched once is enough."""
    monkeypatch.setenv("EMBEDSVC_HOME", str(tmp_path))
    monkeypatch.setenv("EMBEDSVC_OFFLINE", "1")
    monkeypatch.delenv("TFHUB_CACHE_DIR", raising=False)
    handle = "tensorflow/small_bert/bert_en_uncased_L-2_H-16_A-2/2"
    for part, name in (
        ("encoder", handle),
        ("preprocess", "tensorflow/bert_en_uncased_preprocess/3"),
    ):
        key = hashlib.sha1(f"https://tfhub.dev/{name}".encode(), usedforsecurity=False).hexdigest()
        shutil.copytree(pair / part, tmp_path / "tfhub" / key)
    model = load_tfhub_model(f"tfhub:{handle}")
    assert model.name == f"tfhub:{handle}"
    assert model.config is not None
