"""The folder that `pairs evaluate` leaves."""

import csv
import json
from pathlib import Path

import pytest
from made_evaluations import made_evaluation, png

from embedsvc.errors import OutputError
from embedsvc.jobs import evaluate_pairs_output as job
from embedsvc.jobs.evaluate_pairs import report_on
from embedsvc.pairs.packed import PackedPairs

ABOUT_HERE = PackedPairs(Path(), 30, 10, 10, 10, 64, {}, (), {})


def made_report(tmp_path):
    evaluation = made_evaluation(
        {"a, b": {"graf": [0.25], "bikes": [0.5]}, "raw": {"graf": [0], "bikes": [1]}}
    )
    about = PackedPairs(tmp_path / "packed", 30, 10, 10, 10, 64, {"graf": 1, "bikes": 1}, (), {})
    return report_on(evaluation, about, untrained=None)


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
    assert "a, b finds 37.5\u00a0%" in (output / "report.html").read_text()


def test_a_picture_of_matches_is_kept_and_shown(tmp_path):
    def draw(path):
        path.write_bytes(png())
        return "Two pictures."

    output = tmp_path / "evaluation"
    job.write_evaluation(made_report(tmp_path), output, data=tmp_path, draw_matches=draw)
    assert (output / "matches.png").read_bytes() == png()
    assert "Two pictures." in (output / "report.html").read_text()


@pytest.mark.parametrize(
    ("main", "untrained"), [("raw", "lite"), ("folder", None), ("lite", "lite")]
)
def test_only_a_trained_descriptor_has_matches_before_and_after(tmp_path, main, untrained):
    evaluation = made_evaluation({main: {"s": [0.5]}, "lite": {"s": [0.5]}})
    (tmp_path / "folder").mkdir()
    report = report_on(evaluation, ABOUT_HERE, untrained=untrained)
    assert job.matches_of(report, ABOUT_HERE, {}) is None


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
