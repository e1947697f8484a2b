"""Whole trainings on pairs and pictures: what is written, continued and refused."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
import tiny_pair_training
from tiny_pair_training import (
    OPTIONS,
    SETTINGS,
    draw_photos,
    draw_texture,
    fake_training,
    write_packed,
)

from embedsvc.errors import EmbedsvcError, InputError, OutputError, ResumeError
from embedsvc.images.decode import decode_image
from embedsvc.jobs import train_pairs_model
from embedsvc.jobs.train_pairs import run_pair_training, standing
from embedsvc.jobs.train_pairs_options import PairTrainOptions
from embedsvc.jobs.train_pairs_plan import plan_pair_training
from embedsvc.store.descriptors import load_descriptor, read_descriptor_about

WHOLE = ["curve.png", "history.csv", "matches.png", "metrics.json", "model.json", "report.html",
         "weights.safetensors"]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _fakes():
    with pytest.MonkeyPatch.context() as patch:
        fake_training(patch.setattr)
        yield


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return draw_photos(tmp_path_factory.mktemp("photos") / "photos")


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packed")
    return write_packed(folder / "packed", {"a": 2, "b": 3, "c": 1})


def make_plan(data, output, *, test=None, settings=SETTINGS, **options):
    options = PairTrainOptions(settings, **options)
    return plan_pair_training([str(data)], output, options=options, test=test)


def train(data, output, *, on_epoch=lambda record: None, **options):
    plan = make_plan(data, output, **options)
    return standing(plan) or run_pair_training(plan, on_epoch=on_epoch)


@pytest.fixture(scope="module")
def whole(photos, tmp_path_factory):
    """What a training on pictures in one piece gives. Do not change it."""
    return train(photos, tmp_path_factory.mktemp("whole") / "model")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def weights(output):
    return (output / "weights.safetensors").read_bytes()


def stop(record):
    raise KeyboardInterrupt


def test_a_folder_from_pictures(whole, photos):
    assert names(whole.output) == WHOLE and names(whole.output.parent) == ["model"]
    metrics = json.loads((whole.output / "metrics.json").read_text())
    assert (metrics["command"], metrics["n_epochs"], metrics["n_validation"]) == (
        "train-pairs", 2, 20,
    )  # fmt: skip
    assert metrics["pictures_to_learn_from"] == 3 and len(metrics["pictures_held_out"]) == 1
    assert metrics["pictures_held_out"][0] in names(photos)
    assert metrics["measured_on"] == "validation" and metrics["run"]["settings"] == SETTINGS
    measured = {one["model"]: one["accuracy_5px"] for one in metrics["measured"]["models"]}
    assert list(measured) == ["trained descriptor", "small", "raw"]
    with (whole.output / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert {"total", "validation_accuracy_5px"} <= set(rows[0])
    page = (whole.output / "report.html").read_text()
    assert "1 picture held out" in page and "64 x 64 px, 24 points" in page
    about = read_descriptor_about(whole.output)
    assert about["extra"] == {"trained_on": str(photos)}


def test_the_folder_is_a_saved_descriptor(whole):
    loaded = load_descriptor(whole.output)
    assert loaded.get_params()["dim"] == 8 and loaded.best_epoch_ == 2
    learned = loaded.network_.head.get_weights()[-1]
    assert learned == pytest.approx(0.3)


def test_what_stands_is_left_alone(whole, photos):
    before = {path: path.stat().st_mtime_ns for path in whole.output.iterdir()}
    again = train(photos, whole.output)
    assert again.stood_already and again.lines() == whole.lines()
    assert before == {path: path.stat().st_mtime_ns for path in whole.output.iterdir()}
    with pytest.raises(ResumeError, match="but epochs was 2 and is 3 now.*--overwrite"):
        train(photos, whole.output, settings=SETTINGS | {"epochs": 3})
    with pytest.raises(ResumeError, match="but the pictures to learn from changed"):
        train(photos / "[012].png", whole.output)


def test_an_interrupted_training_goes_on(whole, photos, tmp_path):
    output = tmp_path / "model"
    with pytest.raises(KeyboardInterrupt, match="1 finished epoch is safe in .*to continue"):
        train(photos, output, on_epoch=stop)
    assert names(tmp_path) == ["model.parts"]
    with pytest.raises(ResumeError, match="but validation was 0.2 and is 0.5 now"):
        train(photos, output, validation=0.5)
    with pytest.raises(ResumeError, match="dim was 8 and is 9 now"):
        train(photos, output, settings=SETTINGS | {"dim": 9}, resume=True)
    epochs = []
    found = train(photos, output, resume=True, on_epoch=lambda one: epochs.append(one.epoch))
    assert epochs == [2] and names(tmp_path) == ["model"]
    assert weights(found.output) == weights(whole.output)
    measured = [one.metrics["measured"]["models"] for one in (found, whole)]
    for one in (*measured[0], *measured[1]):
        del one["ms_per_image"], one["sequences"]
    assert measured[0] == measured[1]


def test_packed_pairs_and_a_test(packed, tmp_path):
    test = write_packed(tmp_path / "test" / "packed", {"z": 2})
    found = train(packed, tmp_path / "model", test=test, settings=SETTINGS | {"loss": "triplet"})
    assert names(found.output) == WHOLE
    metrics = found.metrics
    assert metrics["sequences_to_learn_from"] == 2 and metrics["measured_on"] == "test"
    assert metrics["measured"]["sequences"] == {"z": 2}
    assert "On 2 pairs of 1 sequence to test with:" in found.lines()
    with pytest.raises(ResumeError, match="the test pairs changed"):
        train(packed, found.output, settings=SETTINGS | {"loss": "triplet"})
    one = train(packed, found.output, overwrite=True, settings=SETTINGS | {"epochs": 0})
    assert one.metrics["measured_on"] == "validation" and one.metrics["n_epochs"] == 0
    assert one.lines()[0] == "No epoch: the best projection in closed form."
    assert names(found.output) == [name for name in WHOLE if name != "curve.png"]


def test_nothing_to_measure_on(photos, tmp_path):
    draw_texture(tmp_path / "tiny" / "a.png", 0, (20, 20))
    draw_texture(tmp_path / "tiny" / "b.png", 1)
    plain = {"epochs": 1, "steps_per_epoch": 1}
    found = train(tmp_path / "tiny", tmp_path / "model", on_error="skip", settings=SETTINGS | plain)
    assert found.report is None and found.metrics["notes"] == []
    assert found.lines()[0].endswith(", the last is kept.")
    (line,) = (found.output / "rejects.jsonl").read_text().splitlines()
    assert json.loads(line)["name"] == "a.png"
    assert {"matches.png", "report.html"}.isdisjoint(names(found.output))


def test_the_disk_is_full(photos, tmp_path, monkeypatch):
    def fit(self, *arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(train_pairs_model.PointDescriptor, "fit", fit)
    with pytest.raises(OutputError, match="write the descriptor, but the disk is full. Make room"):
        train(photos, tmp_path / "model")
    assert names(tmp_path) == []
    with pytest.raises(ResumeError, match=r"in .*model\.parts, got none\. Leave --resume out"):
        train(photos, tmp_path / "model", resume=True)


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("NotFoundError", InputError, "stay as they were .* got: a.png. Run the same command"),
        ("ResourceExhaustedError", EmbedsvcError, "memory for a batch, got: a.png. Lower --batch"),
    ],
)
def test_tensorflow_gives_up(photos, tmp_path, monkeypatch, kind, error, message):
    import tensorflow as tf

    def fit(self, *arguments, **options):
        raise getattr(tf.errors, kind)(None, None, "a.png.\n\t [[node]]")

    monkeypatch.setattr(train_pairs_model.PointDescriptor, "fit", fit)
    with pytest.raises(error, match=message):
        train(photos, tmp_path / "model")
    assert names(tmp_path) == []


@pytest.mark.slow
def test_a_killed_command_goes_on(photos, tmp_path):
    def run(die_after, output):
        arguments = ["train-pairs", str(photos), "-o", output, *OPTIONS]
        command = [sys.executable, tiny_pair_training.__file__, str(die_after), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    killed = run(1, "model")
    assert killed.returncode == -9, killed.stderr
    assert names(tmp_path) == ["model.parts"] and "Epoch 1" not in killed.stderr
    again = run(0, "model")
    assert again.returncode == 0, again.stderr
    assert "Continuing after epoch 1 of the run before." in again.stderr
    assert "Epoch 2: loss" in again.stderr and "accuracy 5px" in again.stderr
    assert again.stdout.splitlines()[-1] == "Report: model/report.html"
    assert names(tmp_path) == ["model"] and names(tmp_path / "model") == WHOLE
    assert run(0, "whole").returncode == 0
    assert weights(tmp_path / "model") == weights(tmp_path / "whole")
    image = decode_image(photos / "0.png")
    found = load_descriptor(tmp_path / "model").describe(image, np.array([[10, 20], [30, 40.5]]))
    assert found.shape == (2, 8) and np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
