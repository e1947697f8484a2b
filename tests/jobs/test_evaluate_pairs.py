"""What `pairs evaluate` chooses, and what it leaves in its folder."""

import csv
import json

import pytest
from made_evaluations import made_evaluation

from embedsvc.errors import ArtifactError, InputError, OutputError
from embedsvc.jobs import evaluate_pairs as job
from embedsvc.pairs.packed import PackedPairs

ABOUT = PackedPairs(None, 30, 10, 10, 10, 64, {"graf": 2, "bikes": 1}, (), {})


def made_report(tmp_path):
    evaluation = made_evaluation(
        {"a, b": {"graf": [0.25], "bikes": [0.5]}, "raw": {"graf": [0], "bikes": [1]}}
    )
    about = PackedPairs(tmp_path / "packed", 30, 10, 10, 10, 64, {"graf": 1, "bikes": 1}, (), {})
    return job.report_on(evaluation, about, untrained=None)


def test_sequences_are_chosen_in_the_order_of_the_data():
    assert job.chosen_sequences(ABOUT, None) == {"graf": 2, "bikes": 1}
    assert job.chosen_sequences(ABOUT, ["bikes", "graf", "bikes"]) == {"graf": 2, "bikes": 1}
    assert job.chosen_sequences(ABOUT, ["bikes"]) == {"bikes": 1}


@pytest.mark.parametrize(("names", "got"), [(["wall"], "'wall'"), ([""], "''"), ([], "none")])
def test_sequences_that_are_not_there(names, got):
    with pytest.raises(InputError, match=f"got {got}. It has graf, bikes"):
        job.chosen_sequences(ABOUT, names)


def test_describers_are_named_once_and_not_loaded(tmp_path):
    (tmp_path / "model.json").write_text("{}")
    folder = str(tmp_path)
    found = job.choose_describers(
        [f"{folder}/", folder, "orb"], "efficientnet-lite0", ["raw", "orb"]
    )
    assert list(found) == [folder, "orb", "efficientnet-lite0", "raw"]
    assert found["raw"]().name == "raw patch, 32 px"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((["nothing"], None, []), InputError, "model that describes points"),
        (([], "minilm", []), InputError, "model for texts"),
        (([], None, ["sift", "surf"]), InputError, "or none, got 'surf'"),
        (([], None, [""]), InputError, "got ''"),
        (([], None, []), InputError, "Name a --model"),
    ],
)
def test_describers_that_are_not_there(arguments, error, message):
    with pytest.raises(error, match=message):
        job.choose_describers(*arguments)


def test_a_folder_that_is_no_model(tmp_path):
    with pytest.raises(ArtifactError, match="trained descriptor"):
        job.choose_describers([str(tmp_path)], None, [])


def test_the_folder(tmp_path):
    output = tmp_path / "out" / "evaluation"
    report = made_report(tmp_path)
    job.write_evaluation(report, output, data=tmp_path / "packed")
    assert {path.name for path in output.iterdir()} == {"metrics.json", "pairs.csv", "report.html"}
    metrics = json.loads((output / "metrics.json").read_text())
    assert (metrics["what"], metrics["n_pairs"]) == ("pairs-evaluation", 2)
    assert metrics["models"][0]["accuracy_5px"] == 0.375
    rows = list(csv.DictReader((output / "pairs.csv").read_text().splitlines()))
    assert len(rows) == 4
    assert (rows[0]["model"], rows[0]["accuracy_1px"]) == ("a, b", "0.25")
    assert "a, b finds 37.5 %" in (output / "report.html").read_text()


def test_a_folder_that_stands(tmp_path):
    output = tmp_path / "evaluation"
    report = made_report(tmp_path)
    job.write_evaluation(report, output, data=tmp_path)
    with pytest.raises(OutputError, match="got an evaluation of pairs.*--overwrite"):
        job.check_evaluation_output(output, overwrite=False)
    job.check_evaluation_output(output, overwrite=True)
    job.write_evaluation(report, output, data=tmp_path, overwrite=True)
    (output / "metrics.json").write_text('{"what": "another"}')
    with pytest.raises(OutputError, match="only an evaluation of pairs can be replaced"):
        job.check_evaluation_output(output, overwrite=True)
    (output / "metrics.json").unlink()
    with pytest.raises(OutputError, match="a folder with pairs.csv"):
        job.check_evaluation_output(output, overwrite=True)


def test_a_page_that_cannot_be_made_leaves_no_folder(tmp_path, monkeypatch):
    def fail(report, folder):
        raise OutputError("no space")

    monkeypatch.setattr(job, "write_pairs_report", fail)
    with pytest.raises(OutputError, match="no space"):
        job.write_evaluation(made_report(tmp_path), tmp_path / "evaluation", data=tmp_path)
    assert not list(tmp_path.iterdir())
