"""Labelled texts from files: what is read, and what is told of each defect."""

import gzip
import io
import json
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedsvc.errors import InputError
from embedsvc.jobs.label_columns import LabelColumns
from embedsvc.jobs.labelled_reading import LabelledReading
from embedsvc.jobs.labelled_texts import read_labelled

CSV = "text,label,weight\nhello,a,1\nbye,b,0.5\n,a,2e3\n"


@pytest.fixture
def read(tmp_path):
    """Write a file and read it."""

    def run(content, *, name="in.csv", labels=("label",), separator=None, **settings):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, dict):
            pq.write_table(pa.table(content), path)
        elif isinstance(content, list):
            path.write_text("".join(json.dumps(row) + "\n" for row in content))
        else:
            path.write_text(content)
        reading = LabelledReading(LabelColumns(tuple(labels), separator), **settings)
        return read_labelled([str(path)], reading)

    return run


def test_texts_labels_and_weights(read):
    found = read(CSV, sample_weight="weight")
    assert found.texts == ["hello", "bye", ""]
    assert found.labels == ["a", "b", "a"]
    assert found.weights.dtype == np.float32
    assert found.weights.tolist() == [1, 0.5, 2000]
    assert found.where == [f"in.csv, line {n}" for n in (2, 3, 4)]
    assert (found.name, found.rejects, found.several) == ("in.csv", [], False)
    assert read(CSV).weights is None


def test_formats_agree(read):
    rows = [{"text": "hello", "label": 1}, {"text": "bye", "label": 0}]
    of_json = read(rows, name="in.jsonl")
    of_parquet = read({"text": ["hello", "bye"], "label": [1, 0]}, name="in.parquet")
    of_csv = read("text,label\nhello,1\nbye,0\n")
    assert of_json.digest == of_parquet.digest == of_csv.digest
    assert of_csv.labels == ["1", "0"]
    other = read("text,label\nhello,1\nbye,1\n")
    assert other.digest != of_csv.digest


def test_several_labels(read):
    text = "text,label\nx,a|b\ny,\nz,b\n"
    found = read(text, separator="|")
    assert found.labels == [("a", "b"), (), ("b",)] and found.several
    found = read([{"text": "x", "label": "a"}, {"text": "y", "label": ["a", "b"]}], name="i.jsonl")
    assert found.labels == [("a",), ("a", "b")] and found.several
    found = read("text,a,b\nx,1,0\ny,1,1\n", labels=("a", "b"))
    assert found.labels == [("a",), ("a", "b")]


def test_two_files_and_standard_input(tmp_path, monkeypatch):
    for name in "xy":
        (tmp_path / f"{name}.csv").write_text(f"text,label\n{name},l{name}\n")
    reading = LabelledReading(LabelColumns(("label",)))
    found = read_labelled([str(tmp_path / "?.csv")], reading)
    assert (found.texts, found.labels, found.name) == (["x", "y"], ["lx", "ly"], "x.csv, y.csv")
    piped = io.TextIOWrapper(io.BytesIO(b'{"text": "x", "label": "lx"}\n'))
    monkeypatch.setattr(sys, "stdin", piped)
    counted = []
    reading = LabelledReading(LabelColumns(("label",)), format="jsonl")
    assert read_labelled(["-"], reading, advance=counted.append).where == ["stdin, line 1"]
    assert counted == [1]


@pytest.mark.parametrize(
    ("content", "settings", "message"),
    [
        ("text,lable\nx,a\n", {}, "in.csv: Expected a column 'label', got 'text', 'lable'. Did "
         "you mean 'lable'. Pass --label with"),
        ("text,label\nx,a\n", {"sample_weight": "wieght"}, "a column 'wieght'.*--sample-weight"),
        ("txt,label\nx,a\n", {"column": "text"}, "a column 'text'.*Did you mean 'txt'.*--column"),
        ("text,label,label\nx,a,b\n", {}, "Expected one column 'label', got 2 of that name"),
        ("text,text,label\nx,y,b\n", {}, "Expected one column 'text', got 2 of that name"),
        ("text,label\nx,a\ny,\n", {}, "in.csv, line 3: Expected a label.*null or nothing"),
        ("text,label,w\nx,a,1\ny,b,nan\n", {"sample_weight": "w"}, "line 3: .*weight.*got 'nan'"),
        ("text,label,w\nx,a,-1\n", {"sample_weight": "w"}, "line 2: Expected a weight of 0 or"),
        ("text,label,w\nx,a,inf\n", {"sample_weight": "w"}, "got 'inf'"),
        ("text,label,w\nx,a,1e39\n", {"sample_weight": "w"}, "got '1e39'"),
        ("text,label,w\nx,a,\n", {"sample_weight": "w"}, "got null or nothing"),
        ("text,label,w\nx,a,much\n", {"sample_weight": "w"}, "got 'much'.*leave the row out"),
        ("text,label\nx,a,b\n", {}, "line 2: Expected 2 fields"),
        ("text,a,b\nx,1,2\n", {"labels": ("a", "b")}, "line 2: Expected 1 or 0.*'b'"),
    ],
)  # fmt: skip
def test_defects_of_csv(read, content, settings, message):
    with pytest.raises(InputError, match=message):
        read(content, **settings)


@pytest.mark.parametrize(
    ("rows", "settings", "message"),
    [
        ([{"text": None, "label": "a"}], {}, "line 1: Expected a text, but the text is null"),
        ([{"text": "x", "label": None}], {}, "line 1: Expected a label.*null or nothing"),
        ([{"text": "x", "label": "a"}, {"text": "x", "lable": "a"}], {},
         "line 2: Expected a key 'label', got 'text', 'lable'. Did you mean 'lable'"),
        ([{"text": "x", "label": "a", "w": True}], {"sample_weight": "w"}, "weight.*got True"),
        ([{"text": "x", "label": "a"}], {"sample_weight": "w"}, "a key 'w'.*Pass --sample-weight"),
        ([{"text": "x", "label": "a", "w": 10**400}], {"sample_weight": "w"}, "not JSON"),
        ([{"text": "x", "label": {}}], {}, "got an object"),
    ],
)  # fmt: skip
def test_defects_of_json(read, rows, settings, message):
    with pytest.raises(InputError, match=message):
        read(rows, name="in.jsonl", **settings)


def test_absent_keys_are_found_in_compressed_files_too(read):
    content = gzip.compress(b'{"text": "x", "Label": "a"}\n')
    with pytest.raises(InputError, match="Expected a key 'label'.*Did you mean 'Label'"):
        read(content, name="in.jsonl.gz")
    with pytest.raises(InputError, match="Expected a key 'label'"):
        read(b'{"text": "x", "Label": "a"}\n', name="in.data", format="jsonl")


def test_an_absent_key_of_a_stream_is_null(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"text": "x"}\n')))
    reading = LabelledReading(LabelColumns(("label",)), format="jsonl")
    with pytest.raises(InputError, match="stdin, line 1: Expected a label.*null or nothing"):
        read_labelled(["-"], reading)


def test_defects_are_skipped(read):
    found = read("text,label\nx,a\ny,\nz,b\n,,\n", on_error="skip")
    assert found.texts == ["x", "z"]
    assert [one["line"] for one in found.rejects] == [3, 5]
    with pytest.raises(InputError, match="got 2 defects and no text. The first: in.csv, line 2"):
        read("text,label\nx,\ny,\n", on_error="skip")
    rows = [{"text": "x", "lable": "a"}] * 3
    with pytest.raises(InputError, match="3 defects.*Did you mean 'lable'"):
        read(rows, name="in.jsonl", on_error="skip")


def test_parquet_null_is_named_by_its_row(read):
    with pytest.raises(InputError, match="in.parquet, row 2: Expected a text, but the text is nul"):
        read({"text": ["a", None], "label": ["x", "y"]}, name="in.parquet")
    found = read({"text": ["a"], "label": [["x", "y"]]}, name="in.parquet")
    assert found.labels == [("x", "y")]


def test_text_without_columns_is_refused(read):
    with pytest.raises(InputError, match="Expected a file with columns"):
        read("hello\n", name="in.txt")


def test_some_of_them(read):
    found = read(CSV, sample_weight="weight")
    left = found.only([2, 0], [{"where": "in.csv, line 3"}])
    assert (left.texts, left.labels, left.where) == (
        ["", "hello"], ["a", "a"], ["in.csv, line 4", "in.csv, line 2"],
    )  # fmt: skip
    assert left.weights.tolist() == [2000, 1] and len(left.rejects) == 1
    assert read(CSV).only([], []).texts == []
