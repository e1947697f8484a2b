"""Whole predictions: what is written, continued, refused and measured."""

import csv
import errno
import io
import json
import subprocess
import sys

import fake_classifier
import numpy as np
import pyarrow.parquet as pq
import pytest
from fake_classifier import FakeClassifier, write_model

from embedsvc.errors import ArtifactError, InputError, OutputError, ResumeError
from embedsvc.extract import windows
from embedsvc.extract.rows import SourceOptions
from embedsvc.jobs.predict import predict_to_file, predict_to_stream
from embedsvc.jobs.predict_options import PredictOptions
from embedsvc.jobs.predict_plan import plan_prediction

ENDINGS = ("csv", "jsonl", "parquet")


class Stop(Exception):
    pass


def stopping(at):
    def stop(number):
        if number == at:
            raise Stop

    return FakeClassifier(before_window=stop)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setitem(windows.WINDOW_ROWS, "texts", 16)
    write_model(tmp_path / "model")
    rows = [{"key": f"k{i}", "text": f"text number {i}", "label": "abc"[i % 3]} for i in range(100)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


@pytest.fixture
def run(folder):
    """Predict a file; the default classifier is the fake one of the model's task."""

    def predict(output, classifier=None, *, source="in.jsonl", model="model", reading=None, **opts):
        plan = plan_prediction(
            folder / model,
            ["-" if source == "-" else str(folder / source)],
            output if output == "-" else folder / output,
            reading=SourceOptions(**(reading or {})),
            options=PredictOptions(**opts),
        )
        own = classifier or FakeClassifier(plan.saved.task, len(plan.saved.labels))
        if output == "-":
            stream, rejects = io.BytesIO(), []
            found = predict_to_stream(plan, stream, own, on_reject=rejects.append)
            return found, [json.loads(line) for line in stream.getvalue().splitlines()], rejects
        return plan.standing() or predict_to_file(plan, folder / output, own)

    return predict


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name not in ("model", "in.jsonl"))


def read_csv(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def same(folder, one, other):
    first, second = folder / one, folder / other
    if first.suffix == ".parquet":
        return pq.read_table(first).equals(pq.read_table(second), check_metadata=True)
    return first.read_bytes() == second.read_bytes()


def test_columns_of_a_multiclass_prediction(run, folder):
    found = run("out.csv", reading={"include_columns": ("key", "text"), "id_column": "key"})
    assert (found.summary.rows, found.summary.resumed, found.metrics) == (100, 0, None)
    assert found.summary.counts == {"tokens": 300, "empty": 0, "truncated": 0}
    rows = read_csv(folder / "out.csv")
    assert list(rows[0]) == ["id", "label", "probability", "n_tokens", "truncated", "key", "text"]
    expected = FakeClassifier().predict_proba([f"text number {i}" for i in range(100)])
    assert [row["label"] for row in rows] == ["abc"[i] for i in expected.argmax(axis=1)]
    probabilities = np.array([row["probability"] for row in rows], np.float32)
    assert (probabilities == expected.max(axis=1)).all()
    assert rows[7] | {"label": "", "probability": ""} == {
        "id": "k7", "label": "", "probability": "", "n_tokens": "3", "truncated": "false",
        "key": "k7", "text": "text number 7",
    }  # fmt: skip
    assert names(folder) == ["out.csv", "out.csv.metadata.json"]


def test_endings_agree(run, folder):
    for ending in ENDINGS:
        run(f"out.{ending}", probabilities=True, top=2, reading={"include_columns": ("key",)})
    table = pq.read_table(folder / "out.parquet")
    assert table.schema.field("probability").type == "float"
    of_parquet = table.to_pylist()
    of_json = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    of_csv = read_csv(folder / "out.csv")
    assert list(of_csv[0]) == list(of_json[0]) == table.column_names
    assert table.column_names[:5] == ["id", "label", "probability", "top_2_label",
                                      "top_2_probability"]  # fmt: skip
    for one, other, third in zip(of_parquet, of_json, of_csv, strict=True):
        for name, value in one.items():
            if "probability" in name:
                assert np.float32(other[name]) == np.float32(third[name]) == np.float32(value)
                assert len(third[name]) < 14
            else:
                assert other[name] == value
    first = of_parquet[0]
    ranked = sorted(first[f"probability_{name}"] for name in "abc")
    assert [first["top_2_probability"], first["probability"]] == ranked[1:]
    assert first[f"probability_{first['top_2_label']}"] == ranked[1]


def test_metadata_say_what_made_it(run, folder):
    run("out.csv", threshold=None)
    run("out.parquet")
    of_csv = json.loads((folder / "out.csv.metadata.json").read_text())
    of_parquet = json.loads(pq.read_schema(folder / "out.parquet").metadata[b"embedsvc"])
    assert of_csv == of_parquet
    assert (of_csv["model"], of_csv["task"], of_csv["labels"]) == ("model", "multiclass", [*"abc"])
    assert len(of_csv["model_sha256"]) == 64 and of_csv["rejects"] == 0
    assert of_csv["input"][0]["name"] == "in.jsonl" and "version" in of_csv


@pytest.mark.parametrize("ending", ENDINGS)
def test_several_labels(run, folder, ending):
    write_model(folder / "many", "multilabel", ["a", "b c", "d;e"])
    run(f"out.{ending}", model="many", label_separator="|")
    expected = FakeClassifier("multilabel").predict_proba([f"text number {i}" for i in range(100)])
    labels = [[n for n, p in zip(["a", "b c", "d;e"], row, strict=True) if p > 0.5]
              for row in expected]  # fmt: skip
    found = [row[row > 0.5].tolist() for row in expected]
    if ending == "csv":
        rows = read_csv(folder / "out.csv")
        assert [row["label"] for row in rows] == ["|".join(one) for one in labels]
        told = [[np.float32(p) for p in row["probability"].split("|") if p] for row in rows]
    else:
        path = folder / f"out.{ending}"
        rows = (
            pq.read_table(path).to_pylist()
            if ending == "parquet"
            else [json.loads(line) for line in path.read_text().splitlines()]
        )
        assert [row["label"] for row in rows] == labels
        told = [[np.float32(p) for p in row["probability"]] for row in rows]
    assert told == found
    assert {len(one) for one in labels} == {0, 1, 2, 3}


def test_a_threshold(run, folder):
    write_model(folder / "two", "binary", ["no", "yes"])
    expected = FakeClassifier("binary", 2).predict_proba([f"text number {i}" for i in range(100)])
    for threshold, limit in ((None, 0.5), (0.9, 0.9), (0.0, 0.0)):
        run("out.parquet", model="two", threshold=threshold, overwrite=True)
        table = pq.read_table(folder / "out.parquet").to_pydict()
        is_yes = expected[:, 1] > limit
        assert [label == "yes" for label in table["label"]] == is_yes.tolist()
        assert table["probability"] == expected[np.arange(100), is_yes.astype(int)].tolist()
    write_model(folder / "many", "multilabel", ["a", "b"])
    run("many.parquet", model="many", threshold=1.0)
    assert pq.read_table(folder / "many.parquet")["label"].to_pylist() == [[]] * 100


def test_labels_that_are_no_texts_keep_their_type(run, folder):
    write_model(folder / "numbers", labels=[-1, 0, 7])
    run("out.parquet", model="numbers")
    assert set(pq.read_table(folder / "out.parquet")["label"].to_pylist()) == {-1, 0, 7}
    write_model(folder / "truth", "binary", [False, True])
    run("out.csv", model="truth", probabilities=True)
    rows = read_csv(folder / "out.csv")
    assert {row["label"] for row in rows} == {"false", "true"}
    assert "probability_false" in rows[0]


def test_cells_are_quoted_and_left_alone(run, folder):
    texts = ["=1+1", '@"a",b', "line\r\nend", "lone\rreturn", " spaced ", "+é\u2028", ""]
    rows = "".join(json.dumps({"text": one, "n": i or None}) + "\n" for i, one in enumerate(texts))
    (folder / "odd.jsonl").write_text(rows)
    run("out.csv", source="odd.jsonl", reading={"include_columns": ("text", "n")})
    found = read_csv(folder / "out.csv")
    assert [row["text"] for row in found] == texts
    assert [row["n"] for row in found] == ["", *map(str, range(1, 7))]


@pytest.mark.parametrize("ending", ENDINGS)
def test_continued_equals_uninterrupted(run, folder, ending):
    settings = {
        "label": ("label",),
        "probabilities": True,
        "reading": {"include_columns": ("key",)},
    }
    run(f"whole.{ending}", **settings)
    with pytest.raises(Stop):
        run(f"out.{ending}", stopping(3), **settings)
    classifier = FakeClassifier()
    found = run(f"out.{ending}", classifier, **settings)
    assert (found.summary.rows, found.summary.resumed, classifier.n_texts) == (100, 48, 52)
    assert same(folder, f"out.{ending}", f"whole.{ending}")
    assert same(folder, f"out.{ending}.metrics.json", f"whole.{ending}.metrics.json")
    assert not (folder / f"out.{ending}.parts").exists()


def test_killed_at_any_moment(folder, run):
    run("whole.csv", label=("label",))
    job = {"model": str(folder / "model"), "inputs": [str(folder / "in.jsonl")],
           "output": str(folder / "out.csv"), "options": {"label": ["label"]}}  # fmt: skip
    for die_at in (3, 9, 14, 15, 16, 17, 18, 99):
        argument = json.dumps(job | {"die_at": die_at})
        process = subprocess.run(
            [sys.executable, fake_classifier.__file__, argument], capture_output=True, check=False
        )
        assert b"ready" in process.stdout, process.stderr
        if process.returncode == 0:
            break
    else:
        pytest.fail("it was never done")
    assert same(folder, "out.csv", "whole.csv")
    assert same(folder, "out.csv.metrics.json", "whole.csv.metrics.json")
    left = [name for name in names(folder) if name.startswith(("out", ".out"))]
    assert left == ["out.csv", "out.csv.metadata.json", "out.csv.metrics.json"]


def test_run_again(run, folder):
    assert not run("out.csv").summary.stood_already
    assert run("out.csv").summary.stood_already
    for changed in (
        {"probabilities": True},
        {"top": 2},
        {"label": ("label",)},
        {"label_separator": ";"},
        {"reading": {"include_columns": ("key",)}},
    ):
        with pytest.raises(ResumeError, match="add --overwrite to replace it"):
            run("out.csv", **changed)
    write_model(folder / "model", trained="again")
    with pytest.raises(ResumeError, match="--overwrite"):
        run("out.csv")
    assert run("out.csv", overwrite=True).summary.rows == 100
    (folder / "out.csv.metadata.json").write_text("{")
    with pytest.raises(ResumeError):
        run("out.csv")


def test_parts_of_another_run_are_refused(run, folder):
    with pytest.raises(Stop):
        run("out.csv", stopping(3))
    with pytest.raises(ResumeError, match="include_columns was"):
        run("out.csv", label=("label",))
    write_model(folder / "model", trained="again")
    with pytest.raises(ResumeError, match="model_sha256 was"):
        run("out.csv")
    assert run("out.csv", overwrite=True).summary.resumed == 0


def test_another_threshold_continues(run, folder):
    write_model(folder / "two", "binary", ["no", "yes"])

    def stop(number):
        if number == 3:
            raise Stop

    with pytest.raises(Stop):
        run("out.csv", FakeClassifier("binary", 2, before_window=stop), model="two")
    assert run("out.csv", model="two", threshold=0.2).summary.resumed == 48


def test_defects(run, folder):
    lines = (folder / "in.jsonl").read_text().splitlines()
    lines[40] = '{"text": 7}'
    (folder / "in.jsonl").write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match=r"in.jsonl, line 41: .*add --on-error skip"):
        run("out.csv")
    found = run("out.csv", on_error="skip")
    assert (found.summary.rows, found.summary.rejects, found.summary.resumed) == (99, 1, 32)
    (reject,) = (folder / "out.csv.rejects.jsonl").read_text().splitlines()
    assert json.loads(reject)["line"] == 41
    with pytest.raises(ResumeError):
        run("out.csv")
    (folder / "bad.jsonl").write_text('{"text": 1}\n')
    with pytest.raises(InputError, match=r"got 1 defects and no text, see .*rejects.jsonl"):
        run("bad.csv", source="bad.jsonl", on_error="skip")


def test_a_broken_classifier_is_told(run, folder):
    with pytest.raises(ArtifactError, match="NaN or infinity for in.jsonl, line 1"):
        run("out.csv", FakeClassifier(broken=True))
    assert names(folder) == []


def test_a_full_disk_keeps_what_is_done(run, folder, monkeypatch):
    from embedsvc.tables import row_files

    def full(file, predictions):
        raise OSError(errno.ENOSPC, "full")

    message = "disk is full. The 100 rows done so far are safe"
    with monkeypatch.context() as patch, pytest.raises(OutputError, match=message):
        patch.setitem(row_files._WRITERS, ".csv", full)
        run("out.csv")
    assert run("out.csv").summary.resumed == 100


def test_interrupts_say_what_is_kept(run):
    def stop(number):
        if number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="The 32 rows done so far are safe.*same command"):
        run("out.csv", FakeClassifier(before_window=stop))


def test_a_stream(run, folder):
    found, rows, rejects = run("-", label=("label",), reading={"include_columns": ("key",)})
    assert (found.summary.rows, len(rows), rejects) == (100, 100, [])
    run("out.jsonl", label=("label",), reading={"include_columns": ("key",)})
    assert rows == [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    of_file = json.loads((folder / "out.jsonl.metrics.json").read_text())
    assert found.metrics == of_file
    (folder / "bad.jsonl").write_text('{"text": 1}\n')
    with pytest.raises(InputError, match="got 1 defects and no text"):
        run("-", source="bad.jsonl", on_error="skip")


def test_a_stream_that_cannot_be_written(run, folder):
    class Full(io.BytesIO):
        error = OSError(errno.ENOSPC, "full")

        def write(self, data):
            raise self.error

    plan = plan_prediction(folder / "model", [str(folder / "in.jsonl")], "-")
    stream = Full()
    with pytest.raises(OutputError, match="disk is full. Write to a file"):
        predict_to_stream(plan, stream, FakeClassifier(), on_reject=print)
    stream.error = BrokenPipeError()
    with pytest.raises(BrokenPipeError):
        predict_to_stream(plan, stream, FakeClassifier(), on_reject=print)


def test_standard_input_is_compared_row_by_row(run, monkeypatch):
    def pipe(text):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    pipe("one\ntwo\n")
    assert run("out.csv", source="-").summary.rows == 2
    pipe("one\ntwo\n")
    assert run("out.csv", source="-").summary.stood_already
    pipe("one\nother\n")
    with pytest.raises(ResumeError):
        run("out.csv", source="-")


def test_no_rows(run, folder):
    (folder / "empty.jsonl").write_text("")
    with pytest.raises(InputError, match="Expected at least one row"):
        run("out.csv", source="empty.jsonl")
