"""The folder of a classifier: whose it is, and whether it is complete."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from embedsvc.errors import OutputError, ResumeError
from embedsvc.jobs.train_output import (
    METRICS,
    NAMES,
    check_output,
    checkpoint_folder,
    difference,
    finished,
    parts_of,
    write_metrics,
)

RUN = {"command": "train", "labels": ["a", "b"], "settings": {"epochs": 2}}


@pytest.fixture
def output(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    return folder


def test_places_that_may_be_used(output):
    check_output(output / "new")
    check_output(output)
    for name in NAMES:
        (output / name).touch()
    check_output(output)


@pytest.mark.parametrize(
    ("names", "place", "message"),
    [
        (["thesis.docx"], "", "got a folder with thesis.docx"),
        (["model.json", "b", "a"], "", "got a folder with a, b"),
        (["metrics.json"], "", "folder with metrics.json"),
        (["file.txt"], "file.txt", "got the file .*file.txt"),
        ([], "x" * 300, "File name too long"),
    ],
)
def test_places_that_hold_something_else(output, names, place, message):
    for name in names:
        (output / name).touch()
    with pytest.raises(OutputError, match=f"{message}.*Choose another output"):
        check_output(output / place)
    assert sorted(path.name for path in output.iterdir()) == sorted(names)


def test_where_the_state_is_kept(output):
    assert parts_of(output) == output.with_name("model.parts")
    assert checkpoint_folder(output) == output.with_name("model.parts") / "checkpoint"
    assert parts_of(Path()) == Path.cwd().with_name(f"{Path.cwd().name}.parts")


def test_finished(output):
    assert finished(output, RUN) is None
    metrics = {"command": "train", "run": RUN, "n_epochs": 2}
    write_metrics(output / METRICS, metrics)
    assert finished(output, RUN) is None
    (output / "model.json").touch()
    assert finished(output, RUN) == metrics
    with pytest.raises(ResumeError, match="but epochs was 2 and is 3 now.*add --overwrite"):
        finished(output, {**RUN, "settings": {"epochs": 3}})


@pytest.mark.parametrize(
    "content", [None, "{", "[]", "{}", '{"command": "predict", "run": {}}', '{"command": "train"}']
)
def test_a_classifier_that_came_another_way(output, content):
    (output / "model.json").touch()
    if content is not None:
        (output / METRICS).write_text(content)
    with pytest.raises(ResumeError, match="but it was not made by embedsvc train"):
        finished(output, RUN)


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ({}, {}, None),
        ({"model_sha256": "1"}, {"model_sha256": "2"}, "the model changed"),
        ({}, {"test_texts_sha256": "2"}, "the test texts changed"),
        ({"class_weight": None}, {"class_weight": "balanced"},
         "class weight was not given and is 'balanced' now"),
        ({"settings": {"a": 1, "b": 2}}, {"settings": {"a": 1}}, "b was 2 and is not given now"),
        ({"class_weight": {"a": 1}}, {"class_weight": None},
         "class weight was {'a': 1} and is not given now"),
        ({"labels": ["a" * 99]}, {"labels": []}, f"labels was ['{'a' * 55}... and is [] now"),
    ],
)  # fmt: skip
def test_difference(before, now, told):
    assert difference(before, now) == told


def test_metrics_are_json(tmp_path):
    metrics = {"loss": math.nan, "count": np.int64(3), "all": np.array([1.5, math.inf])}
    write_metrics(tmp_path / METRICS, metrics)
    found = json.loads((tmp_path / METRICS).read_text())
    assert found == {"loss": None, "count": 3, "all": [1.5, None]}
