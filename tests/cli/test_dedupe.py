"""`embedsvc dedupe` as a user calls it."""

import csv
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedsvc.tables.vector_table import read_vectors

TEXTS = ["late", "late!", "too late, by far", "good", "good.", "other"]
VECTORS = [[1, 0, 0], [1, 0.01, 0], [1, 0.02, 0], [0, 1, 0], [0, 1, 0.01], [0, 0, 1]]


@pytest.fixture
def vectors(tmp_path):
    columns = {
        "id": [f"r{i}" for i in range(6)],
        "vector": pa.array(VECTORS, pa.list_(pa.float32(), 3)),
        "text": TEXTS,
        "topic": list("aaabbc"),
    }
    about = {b"embedsvc": json.dumps({"model": "fake", "dim": 3, "content_sha256": "x"}).encode()}
    path = tmp_path / "v.parquet"
    pq.write_table(pa.table(columns).replace_schema_metadata(about), path)
    return path


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_kept_and_dropped(invoke, vectors, tmp_path):
    result = invoke("dedupe", vectors, "-o", "kept.csv", "--include-columns", "topic")
    kept, dropped = rows_of(tmp_path / "kept.csv"), rows_of(tmp_path / "kept.csv.duplicates.csv")
    assert [row["id"] for row in kept] == ["r0", "r3", "r5"]
    assert [row["n_duplicates"] for row in kept] == ["2", "1", "0"]
    assert [row["topic"] for row in kept] == ["a", "b", "c"]
    assert [(row["id"], row["representative"]) for row in dropped] == [
        ("r1", "r0"),
        ("r2", "r0"),
        ("r4", "r3"),
    ]
    assert dropped[1]["text"] == "too late, by far"
    assert "3 rows, kept:  r0  late" in result.stdout
    assert "6 rows, 3 kept, 3 dropped" in result.stderr
    about = json.loads((tmp_path / "kept.csv.metadata.json").read_text())
    assert about["threshold"] == 0.95
    assert about["kept"] == 3


@pytest.mark.parametrize(
    ("keep", "ids"),
    [
        ("first", ["r0", "r3", "r5"]),
        ("last", ["r2", "r4", "r5"]),
        ("longest", ["r2", "r4", "r5"]),
        ("shortest", ["r0", "r3", "r5"]),
    ],
)
def test_which_is_kept(invoke, vectors, tmp_path, keep, ids):
    invoke("dedupe", vectors, "-o", "kept.csv", "--keep", keep)
    assert [row["id"] for row in rows_of(tmp_path / "kept.csv")] == ids


def test_parquet_is_a_file_of_vectors_itself(invoke, vectors, tmp_path):
    invoke("dedupe", vectors, "-o", "kept.parquet", "--duplicates", "gone.jsonl")
    table = read_vectors(tmp_path / "kept.parquet", columns=["text"])
    np.testing.assert_allclose(table.vectors, np.array(VECTORS, np.float32)[[0, 3, 5]])
    assert table.ids == ["r0", "r3", "r5"]
    assert table.metadata["model"] == "fake"
    assert table.metadata["deduplicated"]["rows"] == 6
    assert "content_sha256" not in table.metadata
    assert len((tmp_path / "gone.jsonl").read_text().splitlines()) == 3
    again = invoke("dedupe", "kept.parquet", "-o", "again.csv")
    assert "all kept" in again.stderr


def test_json_lines_on_standard_output(invoke, vectors, tmp_path):
    result = invoke("dedupe", vectors, "-o", "-", "--quiet")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row["id"] for row in rows] == ["r0", "r3", "r5"]
    assert not list(tmp_path.glob("*duplicates*"))


def test_standard_input(invoke):
    lines = "".join(json.dumps({"id": str(i), "vector": [1, 0]}) + "\n" for i in range(4))
    result = invoke("dedupe", "-", "-o", "-", "--quiet", stdin=lines)
    assert json.loads(result.stdout) == {"id": "0", "n_duplicates": 3}


def test_outputs_are_not_replaced_unasked(invoke, vectors, tmp_path):
    (tmp_path / "kept.csv.duplicates.csv").write_text("mine")
    result = invoke("dedupe", vectors, "-o", "kept.csv", exit_code=5)
    assert "add --overwrite" in result.output
    assert not (tmp_path / "kept.csv").exists()
    invoke("dedupe", vectors, "-o", "kept.csv", "--overwrite")
    invoke("dedupe", vectors, "-o", vectors, "--overwrite", exit_code=3)
    invoke("dedupe", vectors, "-o", "a.csv", "--duplicates", "a.csv", exit_code=3)


def test_mistakes(invoke, tmp_path, vectors):
    np.save(tmp_path / "a.npy", np.eye(3))
    result = invoke("dedupe", "a.npy", "-o", "b.csv", "--keep", "longest", exit_code=3)
    assert "to keep the longest, got none. Pass --texts FILE" in result.output
    invoke("dedupe", "a.npy", "-o", "b.txt", exit_code=3)
    invoke("dedupe", "a.npy", "-o", "b.csv", "--threshold", "0", exit_code=2)
    invoke("dedupe", "none.npy", "-o", "b.csv", exit_code=3)
    invoke("dedupe", vectors, "-o", "b.csv", "--include-columns", "similarity", exit_code=3)
    np.save(tmp_path / "nan.npy", np.full((2, 2), np.nan))
    invoke("dedupe", "nan.npy", "-o", "b.csv", exit_code=3)
