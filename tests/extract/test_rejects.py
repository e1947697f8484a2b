"""Defects as errors and as lines."""

import json

import pytest

from embedsvc.extract.rejects import defect, to_line, write_rejects
from embedsvc.extract.rows import Reject

ROW = Reject("a.csv", 3, "Why.", "x")
FILE = Reject("a.csv", None, "Why.", "x")
IMAGE = Reject("a.jpg", None, "Why.", "a.jpg", "image")


@pytest.mark.parametrize(
    ("reject", "message"),
    [
        (ROW, "a.csv, line 3: Why. To leave such rows out, add --on-error skip."),
        (FILE, "a.csv: Why."),
        (IMAGE, "a.jpg: Why. To leave such images out, add --on-error skip."),
    ],
)
def test_the_error_says_how_to_go_on(reject, message):
    assert str(defect(reject)) == message


def test_lines():
    common = {"where": "a.csv, line 3", "file": "a.csv", "reason": "Why."}
    assert to_line(ROW) == {**common, "line": 3, "text": "x"}
    assert to_line(FILE)["line"] is None
    assert to_line(IMAGE) == {"where": "a.jpg", "file": "a.jpg", "reason": "Why."}


def test_the_file_stands_only_where_there_are_some(tmp_path):
    path = tmp_path / "out.npy.rejects.jsonl"
    write_rejects(tmp_path / "out.npy", [to_line(IMAGE)])
    assert json.loads(path.read_text())["file"] == "a.jpg"
    write_rejects(tmp_path / "out.npy", [])
    assert not path.exists()
