"""States of a training: each is whole or not there, and of this very training."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedsvc.errors import ArtifactError, InputError, OutputError, ResumeError
from embedsvc.nets.training_state import Checkpoints, TrainingState
from embedsvc.store import checkpoints as module
from embedsvc.store.checkpoints import CheckpointFolder

SETTINGS = {"epochs": 4, "hidden": (8, 4), "rate": np.float32(0.5), "of": {"texts": "abc", "n": 3}}


def state(epoch: int) -> TrainingState:
    arrays = {
        "network.0": np.full((2, 3), epoch, np.float32),
        "network.1": np.array([7, 2**32 - 1], np.uint32),
        "optimizer.0": np.array(epoch, np.int64),
        "optimizer.1": np.array([0.1 * epoch]),
    }
    return TrainingState(arrays, {"history": [{"epoch": epoch, "loss": 0.1}], "best_epoch": epoch})


def assert_same(found: TrainingState | None, wanted: TrainingState) -> None:
    assert found is not None
    assert found.facts == wanted.facts
    assert set(found.arrays) == set(wanted.arrays)
    for name, array in wanted.arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array)
        assert found.arrays[name].dtype == array.dtype
        assert found.arrays[name].shape == array.shape


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a state of the second epoch is."""
    kept = CheckpointFolder(tmp_path / "run", SETTINGS)
    kept.save(state(1))
    kept.save(state(2))
    return tmp_path / "run"


def change(folder: Path, how: Callable[[dict[str, Any]], object]) -> None:
    about = json.loads((folder / "checkpoint.json").read_text())
    how(about)
    (folder / "checkpoint.json").write_text(json.dumps(about))


def test_what_is_saved_is_loaded(tmp_path: Path):
    kept: Checkpoints = CheckpointFolder(tmp_path / "made" / "run", SETTINGS)
    assert kept.load() is None
    for epoch in (1, 2, 3):
        kept.save(state(epoch))
        assert_same(CheckpointFolder(tmp_path / "made" / "run", SETTINGS).load(), state(epoch))
        assert len(list((tmp_path / "made" / "run").iterdir())) == 2


def test_removed(folder: Path):
    kept = CheckpointFolder(folder, {})
    assert kept.exists()
    kept.remove()
    assert not kept.exists()
    assert not folder.exists()
    kept.remove()


def test_what_others_put_there_stays(folder: Path):
    (folder / "notes.txt").touch()
    CheckpointFolder(folder, SETTINGS).save(state(3))
    CheckpointFolder(folder, SETTINGS).remove()
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("place", ["write_arrays", "describe_file", "write_object"])
def test_a_save_that_is_interrupted_leaves_the_state_before(
    place: str, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    def stop(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    kept = CheckpointFolder(folder, SETTINGS)
    with monkeypatch.context() as patched:
        patched.setattr(module, place, stop)
        with pytest.raises(KeyboardInterrupt):
            kept.save(state(3))
    assert_same(kept.load(), state(2))
    # What the system kills leaves its partial files; the next save removes them.
    (folder / ".a.safetensors.123.partial").touch()
    (folder / ".checkpoint.json.123.partial").touch()
    kept.save(state(3))
    assert_same(kept.load(), state(3))
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"epochs": 5}, r"go on with epochs = 4, as it began, got 5\. Use the settings"),
        ({"hidden": (8,)}, r"hidden = \[8, 4\], as it began, got \[8\]"),
        ({"of": {"texts": "abd", "n": 3}}, r"of\.texts = 'abc', as it began, got 'abd'"),
        ({"of": {"texts": "abc"}}, r"of\.n = 3, as it began, got None"),
        ({"more": "x"}, "more = None, as it began, got 'x'"),
        ({"epochs": True, "rate": 1.0}, r"epochs = 4, .* got True\. 1 more settings differ\."),
    ],
)
def test_a_state_of_another_training_is_refused(other: dict[str, Any], message: str, folder: Path):
    with pytest.raises(ResumeError, match=message):
        CheckpointFolder(folder, SETTINGS | other).load()


def test_a_new_training_may_replace_it(folder: Path):
    kept = CheckpointFolder(folder, {"epochs": 9})
    kept.save(state(1))
    assert_same(kept.load(), state(1))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (lambda a: a.update(format=2), "format 1 or older"),
        (lambda a: a.update(what="anomaly-detector"), "what = 'training-checkpoint'"),
        (lambda a: a.pop("settings"), "Expected settings in"),
        (lambda a: a.pop("facts"), "Expected facts in"),
        (lambda a: a.update(facts=[]), "facts in .* an object"),
        (lambda a: a.update(arrays="../a.safetensors"), "arrays in .* one of a.safetensors, b"),
        (lambda a: a["file"].update(bytes=3), "to have 3 bytes.* Remove .* to train from the"),
        (lambda a: a["file"].update(sha256="0" * 64), "the sha256 '000"),
    ],
)
def test_a_damaged_state_is_named(how: Callable[..., object], message: str, folder: Path):
    change(folder, how)
    with pytest.raises(ArtifactError, match=message):
        CheckpointFolder(folder, SETTINGS).load()


def test_damaged_files(folder: Path):
    kept = CheckpointFolder(folder, SETTINGS)
    path = folder / "b.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ArtifactError, match="sha256"):
        kept.load()
    path.unlink()
    with pytest.raises(
        ArtifactError, match=r"b\.safetensors beside checkpoint\.json, got: No such"
    ):
        kept.load()
    path.mkdir()
    with pytest.raises(ArtifactError, match="to be a file"):
        kept.load()
    path.rmdir()
    (folder / "checkpoint.json").write_text("{")
    with pytest.raises(ArtifactError, match="readable JSON"):
        kept.load()
    # Training from the beginning needs no cleaning up by hand.
    kept.save(state(1))
    assert_same(kept.load(), state(1))


def test_what_cannot_be_kept(folder: Path):
    kept = CheckpointFolder(folder, SETTINGS)
    for facts in ({"loss": float("nan")}, {"step": {1, 2}}):
        with pytest.raises(InputError, match="Expected facts and settings that JSON can hold"):
            kept.save(TrainingState({}, facts))
    with pytest.raises(ArtifactError, match="finite numbers in x"):
        kept.save(TrainingState({"x": np.array([np.inf])}, {}))
    with pytest.raises(ArtifactError, match="x to be float32"):
        kept.save(TrainingState({"x": np.array(["a"])}, {}))
    assert_same(kept.load(), state(2))


def test_a_place_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").touch()
    kept = CheckpointFolder(tmp_path / "file" / "run", SETTINGS)
    with pytest.raises(OutputError, match="Expected to keep the training's state in .*file"):
        kept.save(state(1))
    assert kept.load() is None


@pytest.mark.skipif(
    os.name == "nt" or os.geteuid() == 0, reason="the administrator may write everywhere"
)
def test_a_state_that_cannot_be_removed(folder: Path):
    folder.chmod(0o500)
    with pytest.raises(OutputError, match="Remove the folder by hand"):
        CheckpointFolder(folder, SETTINGS).remove()
    folder.chmod(0o700)
