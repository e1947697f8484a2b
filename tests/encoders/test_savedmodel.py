"""SavedModels as untrusted data."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tiny_savedmodels import EncoderKind, tiny_variables, write_encoder

from embedsvc.encoders import savedmodel
from embedsvc.encoders.savedmodel import (
    check_saved_model,
    load_saved_model,
    read_variables,
    variables_sha256,
)
from embedsvc.errors import ArtifactError

DATA = "variables/variables.data-00000-of-00001"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Path:
    kind = EncoderKind(prefix="bert_encoder/", extra=("twice", "twice"))
    return write_encoder(tmp_path_factory.mktemp("savedmodel") / "encoder", kind)


@pytest.fixture
def copied(encoder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(encoder, tmp_path / "copied")


def write_function(folder: Path, function) -> Path:
    module = tf.Module()
    module.run = tf.function(function, autograph=False, input_signature=[])
    tf.saved_model.save(module, str(folder))
    return folder


def test_variables_by_name(encoder: Path):
    variables = read_variables(encoder)
    expected = {f"bert_encoder/{name}": array for name, array in tiny_variables().items()}
    expected |= {"bert_encoder/twice": np.zeros(3), "bert_encoder/twice (2)": np.zeros(3)}
    assert variables.keys() == expected.keys()
    for name, array in expected.items():
        assert variables[name].dtype == np.float32
        np.testing.assert_array_equal(variables[name], array)


def test_half_precision_is_read_as_float32(tmp_path: Path):
    module = tf.Module()
    module.half = tf.Variable(tf.constant([1.5, 2.0], tf.bfloat16), name="half")
    module.count = tf.Variable(3, name="count")
    tf.saved_model.save(module, str(tmp_path))
    variables = read_variables(tmp_path)
    assert variables.keys() == {"half"}
    np.testing.assert_array_equal(variables["half"], np.array([1.5, 2], np.float32), strict=True)


def test_the_sha256_is_that_of_the_data(encoder: Path, copied: Path):
    assert variables_sha256(encoder) == hashlib.sha256((encoder / DATA).read_bytes()).hexdigest()
    (copied / "saved_model.pb").write_bytes(b"")
    assert variables_sha256(copied) == variables_sha256(encoder)
    with (copied / DATA).open("ab") as file:
        file.write(b"x")
    assert variables_sha256(copied) != variables_sha256(encoder)


def test_it_loads(encoder: Path):
    check_saved_model(encoder)
    assert callable(load_saved_model(encoder))


def test_no_saved_model(tmp_path: Path):
    with pytest.raises(ArtifactError, match=r"got no saved_model\.pb"):
        check_saved_model(tmp_path)


def test_the_old_hub_format(copied: Path):
    (copied / "tfhub_module.pb").write_bytes(b"\x08\x03")
    with pytest.raises(ArtifactError, match="got the older TF1 Hub format"):
        check_saved_model(copied)


def test_a_graph_far_too_large(copied: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(savedmodel, "_MAX_GRAPH_BYTES", 10)
    with pytest.raises(ArtifactError, match="to be at most 10 bytes, got"):
        check_saved_model(copied)


@pytest.mark.parametrize("content", [b"no protocol buffer", None])
def test_a_damaged_graph(copied: Path, content):
    path = copied / "saved_model.pb"
    path.write_bytes(path.read_bytes()[:-1000] if content is None else content)
    with pytest.raises(ArtifactError, match="Expected a SavedModel in .* again"):
        load_saved_model(copied)


def test_an_empty_graph(copied: Path):
    (copied / "saved_model.pb").write_bytes(b"")
    with pytest.raises(ArtifactError, match=r"that TensorFlow 2.* loads in"):
        load_saved_model(copied)


@pytest.mark.parametrize(
    ("function", "operation"),
    [
        (lambda: tf.io.read_file("/etc/hostname"), "ReadFile"),
        (lambda: [tf.io.write_file("name", "content"), None][1], "WriteFile"),
        (lambda: tf.io.matching_files("/*"), "MatchingFiles"),
        (lambda: tf.numpy_function(lambda: np.float32(1), [], tf.float32), "PyFunc"),
    ],
)
def test_a_graph_that_does_more_than_compute(tmp_path: Path, function, operation: str):
    folder = write_function(tmp_path / "model", function)
    with pytest.raises(ArtifactError, match=f"got the operations {operation}, .* Do not use it"):
        load_saved_model(folder)


@pytest.mark.parametrize("name", [DATA, "variables/variables.index"])
def test_missing_variables(copied: Path, name: str):
    (copied / name).unlink()
    with pytest.raises(ArtifactError, match="Expected .*variables"):
        read_variables(copied)


def test_truncated_variables(copied: Path):
    path = copied / DATA
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ArtifactError, match="Expected readable variables in"):
        read_variables(copied)


def test_variables_that_claim_more_than_there_is(encoder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(savedmodel, "_data_files", lambda folder: [])
    with pytest.raises(ArtifactError, match=r"as large as their files, got 3\d,\d+ bytes claimed"):
        read_variables(encoder)


def test_changed_variables(copied: Path):
    path = copied / DATA
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="Expected readable variables in"):
        read_variables(copied)


def test_a_damaged_index(copied: Path):
    path = copied / "variables/variables.index"
    path.write_bytes(b"\0" * path.stat().st_size)
    with pytest.raises(ArtifactError, match="Expected readable variables in"):
        read_variables(copied)


def test_a_checkpoint_without_an_object_graph(tmp_path: Path):
    (tmp_path / "variables").mkdir()
    tf.raw_ops.SaveV2(
        prefix=str(tmp_path / "variables" / "variables"),
        tensor_names=["a"],
        shape_and_slices=[""],
        tensors=[tf.zeros(2)],
    )
    with pytest.raises(ArtifactError, match="Expected readable variables in"):
        read_variables(tmp_path)
