"""`embedsvc predict`: what it prints, and what it refuses before anything is loaded."""

import json
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from fake_classifier import FakeClassifier, write_model

from embedsvc.cli.main import main

ROWS = [{"key": f"k{i}", "text": f"text number {i}", "label": "abc"[i % 3]} for i in range(30)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write_model(tmp_path / "model")
    write_model(tmp_path / "two", "binary", ["no", "yes"])
    write_model(tmp_path / "many", "multilabel", ["a", "b"])
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def invoke(folder, monkeypatch):
    """Run the command in this process, with a fake classifier of the model's task."""

    def load_classifier(path):
        about = json.loads((path / "model.json").read_text())
        return FakeClassifier(about["task"], len(about["labels"]))

    # Only what the command itself asks for; the module would import TensorFlow.
    store = type(sys)("embedsvc.store.classifiers")
    store.load_classifier = load_classifier
    monkeypatch.setitem(sys.modules, "embedsvc.store.classifiers", store)

    def run(*arguments, exit_code=0, stdin=None):
        result = CliRunner().invoke(main, ["predict", *arguments], input=stdin)
        assert result.exit_code == exit_code, (result.output, result.exception)
        assert "Traceback" not in result.output
        return result

    return run


def test_the_last_lines(invoke):
    result = invoke("model", "in.jsonl", "-o", "out.csv")
    assert result.stdout == ""
    assert result.stderr.startswith("out.csv: 30 texts, 0 rejects, ")
    again = invoke("model", "in.jsonl", "-o", "out.csv")
    assert again.stderr == "out.csv is already complete: nothing to do.\n"
    refused = invoke("model", "in.jsonl", "-o", "out.csv", "--top", "2", exit_code=5)
    assert "add --overwrite to replace it" in refused.stderr
    assert invoke("model", "in.jsonl", "-o", "out.csv", "--top", "2", "--overwrite").stdout == ""


def test_figures_with_true_labels(invoke, folder):
    (folder / "odd.jsonl").write_text(
        "".join(
            json.dumps(row) + "\n"
            for row in [*ROWS, {"text": "x", "label": "zebra\x1b"}, {"text": "y", "label": None}]
        )
    )
    result = invoke("model", "odd.jsonl", "--label", "label", "-o", "out.csv")
    metrics = json.loads((folder / "out.csv.metrics.json").read_text())
    first, second = result.stdout.splitlines()
    assert first.startswith(f"30 texts measured: accuracy {metrics['accuracy']:.4f}, macro-F1")
    assert second == "Metrics: out.csv.metrics.json"
    assert "Note: 1 text is not measured: the classifier never learned" in result.stderr
    assert "Note: 1 text is not measured: no true label." in result.stderr
    assert "\x1b" not in result.output
    again = invoke("model", "odd.jsonl", "--label", "label", "-o", "out.csv")
    assert again.stdout == result.stdout


def test_what_else_is_told(invoke, folder):
    lines = ['{"text": ""}', '{"text": "one two three four five"}', '{"text": 7}']
    (folder / "odd.jsonl").write_text("\n".join(lines))
    result = invoke("model", "odd.jsonl", "-o", "out.csv", "--on-error", "skip")
    first, second, third = result.stderr.splitlines()
    assert first.startswith("out.csv: 2 texts, 1 empty, 1 rejects, ")
    assert second.startswith("1 texts are longer than 4 tokens")
    assert third == "The rejects are in out.csv.rejects.jsonl."
    quiet = ("model", "in.jsonl", "-o", "other.csv", "--label", "label", "--quiet")
    assert invoke(*quiet).output == ""


def test_options_reach_the_output(invoke, folder):
    invoke(
        "model", "in.jsonl", "-o", "out.parquet", "--id-column", "key", "--column", "text",
        "--include-columns", "key,text", "--probabilities", "--top", "2", "--label", "label",
    )  # fmt: skip
    table = pq.read_table(folder / "out.parquet")
    assert table.column_names == [
        "id", "label", "probability", "top_2_label", "top_2_probability", "probability_a",
        "probability_b", "probability_c", "n_tokens", "truncated", "true_label", "key", "text",
    ]  # fmt: skip
    assert table["id"].to_pylist() == [row["key"] for row in ROWS]
    invoke("two", "in.jsonl", "-o", "two.parquet", "--threshold", "1")
    assert set(pq.read_table(folder / "two.parquet")["label"].to_pylist()) == {"no"}
    invoke("many", "in.jsonl", "-o", "many.csv", "--threshold", "0", "--label-separator", "|")
    assert (folder / "many.csv").read_text().splitlines()[1].startswith("0,a|b,")


def test_indicator_columns_are_measured(invoke, folder):
    (folder / "in.csv").write_text("text,a,b\nx,1,0\ny,0,0\n")
    result = invoke("many", "in.csv", "--label", "a, b", "-o", "out.csv")
    assert result.stdout.startswith("2 texts measured: ")


def test_a_stream(invoke):
    result = invoke("model", "-", "-o", "-", stdin="Where is it?\n\nhello\n")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["id"] for row in rows] == ["0", "1", "2"]
    assert result.stderr.startswith("-: 3 texts, 1 empty")
    measured = invoke("model", "in.jsonl", "-o", "-", "--label", "label")
    assert len(measured.stdout.splitlines()) == 30
    assert "30 texts measured: accuracy" in measured.stderr


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["in.jsonl", "in.jsonl", "-o", "o.csv"], 4, "in.jsonl"),
        (["nowhere", "in.jsonl", "-o", "o.csv"], 4, "nowhere"),
        (["model", "none.csv", "-o", "o.csv"], 3, "none.csv"),
        (["model", "in.jsonl", "-o", "o.txt"], 3, "ends in .csv, .jsonl, .parquet"),
        (["model", "in.jsonl", "-o", "in.jsonl"], 3, "in.jsonl"),
        (["model", "in.jsonl", "-o", "two"], 3, "ends in .csv"),
        (["model", "in.jsonl", "-o", "o.csv", "--threshold", "0.3"], 3, "Leave --threshold out"),
        (["two", "in.jsonl", "-o", "o.csv", "--top", "2"], 3, "a multiclass classifier"),
        (["model", "in.jsonl", "-o", "o.csv", "--top", "9"], 3, "at most 3"),
        (["model", "in.jsonl", "-o", "o.csv", "--label", "a,b"], 3, "one column of true labels"),
        (["model", "in.jsonl", "-o", "o.csv", "--include-columns", "label"], 3, "other names"),
        (["model", "in.jsonl", "-o", "o.csv", "--column", "txet"], 3, "'txet'"),
        (["many", "in.jsonl", "-o", "o.csv", "--label-separator", "a"], 3, "that no label holds"),
        (["model"], 2, "Missing argument 'INPUTS...'"),
        (["model", "in.jsonl"], 2, "Missing option '-o'"),
        (["model", "in.jsonl", "-o", "o.csv", "--threshold", "2"], 2, "is not in the range"),
        (["model", "in.jsonl", "-o", "o.csv", "--top", "0"], 2, "is not in the range"),
    ],
)
def test_mistakes(invoke, folder, arguments, exit_code, message):
    result = invoke(*arguments, exit_code=exit_code)
    assert message in result.stderr and result.stdout == ""
    assert not [path for path in folder.iterdir() if path.name.startswith("o.")]


def test_help_and_mistakes_need_no_tensorflow(folder):
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from embedsvc.cli.predict import predict\n"
        "print(CliRunner().invoke(predict, ['--help']).output)\n"
        "wrong = ['model', 'in.jsonl', '-o', 'o.csv', '--top', '9']\n"
        "print(type(CliRunner().invoke(predict, wrong).exception).__name__)\n"
        "print([name for name in ('tensorflow', 'keras') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, check=True
    )
    assert done.stdout.count("  embedsvc predict ") == 3
    assert "| embedsvc predict mymodel - -o -" in done.stdout
    assert done.stdout.splitlines()[-2:] == ["InputError", "[]"]
