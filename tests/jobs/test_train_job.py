"""Whole trainings: what is written, continued, refused and measured."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_training
from tiny_training import make_plan, make_rows, shorten_head_training, write_rows, write_small_bert

from embedsvc.errors import EmbedsvcError, InputError, OutputError, ResumeError
from embedsvc.jobs.train import run_training, standing
from embedsvc.store.classifiers import load_classifier

SETTINGS = {"epochs": 3, "learning_rate": 3e-3}
HEAD = {"unfreeze": 0, "epochs": 2}
ROWS, UNSEEN = make_rows(48), make_rows(12, seed=1)
ALWAYS = ["encoder", "head.safetensors", "history.csv", "history.png", "metrics.json",
          "model.json", "report.html"]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _short():
    with pytest.MonkeyPatch.context() as patch:
        shorten_head_training(patch.setattr)
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(write_small_bert(tmp_path_factory.mktemp("models") / "small"))


@pytest.fixture
def train(tmp_path, model):
    """Train on rows; options are those of `make_plan`."""

    def run(rows=ROWS, output="model", *, on_epoch=lambda record: None, **options):
        data = write_rows(tmp_path / "in.jsonl", rows)
        for name in ("validation", "test"):
            if name in options:
                options[name] = [write_rows(tmp_path / f"{name}.jsonl", options[name])]
        options.setdefault("settings", HEAD)
        plan = make_plan(data, tmp_path / output, model=model, **options)
        return standing(plan) or run_training(plan, on_epoch=on_epoch)

    return run


@pytest.fixture(scope="module")
def whole(tmp_path_factory, model):
    """The output of a fine-tuning in one piece. Do not change it."""
    folder = tmp_path_factory.mktemp("whole")
    data = write_rows(folder / "in.jsonl", ROWS)
    plan = make_plan(data, folder / "model", model=model, settings=SETTINGS)
    return run_training(plan).output


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def weights(folder):
    return [
        (folder / name).read_bytes() for name in ("head.safetensors", "encoder/model.safetensors")
    ]


def stop_after(epoch):
    def stop(record):
        if record.epoch == epoch:
            raise KeyboardInterrupt

    return stop


def test_a_fine_tuned_folder(whole, model):
    assert names(whole) == ALWAYS and names(whole.parent) == ["in.jsonl", "model"]
    metrics = json.loads((whole / "metrics.json").read_text())
    assert (metrics["command"], metrics["task"], metrics["base_model"]) == (
        "train", "multiclass", "small",
    )  # fmt: skip
    assert (metrics["n_texts"], metrics["n_validation"], metrics["n_epochs"]) == (48, 5, 3)
    assert metrics["labels"][0] == {"label": "animal", "count": 16, "class_weight": 1.0}
    assert metrics["validation"]["n_texts"] == 5 and metrics["test"] is None
    assert metrics["data_notes"] == [] and metrics["chosen"].startswith("3 labels, one a text")
    assert metrics["chosen"] not in metrics["notes"]
    assert metrics["run"]["settings"] == SETTINGS and metrics["run"]["model"] == model
    with (whole / "history.csv").open() as file:
        epochs = list(csv.DictReader(file))
    assert [row["epoch"] for row in epochs] == ["1", "2", "3"]
    assert {"total", "data", "validation_macro_f1"} <= set(epochs[0])
    assert (whole / "history.png").read_bytes().startswith(b"\x89PNG")
    page = (whole / "report.html").read_text()
    assert "in.jsonl" in page and "the head and all 1 layers" in page
    assert json.loads((whole / "model.json").read_text())["extra"] == {"trained_on": "in.jsonl"}


def test_an_interrupted_training_goes_on(train, tmp_path, whole):
    with pytest.raises(KeyboardInterrupt, match="1 finished epoch is safe in .*to continue"):
        train(settings=SETTINGS, on_epoch=stop_after(1))
    assert names(tmp_path) == ["in.jsonl", "model.parts"]
    with pytest.raises(ResumeError, match="but epochs was 3 and is 4 now"):
        train(settings=SETTINGS | {"epochs": 4})
    with pytest.raises(ResumeError, match="the texts to learn from changed"):
        train(make_rows(47), settings=SETTINGS)
    epochs = []
    found = train(settings=SETTINGS, resume=True, on_epoch=lambda one: epochs.append(one.epoch))
    assert epochs == [2, 3]
    assert weights(found.output) == weights(whole)
    made, expected = (
        json.loads((folder / "metrics.json").read_text()) for folder in (found.output, whole)
    )
    assert made["validation"] == expected["validation"] and made["n_epochs"] == 3
    assert names(tmp_path) == ["in.jsonl", "model"]


@pytest.mark.slow
def test_a_killed_training_goes_on(tmp_path, model, whole):
    data = write_rows(tmp_path / "in.jsonl", ROWS)
    job = {"data": data, "output": str(tmp_path / "model"),
           "options": {"model": model, "settings": SETTINGS}}  # fmt: skip

    def run(**changes):
        command = [sys.executable, tiny_training.__file__, json.dumps(job | changes)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    killed = run(die_after=2)
    assert killed.returncode == -9, killed.stderr
    assert names(tmp_path) == ["in.jsonl", "model.parts"]
    again = run()
    assert again.returncode == 0, again.stderr
    assert weights(tmp_path / "model") == weights(whole)
    assert names(tmp_path) == ["in.jsonl", "model"]


def test_a_diverging_loss_keeps_the_best(train):
    found = train(settings={"epochs": 2, "learning_rate": 1e30})
    assert found.metrics["best_epoch"] == 0 and found.metrics["n_epochs"] == 1
    assert found.notes[0] == (
        "The loss was not finite in epoch 1; training stopped, and epoch 0 is kept. Lower the "
        "learning rate."
    )
    assert load_classifier(found.output).predict(["cat"]) in ["animal", "number", "sign"]


@pytest.mark.parametrize(
    "settings",
    [
        # One step an epoch: the loss is finite, and only the held-out texts tell.
        {"unfreeze": 0, "learning_rate": 1e38},
        {"validation_fraction": 0.0, "learning_rate": 1e30},
    ],
)
def test_a_loss_that_diverges_at_once_is_told(train, tmp_path, settings):
    with pytest.raises(EmbedsvcError, match="not finite in the first epoch. Lower the learning"):
        train(settings={"epochs": 2, **settings})
    assert names(tmp_path) == ["in.jsonl"]


def several(rows):
    return [
        {"text": row["text"], "label": [row["label"]][i % 4 == 3 :]} for i, row in enumerate(rows)
    ]


TASKS = {
    "binary": [row for row in ROWS if row["label"] != "sign"],
    "multiclass": ROWS,
    "multilabel": several(ROWS),
}


@pytest.mark.parametrize("task", TASKS)
def test_every_task_with_a_frozen_encoder(train, task, model):
    rows = TASKS[task]
    found = train(rows, test=rows[:9])
    metrics = found.metrics
    assert (metrics["task"], metrics["test"]["n_texts"]) == (task, 9)
    assert names(found.output) == ALWAYS
    classifier = load_classifier(found.output)
    truth = [row["label"] for row in rows[:9]]
    texts = [row["text"] for row in rows[:9]]
    assert metrics["test"]["accuracy"] == pytest.approx(classifier.score(texts, truth))
    page = (found.output / "report.html").read_text()
    assert "the head only" in page and "test.jsonl" in page
    if task == "multilabel":
        assert metrics["data_notes"][0].startswith("12 texts have no label")


def test_several_labels_fine_tuned(train):
    found = train(several(ROWS), settings=SETTINGS | {"epochs": 1})
    assert found.metrics["task"] == "multilabel"
    assert found.metrics["validation"]["average_precision"] is not None
    assert len(load_classifier(found.output).thresholds_) == 3


def test_run_again(train, tmp_path):
    first = train()
    before = {path: path.stat().st_mtime_ns for path in first.output.rglob("*")}
    second = train()
    assert second.stood_already and not first.stood_already
    assert second.lines() == first.lines() and second.metrics == first.metrics
    for options, cause in (
        ({"settings": HEAD | {"dropout": 0.5}}, "dropout was not given and is 0.5 now"),
        ({"task": "multilabel"}, "task was 'multiclass' and is 'multilabel' now"),
        ({"test": UNSEEN}, "the test texts changed"),
        ({"validation": UNSEEN}, "the validation texts changed"),
        ({"rows": ROWS[:-1]}, "the texts to learn from changed"),
        ({"class_weight": "balanced"}, "class weight was not given"),
    ):
        with pytest.raises(ResumeError, match=f"but {cause}.*add --overwrite"):
            train(**options)
    assert {path: path.stat().st_mtime_ns for path in first.output.rglob("*")} == before
    other = train(ROWS[:-1], overwrite=True)
    assert other.metrics["n_texts"] == 47 and not other.stood_already
    assert names(other.output) == ALWAYS and not (tmp_path / "model.parts").exists()


def test_the_pretrained_model_is_part_of_it(train, model):
    train()
    changed = Path(model) / "README.md"
    changed.write_text("new")
    try:
        with pytest.raises(ResumeError, match="but the model changed"):
            train()
    finally:
        changed.unlink()


def test_nothing_to_resume(train, tmp_path):
    with pytest.raises(ResumeError, match="a training to continue in .*model.parts, got none"):
        train(resume=True)
    assert names(tmp_path) == ["in.jsonl"]
    with pytest.raises(KeyboardInterrupt, match="begin anew: nothing was finished yet"):
        train(on_epoch=stop_after(1))
    assert names(tmp_path) == ["in.jsonl"]


def test_validation_and_test_files(train):
    found = train(validation=UNSEEN, test=UNSEEN + ROWS[:2])
    assert found.metrics["n_texts"] == 60 and found.metrics["n_validation"] == 12
    assert found.metrics["validation"]["n_texts"] == 12
    assert found.metrics["test"]["n_texts"] == 14
    assert [line.split(":")[0] for line in found.lines()[1:]] == [
        "On 12 held-out texts", "On 14 test texts",
    ]  # fmt: skip
    assert "test texts are also among those learned" in found.metrics["data_notes"][-1]


def test_weights_of_labels_and_texts(train, tmp_path):
    path = tmp_path / "weights.json"
    path.write_text('{"sign": 5, "animal": 0.5}')
    rows = [row | {"w": i % 2} for i, row in enumerate(ROWS)]
    found = train(rows, class_weight=str(path), weight="w")
    assert [one["class_weight"] for one in found.metrics["labels"]] == [0.5, 1.0, 5.0]
    balanced = train(ROWS[:40] + ROWS[:1] * 8, "balanced", class_weight="balanced")
    counts = [one["count"] for one in balanced.metrics["labels"]]
    expected = [48 / (3 * count) for count in counts]
    assert [one["class_weight"] for one in balanced.metrics["labels"]] == pytest.approx(expected)


def test_defects_are_listed(train):
    rows = [*ROWS, {"text": None, "label": "sign"}, {"text": "x", "label": ""}]
    with pytest.raises(InputError, match="in.jsonl, line 49"):
        train(rows)
    found = train(rows, on_error="skip", test=[*UNSEEN, {"text": "new", "label": "sing"}])
    told = (found.output / "rejects.jsonl").read_text().splitlines()
    lines = [json.loads(line) for line in told]
    assert [line["where"] for line in lines] == [
        "in.jsonl, line 49", "in.jsonl, line 50", "test.jsonl, line 13",
    ]  # fmt: skip
    assert "Did you mean 'sign'?" in lines[-1]["reason"]
    assert found.metrics["data_notes"] == ["3 rows with a defect left out; rejects.jsonl says why."]


def test_few_texts(train):
    found = train([{"text": "cat", "label": "a"}, {"text": "1 2", "label": "b"}])
    assert found.metrics["validation"] is None and len(found.lines()) == 1
    assert "nothing was measured" in found.notes[-1]
    assert "2 labels with a single text" in found.metrics["data_notes"][0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"unfreeze": 7}, "small: Expected unfreeze to be 'all' or at most 1"),
        ({"max_tokens": 99}, "small: Expected max_tokens from 3 to 32"),
        ({**HEAD, "activity_penalties": {"layer_9": "l2:1"}}, "small: .*got 'layer_9'"),
    ],
)
def test_settings_that_the_model_cannot_take(train, tmp_path, settings, message):
    with pytest.raises(InputError, match=message):
        train(settings=settings)
    assert names(tmp_path) == ["in.jsonl"]


def test_one_training_at_a_time(train):
    def again(record):
        with pytest.raises(ResumeError, match="another process is writing to it"):
            train()

    assert names(train(on_epoch=again).output) == ALWAYS


def test_a_full_disk(train, tmp_path, monkeypatch):
    from embedsvc.jobs import train as job

    def full(path, metrics):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OutputError, match="No space left"):
        patch.setattr(job, "write_metrics", full)
        train()
    assert names(tmp_path) == ["in.jsonl"]
