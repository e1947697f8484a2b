"""`embedsvc train`: what it prints, what it refuses, and where its options go."""

import json
import subprocess
import sys

import click
import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from tiny_training import make_rows, shorten_head_training, write_rows, write_small_bert

from embedsvc.cli.main import main
from embedsvc.cli.train import train
from embedsvc.jobs import train as job
from embedsvc.jobs.train_result import TrainResult

ROWS = make_rows(48)
HEAD = ("--freeze", "encoder", "--epochs", "2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model, small/, and texts to train it on, data.jsonl."""
    path = tmp_path_factory.mktemp("train")
    write_small_bert(path / "small")
    write_rows(path / "data.jsonl", ROWS)
    return path


def run(*arguments, exit_code=0):
    result = CliRunner().invoke(main, [str(one) for one in arguments])
    assert result.exit_code == exit_code, (result.output, result.exception)
    assert "Traceback" not in result.output
    return result


@pytest.fixture
def start(folder, tmp_path, monkeypatch):
    """Train a head in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def head(rows, *arguments, output="model", **options):
        write_rows(tmp_path / "in.jsonl", rows)
        return run("train", "in.jsonl", "--model", folder / "small", "-o", output, *HEAD,
                   *arguments, **options)  # fmt: skip

    return head


# From the first text to the last vector

SETTINGS = {
    "pooling": ("--pooling", "mean", "mean"),
    "max_tokens": ("--max-tokens", "12", 12),
    "dropout": ("--dropout", "0.25", 0.25),
    "loss": ("--loss", "focal", "focal"),
    "focal_gamma": ("--focal-gamma", "1.5", 1.5),
    "weight_penalty": ("--weight-penalty", "l1l2:1e-6,1e-5", "l1l2:1e-6,1e-5"),
    "weight_decay": ("--weight-decay", "0.02", 0.02),
    "epochs": ("--epochs", "3", 3),
    "batch_size": ("--batch-size", "16", 16),
    "learning_rate": ("--learning-rate", "0.004", 0.004),
    "warmup": ("--warmup", "0.2", 0.2),
    "validation_fraction": ("--validation-fraction", "0.25", 0.25),
    "patience": ("--patience", "3", 3),
    "seed": ("--seed", "7", 7),
    "unfreeze": ("--unfreeze", "1", 1),
    "hidden": ("--hidden", "6,5", [6, 5]),
    "activity_penalties": ("--activity-penalty", "layer_0=l2:1e-5", {"layer_0": "l2:1e-5"}),
}


@pytest.fixture(scope="module")
def fine_tuned(folder):
    """What the command prints when every setting is given, and the folder it makes."""
    output = folder / "tuned"
    test = write_rows(folder / "test.jsonl", make_rows(9, seed=3))
    options = [part for option, value, _ in SETTINGS.values() for part in (option, value)]
    with pytest.MonkeyPatch.context() as patch:
        shorten_head_training(patch.setattr)
        result = run("train", folder / "data.jsonl", "--model", folder / "small", "-o", output,
                     "--test", test, "--class-weight", "balanced", *options)  # fmt: skip
    return result, output


def test_every_setting_reaches_the_classifier(fine_tuned):
    from embedsvc.jobs.train_options import SETTINGS as ALL

    # These are for Python alone.
    assert set(ALL) - set(SETTINGS) == {"normalize", "clip_norm"}
    expected = {name: value for name, (_, _, value) in SETTINGS.items()}
    _, output = fine_tuned
    metrics = json.loads((output / "metrics.json").read_text())
    assert metrics["run"]["settings"] == expected
    about = json.loads((output / "model.json").read_text())["settings"]
    assert {name: about[name] for name in expected} == expected
    assert (about["task"], about["class_weight"]) == ("multiclass", "balanced")


def test_what_is_told(fine_tuned):
    result, output = fine_tuned
    out = result.stdout.splitlines()
    assert out[0].startswith("3 epochs in ")
    assert out[1].startswith("On 12 held-out texts: accuracy ") and "macro-F1" in out[1]
    assert out[2].startswith("On 9 test texts: accuracy ")
    assert out[3:] == [f"Report: {output / 'report.html'}"]
    err = result.stderr.splitlines()
    assert err[0] == "48 texts to learn from, 9 test texts."
    assert err[1].startswith('3 labels, one a text: task "multiclass"')
    assert err[2] == "Labels: animal 16 (33.3 %), number 16 (33.3 %), sign 16 (33.3 %)."
    assert "Measuring and saving." in err
    assert any(line.startswith("Epoch 1: loss ") and "macro f1" in line for line in err)


def test_predict_and_extract_use_it(fine_tuned, folder, tmp_path):
    from embedsvc.store.classifiers import load_classifier

    _, output = fine_tuned
    classifier = load_classifier(output)
    texts = [row["text"] for row in ROWS]
    predicted = run("predict", output, folder / "data.jsonl", "--label", "label",
                    "-o", tmp_path / "out.parquet")  # fmt: skip
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["label"].to_pylist() == classifier.predict(texts).tolist()
    assert table["true_label"].to_pylist() == [row["label"] for row in ROWS]
    assert predicted.stdout.startswith("48 texts measured: accuracy ")
    run("extract", folder / "data.jsonl", "--model", output, "-o", tmp_path / "vectors.npy")
    vectors = np.load(tmp_path / "vectors.npy")
    np.testing.assert_allclose(vectors, classifier.embed(texts), atol=1e-6)


# Notes and silence


def test_quiet_prints_nothing(start):
    assert start(ROWS[:12], "--quiet").output == ""
    assert start(ROWS[:12], "--quiet").output == ""


def test_run_again(start):
    first = start(ROWS)
    again = start(ROWS)
    assert again.stdout == first.stdout
    assert "model is already complete: nothing to do." in again.stderr
    refused = start(ROWS, "--seed", "3", exit_code=5)
    assert refused.stderr.splitlines()[-1].startswith("Error: Expected model not to exist")
    assert "48 texts" in start(ROWS, "--seed", "3", "--overwrite").stderr


def test_notes_about_the_training(start):
    rows = [*ROWS[:7], {"text": "cat " * 40, "label": "animal"}]
    result = start(rows)
    assert "Note: 1 of 8 texts have more than 32 tokens" in result.stderr
    assert "Note: No texts were held out: the last epoch is kept" in result.stderr
    assert "Note" not in result.stdout


@pytest.fixture
def planned(monkeypatch):
    """The plans of trainings, none of which is run."""
    plans = []

    def run_training(plan, **options):
        plans.append(plan)
        nothing = dict.fromkeys(("best_epoch", "seconds", "validation", "test"))
        return TrainResult(plan.output, nothing | {"n_epochs": 1})

    monkeypatch.setattr(job, "run_training", run_training)
    return plans


@pytest.mark.usefixtures("planned")
@pytest.mark.parametrize(
    ("rows", "arguments", "note"),
    [
        ([*ROWS, {"text": "new", "label": "alone"}], (),
         "Note: 1 label with a single text (alone): learned from, but not measured."),
        ([{"text": row["text"], "a": i % 2, "b": int(i % 3 == 0)} for i, row in enumerate(ROWS)],
         ("--label", "a,b"), "Note: 16 texts have no label: they teach that none applies."),
        ([row | {"label": "a;b" if i % 2 else "ab"[i % 4 // 2]} for i, row in enumerate(ROWS)], (),
         "Note: Labels such as 'a;b' look like several labels at once."),
        (ROWS[:30] + ROWS[:1] * 60, (), "Note: The most frequent label has 7 times as many"),
        ([*ROWS, {"text": "bad", "label": None}], ("--on-error", "skip"),
         "Note: 1 row with a defect left out; rejects.jsonl says why."),
        (ROWS, ("--test", "in.jsonl"), "Note: 48 test texts are also among those learned from"),
        ([row | {"label": "a\x1b[2J" if i else "b"} for i, row in enumerate(ROWS)], (),
         r"Labels: a\x1b[2J 47 (97.9 %), b 1 (2.1 %)."),
    ],
)  # fmt: skip
def test_notes_about_the_data(start, rows, arguments, note):
    result = start(rows, *arguments)
    assert note in result.stderr and "\x1b" not in result.output
    assert len(result.stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--task", "multilabel"), ["a", "b"]),
        (("--label-separator", "|"), ["a", "a,b", "b"]),
        (("--column", "other", "--task", "multiclass"), ["a", "a,b", "b", "b|a"]),
    ],
)
def test_labels_are_read_as_asked(start, planned, arguments, expected):
    labels = ["a", "b", "a,b", "b,a" if "multilabel" in arguments else "b|a"]
    start([{"text": "x", "other": "y", "label": one} for one in labels * 9], *arguments)
    assert planned[0].names == expected
    assert set(planned[0].training.texts) == {"y" if "other" in arguments else "x"}


def test_weights_formats_and_wishes(start, planned, tmp_path):
    (tmp_path / "w.csv").write_text("label,weight\nsign,4\n")
    rows = [row | {"w": i} for i, row in enumerate(ROWS)]
    start(rows, "--class-weight", "w.csv", "--sample-weight", "w")
    (tmp_path / "semi").write_bytes("text\tlabel\nné\ta\nx\tb\n".encode("latin-1"))
    arguments = ("semi", "--format", "tsv", "--encoding", "latin-1", "-o", "other")
    run("train", *arguments, "--validation", "in.jsonl", "--on-error", "skip", exit_code=3)
    run("train", *arguments)
    first, second = planned
    assert first.class_weight == {"sign": 4} and first.training.weights.tolist() == [*range(48)]
    assert second.training.texts == ["né", "x"] and second.options.model == "minilm"
    assert second.class_weight is None and second.options.settings == {}


def test_a_stopped_training_tells_how_to_go_on(start, monkeypatch):
    from embedsvc.classify.classifier import TextClassifier

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(TextClassifier, "fit", stop)
    assert start(ROWS, exit_code=130).stderr.endswith(
        "Interrupted. Run the same command again to begin anew: nothing was finished yet.\n"
    )


# Mistakes

_TWO = "text,label\nx,spam\ny,ham\n"
FILES = {
    "two.csv": _TWO,
    "one.csv": "text,label\nx,spam\ny,spam\n",
    "unknown.csv": "text,label\nx,spam\ny,spma\n",
    "null.jsonl": '{"text": "x", "label": "a"}\n{"text": null, "label": "b"}\n',
    "nan.csv": "text,label,w\nx,spam,1\ny,ham,nan\n",
    "negative.csv": "text,label,w\nx,spam,-1\ny,ham,1\n",
    "words.csv": "text,label,w\nx,spam,1\ny,ham,lots\n",
    "zero.csv": "text,label,w\nx,spam,0\ny,ham,0\n",
    "no-labels.csv": "text,a,b\nx,0,0\ny,0,0\n",
    "twice.csv": "text,label,label\nx,spam,ham\ny,ham,ham\n",
    "typo.csv": "text,lable\nx,spam\ny,ham\n",
    "empty.csv": "",
    "header.csv": "text,label\n",
    "free.csv": "text,label\n" + "".join(f"x,own {i}\n" for i in range(60)),
    "weights.json": '{"spma": 2}',
    "full/thesis.txt": "years of work",
}

MISTAKES = [
    (["one.csv"], "InputError", ["at least two labels", "got only 'spam' for all 2 texts"]),
    (["two.csv", "--test", "unknown.csv"], "InputError",
     ["unknown.csv, line 3", "got 'spma'", "Did you mean 'spam'?", "--on-error skip"]),
    (["two.csv", "--validation", "unknown.csv"], "InputError", ["unknown.csv, line 3", "'spma'"]),
    (["null.jsonl"], "InputError", ["null.jsonl, line 2", "the text is null"]),
    (["nan.csv", "--sample-weight", "w"], "InputError", ["nan.csv, line 3", "got 'nan'"]),
    (["negative.csv", "--sample-weight", "w"], "InputError", ["line 2", "got '-1'"]),
    (["words.csv", "--sample-weight", "w"], "InputError", ["line 3", "got 'lots'"]),
    (["zero.csv", "--sample-weight", "w"], "InputError", ["a weight above 0 for some text"]),
    (["two.csv", "--sample-weight", "w"], "InputError", ["a column 'w'", "Pass --sample-weight"]),
    (["no-labels.csv", "--label", "a,b"], "InputError", ["got 0 in all rows of a, b"]),
    (["twice.csv"], "InputError", ["one column 'label', got 2 of that name"]),
    (["typo.csv"], "InputError", ["a column 'label'", "Did you mean 'lable'", "Pass --label"]),
    (["two.csv", "--label", "label,label"], "InputError", ["Name each once"]),
    (["two.csv", "--label", "text"], "InputError", ["--label and --column, got 'text' as both"]),
    (["empty.csv"], "InputError", ["empty.csv"]),
    (["header.csv"], "InputError", ["header.csv", "at least one row"]),
    (["free.csv"], "InputError", ["nearly every text has its own"]),
    (["none.csv"], "InputError", ["none.csv"]),
    (["two.csv", "--freeze", "encoder", "--unfreeze", "1"], "InputError",
     ["--freeze encoder or --unfreeze, got both"]),
    (["two.csv", "--unfreeze", "some"], "InputError", ["got 'some'", "--freeze encoder"]),
    (["two.csv", "--weight-penalty", "l3:1"], "InputError", ["got 'l3:1'", "such as l2:1e-4"]),
    (["two.csv", "--activity-penalty", "l2:1"], "InputError", ["Name a layer"]),
    (["two.csv", "--hidden", "64;32"], "InputError", ["got '64;32'", "such as 256 or 256,128"]),
    (["two.csv", "--validation", "two.csv", "--validation-fraction", "0.2"], "InputError",
     ["--validation or --validation-fraction, got both"]),
    (["two.csv", "--focal-gamma", "3"], "InputError", ["Add --loss focal"]),
    (["two.csv", "--task", "multilabel", "--label-separator", " "], "InputError", ["not blank"]),
    (["two.csv", "--class-weight", "heavy"], "InputError", ["got 'heavy', which is no file"]),
    (["two.csv", "--class-weight", "weights.json"], "InputError",
     ["weights.json", "Did you mean 'spam'?"]),
    (["two.csv", "--resume", "--overwrite"], "InputError", ["resume or overwrite, got both"]),
    (["two.csv", "--resume"], "ResumeError", ["a training to continue", "Leave --resume out"]),
    (["two.csv", "-o", "two.csv"], "OutputError", ["got the file two.csv"]),
    (["two.csv", "-o", "full"], "OutputError", ["a folder with thesis.txt", "another output"]),
    (["two.csv", "--model", "efficientnet-lite0"], "ArtifactError", ["is for images"]),
    (["two.csv", "--model", "keras:EfficientNetB0"], "ArtifactError", ["is for images"]),
    (["two.csv", "--model", "minilmm"], "ArtifactError", ["Did you mean 'minilm'"]),
]  # fmt: skip

# One process makes all of the mistakes, as it takes a second to begin.
_MISTAKEN = """
import json, sys
from click.testing import CliRunner
from embedsvc.cli.train import train
# What needs it would fail instead of training for a minute.
sys.modules["tensorflow"] = sys.modules["keras"] = None
found = []
for arguments in json.loads(sys.argv[1]):
    result = CliRunner().invoke(train, arguments)
    found.append([type(result.exception).__name__, str(result.exception), result.output])
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def mistaken(tmp_path_factory):
    """The class and the words of each mistake's error, and what was printed before it."""
    path = tmp_path_factory.mktemp("mistakes")
    for name, content in FILES.items():
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_text(content)
    runs = [one if "-o" in one else [*one, "-o", "model"] for one, _, _ in MISTAKES]
    command = [sys.executable, "-c", _MISTAKEN, json.dumps(runs)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=path, check=True)
    left = {str(one.relative_to(path)) for one in path.rglob("*") if one.is_file()}
    assert left == set(FILES)
    return json.loads(done.stdout)


@pytest.mark.parametrize("number", range(len(MISTAKES)), ids=lambda n: " ".join(MISTAKES[n][0]))
def test_mistakes_are_told_without_tensorflow(mistaken, number):
    _, expected, words = MISTAKES[number]
    error, message, printed = mistaken[number]
    assert error == expected, message
    for one in words:
        assert one in message
    assert "Traceback" not in printed


def test_mistakes_are_one_line_and_a_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.csv").write_text(FILES["one.csv"])
    result = run("train", "one.csv", "-o", "model", exit_code=3)
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: Expected at least two labels to tell apart")
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument 'DATA...'"),
        (["a.csv"], "Missing option '-o'"),
        (["a.csv", "-o", "m", "--task", "regression"], "'multiclass', 'multilabel'"),
        (["a.csv", "-o", "m", "--dropout", "1"], "is not in the range"),
        (["a.csv", "-o", "m", "--epochs", "0"], "is not in the range"),
        (["a.csv", "-o", "m", "--learning-rate", "0"], "is not in the range"),
        (["a.csv", "-o", "m", "--freeze", "head"], "is not 'encoder'"),
        (["a.csv", "-o", "m", "--epoch", "3"], "Did you mean"),
    ],
)
def test_wrong_usage_has_exit_code_2(arguments, message):
    assert message in run("train", *arguments, exit_code=2).output


def test_help_needs_no_tensorflow():
    code = (
        "import sys; from click.testing import CliRunner; from embedsvc.cli.train import train; "
        "print(CliRunner().invoke(train, ['--help']).output); "
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("  embedsvc train ") == 4
    assert all(option in done.stdout for option, _, _ in SETTINGS.values())


def test_every_option_is_described():
    options = [one for one in train.params if isinstance(one, click.Option)]
    assert len(options) > 30 and all(one.help for one in options)
