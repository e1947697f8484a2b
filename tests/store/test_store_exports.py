"""Exports: what is in the folders, that other programs read them, and which places are refused."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_classifiers import make_classifier
from tiny_folders import write_tiny_bert
from tiny_savedmodels import EncoderKind, write_pair

from embedsvc.classify.classifier import TextClassifier
from embedsvc.encoders.registry import load_encoder
from embedsvc.encoders.text_loading import load_text_model
from embedsvc.encoders.text_model import TextModel
from embedsvc.encoders.tfhub import load_tfhub_model
from embedsvc.errors import InputError, NotFittedError, OutputError
from embedsvc.store.exports import write_export
from embedsvc.text.tokenizer import read_tokenizer_json

# Keras 3.15 turns its variables into arrays in a way that NumPy 2 is about to drop.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"
)

TEXTS = ["The bad th\u00e9! A", "", "abc " * 30]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_bert(tmp_path / "tiny")


@pytest.fixture
def model(folder: Path) -> TextModel:
    return load_text_model(folder)


def about(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "export.json").read_text())
    return found


def test_a_saved_model(folder: Path, tmp_path: Path):
    classifier = make_classifier(folder, "multilabel")
    notes = write_export(classifier, tmp_path / "serving" / "1", format="savedmodel")
    assert notes == (
        "Signatures: serving_default, classify, embed; input: texts, strings of shape (n,).",
    )
    loaded = tf.saved_model.load(str(tmp_path / "serving" / "1"))
    found = loaded.signatures["embed"](tf.constant(TEXTS))["embedding"]
    np.testing.assert_allclose(found, classifier.embed(TEXTS), atol=1e-5)
    assert (
        about(tmp_path / "serving" / "1").items()
        >= {
            "what": "exported-text-model",
            "format": 1,
            "exported_as": "savedmodel",
            "model": "tiny",
            "model_sha256": classifier.model_.sha256,
            "dim": 8,
            "pooling": "mean",
            "normalize": False,
            "max_tokens": 32,
            "prompt": "",
            "task": "multilabel",
            "labels": [1, 2, 5, 9],
            "thresholds": classifier.thresholds_.tolist(),
        }.items()
    )


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_a_keras_file(tmp_path: Path, task: str):
    head = ("Dense", "Normalize") if task == "multiclass" else ()
    classifier = make_classifier(write_tiny_bert(tmp_path / "t", head=head), task, hidden=(3,))
    (note,) = write_export(classifier, tmp_path / "out", format="keras")
    assert note == "Input: token_ids, segment_ids and attention_mask, int32 of shape (n, length)."
    network = keras.saving.load_model(tmp_path / "out" / "model.keras", safe_mode=True)
    tokenizer = read_tokenizer_json(tmp_path / "out" / "tokenizer.json")
    tokenizer.enable_padding()
    tokenizer.enable_truncation(32)
    encodings = tokenizer.encode_batch(TEXTS)
    inputs = {
        "token_ids": np.array([encoding.ids for encoding in encodings], np.int32),
        "segment_ids": np.array([encoding.type_ids for encoding in encodings], np.int32),
        "attention_mask": np.array([encoding.attention_mask for encoding in encodings], np.int32),
    }
    found = network(inputs, training=False)
    assert sorted(found) == ["embedding", "logits", "probabilities"]
    np.testing.assert_allclose(found["embedding"], classifier.embed(TEXTS), atol=1e-5)
    expected = classifier.predict_proba(TEXTS)
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-5)


def test_a_keras_file_can_be_trained_on(model: TextModel, tmp_path: Path):
    write_export(model, tmp_path / "out", format="keras")
    network = keras.saving.load_model(tmp_path / "out" / "model.keras", safe_mode=True)
    assert sorted(network.output) == ["embedding"]
    assert len(network.trainable_variables) == len(model.network.trainable_variables)


def test_a_hugging_face_folder(folder: Path, tmp_path: Path):
    classifier = make_classifier(folder)
    (note,) = write_export(classifier, tmp_path / "out", format="huggingface")
    assert note == "Only the encoder: Hugging Face has no place for the classifier's head."
    found = load_encoder(tmp_path / "out").encode(TEXTS)
    np.testing.assert_allclose(found, classifier.embed(TEXTS), atol=1e-5)
    library = pytest.importorskip("sentence_transformers")
    theirs = library.SentenceTransformer(str(tmp_path / "out"), device="cpu").encode(TEXTS)
    np.testing.assert_allclose(theirs, found, atol=1e-5)


def test_an_encoder_alone_has_no_labels(model: TextModel, tmp_path: Path):
    assert write_export(model, tmp_path / "out", format="huggingface") == ()
    assert "labels" not in about(tmp_path / "out")


@pytest.mark.slow
def test_models_of_tfhub(tmp_path: Path):
    mapped = load_tfhub_model(f"tfhub:{write_pair(tmp_path / 'pair')}")
    notes = write_export(mapped, tmp_path / "keras", format="keras")
    assert "a graph of TF Hub, is not part of it" in notes[0]
    assert not (tmp_path / "keras" / "tokenizer.json").exists()
    with pytest.raises(InputError, match="Expected a tokenizer that Hugging Face can read"):
        write_export(mapped, tmp_path / "out", format="huggingface")
    other = write_pair(tmp_path / "o", EncoderKind(activation="relu"))
    foreign = load_tfhub_model(f"tfhub:{other}")
    with pytest.raises(InputError, match="Expected a BERT to write as .keras, got o, a SavedModel"):
        write_export(foreign, tmp_path / "out", format="keras")
    assert not (tmp_path / "out").exists()


def test_an_export_replaces_another_one_only_where_asked(model: TextModel, tmp_path: Path):
    write_export(model, tmp_path / "out", format="huggingface")
    with pytest.raises(OutputError, match=r"got a saved exported-text-model.*overwrite=True"):
        write_export(model, tmp_path / "out", format="keras")
    write_export(model, tmp_path / "out", format="keras", overwrite=True)
    assert (tmp_path / "out" / "model.keras").exists()
    assert not (tmp_path / "out" / "modules.json").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_other_folders_are_never_replaced(folder: Path, model: TextModel):
    with pytest.raises(OutputError, match="Expected .* to be new"):
        write_export(model, folder, format="huggingface", overwrite=True)
    assert (folder / "tokenizer.json").exists()


def test_an_unknown_format(model: TextModel, tmp_path: Path):
    message = "one of savedmodel, keras, huggingface, got 'onnx'"
    with pytest.raises(InputError, match=message):
        write_export(model, tmp_path / "out", format="onnx")


def test_nothing_was_learned(tmp_path: Path):
    with pytest.raises(NotFittedError, match="Expected a classifier that is fitted"):
        write_export(TextClassifier(), tmp_path / "out", format="savedmodel")
