"""Classifiers on the disk: the layout, and folders that are not what they claim to be."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from saved_classifiers import FACTS, made_classifier
from tiny_folders import write_tiny_bert
from tiny_savedmodels import EncoderKind, write_pair

import embedsvc
from embedsvc.classify.classifier import TextClassifier
from embedsvc.encoders.registry import load_encoder
from embedsvc.errors import ArtifactError, InputError, NotFittedError, OutputError
from embedsvc.files import sha256_of
from embedsvc.store.arrays import read_arrays, write_arrays
from embedsvc.store.classifiers import load_classifier, read_classifier_about, save_classifier

TEXTS = ["The bad th\u00e9!", "", "good " * 40, "a fine [MASK]"]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> TextClassifier:
    return made_classifier(tmp_path_factory.mktemp("models") / "bert", hidden=(4,))


@pytest.fixture(scope="module")
def _saved(classifier: TextClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "mine"
    save_classifier(classifier, folder, extra={"line": 3})
    return folder


@pytest.fixture
def folder(_saved: Path, tmp_path: Path) -> Path:
    """A saved classifier to change."""
    return shutil.copytree(_saved, tmp_path / "mine")


Change = Callable[[dict[str, Any]], object]


def change(folder: Path, how: Change) -> None:
    """Edit model.json."""
    about = json.loads((folder / "model.json").read_text())
    how(about)
    (folder / "model.json").write_text(json.dumps(about))


def vouch_for(folder: Path, name: str) -> None:
    """Make model.json agree with a file that was changed."""
    path = folder / name
    fresh = {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
    change(folder, lambda about: about["files"].update({name: fresh}))


def change_head(folder: Path, how: Change) -> None:
    arrays = read_arrays(folder / "head.safetensors")
    how(arrays)
    write_arrays(folder / "head.safetensors", arrays)
    vouch_for(folder, "head.safetensors")


@pytest.mark.parametrize("kind", [EncoderKind(), EncoderKind(activation="relu")])
def test_models_of_tfhub(tmp_path: Path, kind: EncoderKind):
    """Mapped onto a BERT, and of another family, which stays the SavedModel that it is."""
    pair = write_pair(tmp_path / "pair", kind)
    texts = ["the a", "b c", "the", "c", "a a", "b"] * 3
    trained = TextClassifier(
        f"tfhub:{pair}", unfreeze=0, epochs=2, pooling="mean", normalize=True, max_tokens=9
    ).fit(texts, ["x", "y"] * 9)
    save_classifier(trained, tmp_path / "saved")
    shutil.rmtree(pair)
    loaded = load_classifier(tmp_path / "saved")
    np.testing.assert_allclose(loaded.predict_proba(texts), trained.predict_proba(texts), atol=1e-6)
    vectors = load_encoder(tmp_path / "saved").encode(texts)
    np.testing.assert_allclose(vectors, trained.embed(texts), atol=1e-6)
    (tmp_path / "saved" / "encoder" / "preprocess" / "saved_model.pb").write_bytes(b"x")
    with pytest.raises(ArtifactError, match="saved_model.pb"):
        load_classifier(tmp_path / "saved")


# The layout


def test_the_folder_says_what_it_is(classifier: TextClassifier, folder: Path):
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    about = read_classifier_about(folder)
    files = about.pop("files")
    assert set(files) == names - {"model.json"}
    assert {name.split("/")[0] for name in names} == {"model.json", "head.safetensors", "encoder"}
    assert files["head.safetensors"] == {
        "bytes": (folder / "head.safetensors").stat().st_size,
        "sha256": sha256_of(folder / "head.safetensors"),
    }
    settings = about.pop("settings")
    assert set(settings) == set(classifier.get_params())
    assert settings["encoder"] == str(classifier.encoder)
    assert settings["hidden"] == [4]
    assert about == {
        "format": 1,
        "what": "text-classifier",
        "embedsvc": embedsvc.__version__,
        "task": "multiclass",
        "labels": ["bad", "fine", "good"],
        "thresholds": classifier.thresholds_.tolist(),
        "class_weights": classifier.class_weights_.tolist(),
        "pooling": "mean",
        "normalize": False,
        "max_tokens": 32,
        "prompt": "",
        "head": {"hidden": [4], "dropout": 0.1, "scale": 1.5},
        "facts": FACTS,
        "left_out": {},
        "extra": {"line": 3},
    }


def test_loaded_and_saved_again_it_is_the_same(
    classifier: TextClassifier, folder: Path, tmp_path: Path
):
    loaded = load_classifier(str(folder))
    assert loaded.get_params() == classifier.get_params() | {"encoder": str(classifier.encoder)}
    assert loaded.notes_ == ()
    np.testing.assert_array_equal(loaded.predict_proba(TEXTS), classifier.predict_proba(TEXTS))
    np.testing.assert_array_equal(loaded.embed(TEXTS), classifier.embed(TEXTS))
    np.testing.assert_array_equal(loaded.classes_, classifier.classes_)
    np.testing.assert_array_equal(loaded.thresholds_, classifier.thresholds_)
    np.testing.assert_array_equal(loaded.class_weights_, classifier.class_weights_)
    assert loaded.best_epoch_ == 2
    save_classifier(loaded, tmp_path / "again", extra={"line": 3})
    for path in folder.rglob("*.*"):
        again = tmp_path / "again" / path.relative_to(folder)
        assert path.is_dir() or again.read_bytes() == path.read_bytes(), path


@pytest.mark.parametrize(
    "settings",
    [
        {"task": "binary", "labels": (False, True), "pooling": "pooled", "normalize": True},
        {"task": "multilabel", "labels": (3, 20), "pooling": "max", "hidden": (3, 5)},
    ],
    ids=["binary", "multilabel"],
)
def test_tasks_poolings_and_types_of_labels(settings: dict[str, Any], tmp_path: Path):
    made = made_classifier(tmp_path / "bert", **settings)
    save_classifier(made, tmp_path / "mine")
    loaded = load_classifier(tmp_path / "mine")
    assert loaded.codec_ == made.codec_
    assert [type(label) for label in loaded.codec_.labels] == [type(settings["labels"][0])] * 2
    assert loaded.model_.pooling == settings["pooling"]
    np.testing.assert_array_equal(loaded.predict_proba(TEXTS), made.predict_proba(TEXTS))
    np.testing.assert_array_equal(loaded.predict(TEXTS), made.predict(TEXTS))
    # Extraction reads the encoder's folder alone.
    vectors = load_encoder(tmp_path / "mine").encode(TEXTS)
    np.testing.assert_allclose(vectors, made.embed(TEXTS), atol=1e-6)


def test_in_a_fresh_process(classifier: TextClassifier, folder: Path, tmp_path: Path):
    program = (
        "import sys, numpy as np\n"
        "from embedsvc.store.classifiers import load_classifier\n"
        "loaded = load_classifier(sys.argv[1])\n"
        "texts = eval(sys.argv[3])\n"
        "np.savez(sys.argv[2], loaded.predict_proba(texts), loaded.embed(texts))\n"
    )
    found = tmp_path / "found.npz"
    subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program, folder, found, repr(TEXTS)], check=True
    )
    with np.load(found) as arrays:
        np.testing.assert_allclose(arrays["arr_0"], classifier.predict_proba(TEXTS), atol=1e-6)
        np.testing.assert_allclose(arrays["arr_1"], classifier.embed(TEXTS), atol=1e-6)


def test_settings_that_are_functions_are_told(tmp_path: Path):
    def distance(batch: Any, outputs: Any) -> Any:
        return outputs["embedding"]

    made = made_classifier(
        tmp_path / "bert", extra_losses={"distance": distance}, weight_penalty="l2:1e-4"
    )
    save_classifier(made, tmp_path / "mine")
    about = read_classifier_about(tmp_path / "mine")
    assert "extra_losses" not in about["settings"]
    (told,) = load_classifier(tmp_path / "mine").notes_
    assert re.search(r"'extra_losses': \{'distance': '.*distance'\}.* Set them again", told)
    assert load_classifier(tmp_path / "mine").get_params()["weight_penalty"] == "l2:1e-4"


# Saving


def test_what_cannot_be_saved(classifier: TextClassifier, tmp_path: Path):
    with pytest.raises(NotFittedError, match="Call fit first"):
        save_classifier(TextClassifier(), tmp_path / "a")
    with pytest.raises(InputError, match="labels, facts and extra that JSON can hold"):
        save_classifier(classifier, tmp_path / "a", extra={"score": float("nan")})
    with pytest.raises(InputError, match=r"extra with which model\.json has at most 1,048,576"):
        save_classifier(classifier, tmp_path / "a", extra={"much": "x" * (1 << 20)})
    assert not list(tmp_path.iterdir())


def test_a_classifier_is_replaced_on_request(classifier: TextClassifier, folder: Path):
    with pytest.raises(OutputError, match="overwrite=True"):
        save_classifier(classifier, folder)
    save_classifier(classifier, folder, extra={"line": 4}, overwrite=True)
    assert read_classifier_about(folder)["extra"] == {"line": 4}
    (folder / "mine.txt").touch()
    with pytest.raises(OutputError, match=r"mine\.txt"):
        save_classifier(classifier, folder, overwrite=True)


@pytest.mark.skipif(
    os.name == "nt" or os.geteuid() == 0, reason="the administrator may write everywhere"
)
def test_a_folder_that_cannot_be_written(classifier: TextClassifier, tmp_path: Path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        save_classifier(classifier, tmp_path / "a")
    tmp_path.chmod(0o700)


# Loading what is not right


def test_folders_that_are_no_classifier(folder: Path, tmp_path: Path):
    for nothing in (tmp_path / "missing", tmp_path):
        with pytest.raises(ArtifactError, match=r"a saved classifier with .* without model\.json"):
            load_classifier(nothing)
    change(folder, lambda about: about.update(what="anomaly-detector"))
    with pytest.raises(ArtifactError, match="what = 'text-classifier' .*got 'anomaly-detector'"):
        load_classifier(folder)
    (folder / "model.json").write_text("{")
    with pytest.raises(ArtifactError, match="readable JSON"):
        load_classifier(folder)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (lambda a: a.update(format=2, embedsvc="9.0"), "format 1 .*got 2.*'9.0'.*Update embedsvc"),
        (lambda a: a.update(format=0), "format in .* to be from 1 to 1, got 0"),
        (lambda a: a.pop("task"), "Expected task in"),
        (lambda a: a.update(task="ranking"), r"model\.json: .*ranking"),
        (lambda a: a.update(task=["binary"]), "task in .* a text"),
        (lambda a: a.update(task="binary"), r"model\.json: .* labels for task 'binary'"),
        (lambda a: a.pop("labels"), "Expected labels in"),
        (lambda a: a.update(labels="abc"), "labels in .* a list"),
        (lambda a: a.update(labels=["a", 1.5, "b"]), "labels in .* a list"),
        (lambda a: a.update(labels=["a", ["b"], "c"]), "labels in .* a list"),
        (lambda a: a.update(labels=["a", "a", "b"]), r"model\.json: .*without repeats"),
        (lambda a: a.update(labels=["b", "a", "c"]), r"model\.json: .*sorted"),
        (lambda a: a.update(labels=[0, True, 2]), r"model\.json: .*of one type"),
        (lambda a: a.update(labels=[]), r"model\.json: "),
        (lambda a: a.update(labels=["a", "b"]), "thresholds in .* 2 numbers from 0 to 1"),
        (lambda a: a.update(thresholds=[0.5, 0.5, 1.5]), "3 numbers from 0 to 1, one a label"),
        (lambda a: a.update(thresholds=[0.5, 0.5, "x"]), "thresholds in .* each a number"),
        (lambda a: a.update(class_weights=[1, 1, -1]), "class_weights .* 3 numbers of at least 0"),
        (lambda a: a.pop("class_weights"), "Expected class_weights in"),
        (lambda a: a.pop("facts"), "Expected facts in"),
        (lambda a: a["facts"].update(trained_at="noon"), r"facts\.trained_at .* a date and time"),
        (lambda a: a.pop("head"), "Expected head in"),
        (lambda a: a["head"].update(hidden=4), r"head\.hidden in .* a list"),
        (lambda a: a["head"].update(hidden=[0]), r"model\.json: .*at least 1 unit"),
        (lambda a: a["head"].update(dropout=1.0), r"model\.json: .*dropout from 0"),
        (lambda a: a["head"].update(scale=0), r"model\.json: .*a scale above 0"),
        (lambda a: a["head"].pop("scale"), r"Expected head\.scale in"),
        (lambda a: a.pop("settings"), "Expected settings in"),
        (lambda a: a["settings"].update(magic=1), "settings of a text classifier .*got 'magic'"),
        (lambda a: a["settings"].update(seed="0"), r"settings\.seed .* a whole number"),
        (lambda a: a["settings"].update(dropout=2.0), r"model\.json: .*dropout"),
        (lambda a: a["settings"].update(extra_losses={"a": "b"}), r"settings\.extra_losses .*func"),
        (lambda a: a["settings"].update(weight_penalty="l3:1"), r"model\.json: .*l3:1"),
        (lambda a: a.pop("files"), "Expected files in"),
        (lambda a: a["files"].pop("head.safetensors"), r"Expected files\.head\.safetensors in"),
        (lambda a: a["files"].pop("encoder/config.json"), r"Expected files\.encoder/config\.json"),
        (
            lambda a: a["files"].update({"../a": {}}),
            r"files inside .*got '\.\./a'.* Copy the whole",
        ),
        (lambda a: a["files"].update({"/etc/passwd": {}}), "files inside .*got '/etc/passwd'"),
        (lambda a: a["files"].update({"a\0b": {}}), "files inside"),
        (lambda a: a["files"].update({"more": {"bytes": 1, "sha256": ""}}), "more beside model"),
    ],
)
def test_wrong_fields_are_named(how: Change, message: str, folder: Path):
    change(folder, how)
    with pytest.raises(ArtifactError, match=message):
        load_classifier(folder)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (lambda a: a.update(pooling="max"), "Expected pooling = 'mean' in .*got 'max'"),
        (lambda a: a.update(pooling="pooled"), r"model\.json: .*no weights for 'pooled'"),
        (lambda a: a.update(normalize=True), "Expected normalize = False in .*got True"),
        (lambda a: a.update(max_tokens=16), "Expected max_tokens = 32 in .*got 16"),
        (lambda a: a.pop("prompt"), "Expected prompt = '' in .*got None"),
        (lambda a: a["head"].update(hidden=[10**9]), "float32 numbers in .* 8 -> 1000000000 -> 3"),
    ],
)
def test_what_does_not_go_with_the_encoder(how: Change, message: str, folder: Path):
    change(folder, how)
    with pytest.raises(ArtifactError, match=message):
        load_classifier(folder)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (lambda a: a.pop("logits/bias"), "Expected 51 float32 numbers .* got 48"),
        (lambda a: a.update(more=np.zeros(1, np.float32)), "51 float32 numbers .* got 52"),
        (lambda a: a.update({"logits/bias": np.zeros(3)}), "got 51 of float32, float64"),
        (lambda a: a.update(bias=a.pop("logits/bias")), "Expected the weights .*logits/bias"),
        (
            lambda a: a.update({"logits/kernel": a["logits/kernel"].T.copy()}),
            r"logits/kernel of shape \(4, 3\), got \(3, 4\)",
        ),
    ],
)
def test_wrong_heads(how: Change, message: str, folder: Path):
    change_head(folder, how)
    with pytest.raises(ArtifactError, match=message):
        load_classifier(folder)


@pytest.mark.parametrize("name", ["head.safetensors", "encoder/model.safetensors"])
@pytest.mark.parametrize("place", [0, 10, -1])
def test_a_changed_byte_is_noticed(name: str, place: int, folder: Path):
    data = bytearray((folder / name).read_bytes())
    data[place] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(ArtifactError, match="sha256 .* Copy the whole folder again"):
        load_classifier(folder)


def test_cut_missing_and_swapped_files(folder: Path, tmp_path: Path):
    listed = read_classifier_about(folder)["files"]
    for name in listed:
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[:-1])
        with pytest.raises(ArtifactError, match=f"to have {len(whole):,} bytes"):
            load_classifier(folder)
        (folder / name).unlink()
        with pytest.raises(ArtifactError, match=r"beside model\.json, got: No such file"):
            load_classifier(folder)
        (folder / name).write_bytes(whole)
    first, second = folder / "encoder" / "config.json", folder / "encoder" / "modules.json"
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    with pytest.raises(ArtifactError, match="config.json to have"):
        load_classifier(folder)


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_out_of_the_folder_is_not_followed(folder: Path, tmp_path: Path):
    path = folder / "encoder" / "config.json"
    path.rename(tmp_path / "elsewhere.json")
    path.symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(ArtifactError, match="files inside .*got 'encoder/config.json'"):
        load_classifier(folder)


def test_an_encoder_of_another_kind(folder: Path, tmp_path: Path):
    other = write_tiny_bert(tmp_path / "other", config={"model_type": "roberta"})
    shutil.copy(other / "config.json", folder / "encoder" / "config.json")
    vouch_for(folder, "encoder/config.json")
    with pytest.raises(ArtifactError, match="model_type = 'bert'"):
        load_classifier(folder)
