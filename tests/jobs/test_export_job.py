"""Exports from names and folders."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf
from tiny_classifiers import make_classifier
from tiny_folders import write_tiny_bert

from embedsvc.errors import ArtifactError, InputError, OutputError
from embedsvc.jobs.export import export_model
from embedsvc.store.classifiers import save_classifier


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_bert(tmp_path / "tiny")


@pytest.mark.slow
def test_a_classifier(folder: Path, tmp_path: Path):
    classifier = make_classifier(folder)
    save_classifier(classifier, tmp_path / "trained")
    result = export_model(str(tmp_path / "trained"), tmp_path / "out")
    assert (result.format, result.labels) == ("savedmodel", 3)
    assert result.notes[0].startswith("Signatures: serving_default, classify, embed;")
    loaded = tf.saved_model.load(str(tmp_path / "out"))
    found = loaded.signatures["classify"](tf.constant(["the"]))["probabilities"]
    assert found.numpy() == pytest.approx(classifier.predict_proba(["the"]), abs=1e-5)


def test_the_encoder_of_a_classifier(folder: Path, tmp_path: Path):
    save_classifier(make_classifier(folder), tmp_path / "trained")
    result = export_model(tmp_path / "trained", tmp_path / "out", format="huggingface")
    assert (result.format, result.labels) == ("huggingface", 3)


def test_a_model_of_texts(folder: Path, tmp_path: Path):
    result = export_model(folder, tmp_path / "out", format="huggingface")
    assert (result.output, result.labels, result.notes) == (tmp_path / "out", None, ())
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert result.n_bytes == sum(path.stat().st_size for path in files) > 10_000


def test_bad_input(folder: Path, tmp_path: Path):
    with pytest.raises(InputError, match="Expected a model folder"):
        export_model("./nowhere", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ArtifactError, match="Expected a BERT folder"):
        export_model(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(InputError, match="Expected format to be one of"):
        export_model(folder, tmp_path / "out", format="pickle")
    assert not (tmp_path / "out").exists()
    export_model(folder, tmp_path / "out", format="huggingface")
    with pytest.raises(OutputError, match="overwrite=True"):
        export_model(folder, tmp_path / "out", format="huggingface")
    export_model(folder, tmp_path / "out", format="huggingface", overwrite=True)
