"""`embedsvc cluster`, in this process."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

SUBJECTS = ["late parcel", "broken screen", "wrong invoice", "friendly staff", "great price"]


def write_vectors(path, *, n_each=20, zeros=1, with_text=True):
    generator = np.random.default_rng(0)
    owners = np.repeat(np.arange(5), n_each)
    vectors = np.eye(16)[owners] + 0.05 * generator.standard_normal((len(owners), 16))
    vectors = np.concatenate([vectors, np.zeros((zeros, 16))]).astype(np.float32)
    columns = {
        "id": [str(i) for i in range(len(vectors))],
        "vector": pa.array(list(vectors), pa.list_(pa.float32())),
        "stars": [i % 5 for i in range(len(vectors))],
    }
    if with_text:
        texts = [f"the {SUBJECTS[owner]} number {i}" for i, owner in enumerate(owners)]
        columns["text"] = [*texts, *([""] * zeros)]
    pq.write_table(pa.table(columns), path)
    return owners


def test_rows_clusters_and_terminal(invoke, tmp_path):
    owners = write_vectors(tmp_path / "v.parquet")
    result = invoke("cluster", "v.parquet", "-o", "c.csv", "--include-columns", "stars")
    rows = pa.csv.read_csv(tmp_path / "c.csv").to_pylist()
    assert list(rows[0]) == [
        *("id", "cluster", "name", "confidence", "distance", "central", "text", "stars")
    ]
    assert len(rows) == 101
    assert [row["id"] for row in rows[:2]] == [0, 1]
    assert len({(row["cluster"], owner) for row, owner in zip(rows, owners, strict=False)}) == 5
    assert {row["name"] for row in rows[:20]} == {"late parcel"}
    assert rows[-1]["cluster"] == -1
    assert rows[-1]["name"] == ""
    assert rows[-1]["confidence"] == 0
    ranks = sorted(row["central"] for row in rows[:20] if row["central"] is not None)
    assert ranks == [1, 2, 3, 4, 5]
    lines = result.stdout.splitlines()
    assert len(lines) == 5
    assert "late parcel" in result.stdout
    assert "101 rows in 5 clusters, 1 (1.0%) in none, silhouette 0." in result.stderr
    assert "5 clusters " in result.stderr.splitlines()[1]
    told = json.loads((tmp_path / "c.csv.clusters.json").read_text())
    assert (told["n"], told["n_clusters"], told["n_noise"]) == (101, 5, 1)
    assert told["method"] == "community"
    assert told["choice"]["reason"]
    first = told["clusters"][0]
    assert first["size"] == 20
    assert first["keywords"][0]["weight"] > 0
    assert len(first["central"]) == 5
    assert first["central"][0]["text"].startswith("the ")


def test_json_lines_on_stdout_and_the_summary_on_stderr(invoke, tmp_path):
    write_vectors(tmp_path / "v.parquet", with_text=False)
    result = invoke("cluster", "v.parquet", "-o", "-", "--method", "kmeans", "--k", 5)
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(rows) == 101
    assert rows[0]["name"] == ""
    assert "text" not in rows[0]
    assert "5 clusters" in result.stderr
    assert "pass --texts FILE" in result.stderr
    assert not invoke("cluster", "v.parquet", "-o", "-", "--quiet").stderr


def test_texts_may_come_from_a_file(invoke, tmp_path):
    write_vectors(tmp_path / "v.parquet", with_text=False)
    rows = [{"text": SUBJECTS[min(4, i // 20)]} for i in range(101)]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    result = invoke("cluster", "v.parquet", "-o", "c.parquet", "--texts", "t.jsonl")
    assert "broken screen" in result.stdout
    assert pq.read_table(tmp_path / "c.parquet").column("central").null_count == 101 - 25


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["-o", "c.xlsx"], 3, "ends in .csv"),
        (["-o", "c.csv", "--k", "0"], 2, "range x>=1"),
        (["-o", "c.csv", "--k", "few"], 2, "few"),
        (["-o", "c.csv", "--k", "1000"], 3, "at most the number of vectors"),
        (["-o", "c.csv", "--threshold", "0.5", "--method", "kmeans"], 3, "'community' only"),
        (["-o", "c.csv", "--method", "hdbscan", "--k", "3"], 3, "no k with hdbscan"),
        (["-o", "c.csv", "--include-columns", "cluster"], 3, "other names"),
        (["-o", "c.csv", "--include-columns", "nothing"], 3, "nothing"),
        (["-o", "old.csv"], 5, "--overwrite"),
    ],
)
def test_mistakes_are_told(invoke, tmp_path, arguments, code, told):
    write_vectors(tmp_path / "v.parquet", n_each=4)
    (tmp_path / "old.csv").write_text("old")
    result = invoke("cluster", "v.parquet", *arguments, exit_code=code)
    assert told in result.stderr
    assert (tmp_path / "old.csv").read_text() == "old"
    assert not (tmp_path / "c.csv").exists()


def test_mistakes_are_told_before_the_file_is_read(invoke):
    assert (
        "no k with hdbscan"
        in invoke(
            "cluster", "absent.parquet", "-o", "c.csv", "--method", "hdbscan", "--k", 2, exit_code=3
        ).stderr
    )


def test_vectors_on_standard_input(invoke):
    rows = [{"id": str(i), "vector": [1.0, i % 2]} for i in range(12)]
    stdin = "\n".join(map(json.dumps, rows))
    result = invoke("cluster", "-", "-o", "-", "--threshold", 0.9, stdin=stdin)
    found = [json.loads(line)["cluster"] for line in result.stdout.splitlines()]
    assert found == [0, 1] * 6 or found == [1, 0] * 6
