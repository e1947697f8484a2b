"""`embedsvc outliers` as a user calls it."""

import csv
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest


def write(path, vectors, *, begin="r", model="fake"):
    columns = {
        "id": [f"{begin}{i}" for i in range(len(vectors))],
        "vector": pa.array(list(vectors.astype(np.float32)), pa.list_(pa.float32(), 8)),
        "text": [f"text {i}" for i in range(len(vectors))],
        "topic": ["t"] * len(vectors),
    }
    about = {b"embedsvc": json.dumps({"model": model, "model_sha256": model, "dim": 8}).encode()}
    pq.write_table(pa.table(columns).replace_schema_metadata(about), path)


@pytest.fixture
def files(tmp_path):
    """60 rows of one kind and, in the other file, 40 more of it and an odd one."""
    generator = np.random.default_rng(0)
    rows = 5 * np.eye(8)[0] + generator.normal(size=(100, 8))
    write(tmp_path / "good.parquet", rows[:60], begin="g")
    write(tmp_path / "new.parquet", np.concatenate([rows[60:], -5 * np.eye(8)[:1]]))
    return tmp_path


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_among_themselves(invoke, files):
    result = invoke("outliers", "new.parquet", "-o", "out.csv", "--include-columns", "topic")
    rows = rows_of(files / "out.csv")
    assert [row["id"] for row in rows] == [f"r{i}" for i in range(41)]
    assert [row["is_outlier"] for row in rows] == ["0"] * 40 + ["1"]
    assert float(rows[-1]["p_value"]) == pytest.approx(1 / 41)
    assert rows[-1]["topic"] == "t"
    assert all(row["nearest"] in {other["id"] for other in rows} - {row["id"]} for row in rows)
    first = result.stdout.splitlines()[0]
    assert "outlier  r40  text 40" in first
    assert len(result.stdout.splitlines()) == 10
    assert "41 rows, 1 outlier (knn)" in result.stderr
    assert "more than 4 spreads above the median" in result.stderr
    about = json.loads((files / "out.csv.metadata.json").read_text())
    assert about["threshold"] < float(rows[-1]["anomaly_score"])


@pytest.mark.parametrize("method", ["knn", "mahalanobis", "ocsvm"])
def test_against_normal_ones(invoke, files, method):
    options = ("--normal", "good.parquet", "--method", method, "--quiet")
    result = invoke("outliers", "new.parquet", "-o", "-", *options)
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert rows[-1]["is_outlier"] == 1
    assert rows[-1]["p_value"] == pytest.approx(1 / 61)
    assert sum(row["is_outlier"] for row in rows) < 10
    assert all(row["nearest"].startswith("g") for row in rows)


def test_too_few_to_judge_by(invoke, files):
    np.save(files / "few.npy", np.eye(3))
    result = invoke("outliers", "few.npy", "-o", "out.csv")
    assert "0 outliers" in result.stderr
    assert "Note: No row is called an outlier" in result.stderr
    assert json.loads((files / "out.csv.metadata.json").read_text())["threshold"] is None


def test_equal_rows(invoke, files):
    np.save(files / "equal.npy", np.ones((30, 3)))
    invoke("outliers", "equal.npy", "-o", "out.csv")
    assert {row["nearest"] for row in rows_of(files / "out.csv")} == {""}


def test_mistakes(invoke, files):
    np.save(files / "wide.npy", np.eye(9))
    result = invoke("outliers", "wide.npy", "--normal", "good.parquet", "-o", "a.csv", exit_code=3)
    assert "Encode both with the same model" in result.output
    write(files / "other.parquet", np.eye(8), model="another")
    invoke("outliers", "other.parquet", "--normal", "good.parquet", "-o", "a.csv", exit_code=4)
    np.save(files / "one.npy", np.ones((1, 3)))
    invoke("outliers", "one.npy", "-o", "a.csv", exit_code=3)
    rate = ("--false-alarm-rate", "0.001")
    result = invoke("outliers", "new.parquet", "-o", "a.csv", *rate, exit_code=3)
    assert "at least 999 " in result.output
    invoke("outliers", "new.parquet", "-o", "a.csv", "--include-columns", "p_value", exit_code=3)
    invoke("outliers", "new.parquet", "-o", "a.csv", "-k", "0", exit_code=2)
    invoke("outliers", "new.parquet", exit_code=2)
    (files / "a.csv").write_text("mine")
    invoke("outliers", "new.parquet", "-o", "a.csv", exit_code=5)
