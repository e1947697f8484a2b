"""`embedsvc similar`: what it finds, shows and refuses."""

import csv
import json

import numpy as np
import pytest

from embedsvc.extract import kinds

TEXTS = ["a", "bb", "bb", "cccc", "ddddddddd"]


@pytest.fixture
def vectors(invoke, tmp_path):
    """Vectors of lengths of texts, made with the fake model and extract itself."""
    (tmp_path / "in.csv").write_text(
        "text,stars\n" + "".join(f"{t},{i}\n" for i, t in enumerate(TEXTS))
    )
    invoke("extract", "in.csv", "-o", "v.parquet", "--include-columns", "stars")
    return "v.parquet"


def rows(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def similar(invoke, vectors, monkeypatch):
    monkeypatch.setattr("embedsvc.tables.matching.kind_of_model", lambda model: kinds.TEXTS)

    def run(*arguments, **options):
        return invoke("similar", *arguments, **options)

    return run


def test_a_query(similar, invoke):
    result = similar("v.parquet", "--query", "xx", "-k", "2", "--metric", "euclidean")
    assert result.stdout == "xx\n  0.0000  1  bb\n  0.0000  2  bb\n"
    assert invoke.loaded[-1] == ("fake", {"pooling": "mean", "normalize": False, "max_tokens": 16})
    assert result.stderr == ""


def test_an_id_does_not_find_itself_and_needs_no_model(similar, invoke):
    before = len(invoke.loaded)
    result = similar("v.parquet", "--id", "1", "-k", "2", "--metric", "euclidean")
    assert result.stdout == "1  bb\n  0.0000  2  bb\n  1.0000  0  a\n"
    assert len(invoke.loaded) == before


def test_rows_for_programs(similar, tmp_path):
    result = similar(
        "v.parquet",
        "--query",
        "xx",
        "--id",
        "4",
        "-k",
        "1",
        "--include-columns",
        "stars",
        "-o",
        "-",
    )
    found = rows(result)
    assert [row["query"] for row in found] == ["4", "xx"]
    assert {"rank", "id", "similarity", "text", "stars"} <= set(found[0])
    assert found[1]["similarity"] == pytest.approx(1, abs=1e-6)
    result = similar("v.parquet", "--id", "4", "--id", "0", "-k", "3", "-o", "out.csv")
    assert result.stderr == "out.csv: 2 queries, 6 rows\n"
    assert result.stdout == ""
    with (tmp_path / "out.csv").open() as file:
        assert [row["rank"] for row in csv.DictReader(file)] == ["1", "2", "3"] * 2
    again = similar("v.parquet", "--id", "4", "-o", "out.csv", exit_code=5)
    assert "add --overwrite" in again.stderr


def test_more_asked_for_than_there_is(similar):
    result = similar("v.parquet", "--query", "x", "-k", "99", "-o", "out.jsonl")
    assert "1 query, 5 rows" in result.stderr
    assert "Note: v.parquet has 5 vectors, fewer than -k 99." in result.stderr


def test_queries_of_a_file(similar, tmp_path):
    (tmp_path / "q.txt").write_text("x\nyy\n")
    found = rows(similar("v.parquet", "--queries", "q.txt", "-k", "1", "-o", "-"))
    assert [row["query"] for row in found] == ["x", "yy"]
    found = rows(similar("v.parquet", "--queries", "v.parquet", "-k", "1", "-o", "-"))
    assert [row["id"] for row in found] == ["0", "1", "1", "3", "4"]
    np.save(tmp_path / "q.npy", np.ones((1, 5), np.float32))
    wrong = similar("v.parquet", "--queries", "q.npy", exit_code=3)
    assert "Expected queries of 4 dimensions, as v.parquet has, got 5 in q.npy" in wrong.stderr
    stdin = similar("v.parquet", "--queries", "-", "-k", "1", "-o", "-", stdin="x\n")
    assert [row["id"] for row in rows(stdin)] == ["0"]
    (tmp_path / "bad.jsonl").write_text("[]\n")
    bad = similar("v.parquet", "--queries", "bad.jsonl", exit_code=3)
    assert "bad.jsonl, line 1: Expected one JSON object" in bad.stderr


def test_vectors_on_standard_input(similar, invoke):
    lines = invoke("extract", "in.csv", "-o", "-").stdout
    result = similar("-", "--id", "0", "-k", "1", "--metric", "dot", stdin=lines)
    assert result.stdout == "0\n  23.0000  4\n"


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["v.parquet"], 3, "Pass --query TEXT, --id ID or --queries FILE"),
        (["v.parquet", "--id", "17"], 3, "ids of v.parquet, such as '0', got '17'"),
        (["nix.parquet", "--id", "1"], 3, "does not exist"),
        (["-", "--queries", "-"], 2, "not both"),
        (["v.parquet", "--id", "1", "-k", "0"], 2, "Invalid value for '-k'"),
        (["v.parquet", "--id", "1", "--include-columns", "star"], 3, "Did you mean 'stars'?"),
        (["v.parquet", "--id", "1", "-o", "v.parquet"], 3, "as both"),
        (["v.parquet", "--id", "1", "-o", "v.xls"], 3, "or - for JSON lines"),
        (["v.parquet", "--id", "1", "--texts", "nix.csv"], 3, "does not exist"),
    ],
)
def test_mistakes(similar, arguments, exit_code, message):
    assert message in similar(*arguments, exit_code=exit_code).stderr


def test_another_model_is_refused(similar, monkeypatch, tmp_path):
    import pyarrow.parquet as pq

    table = pq.read_table(tmp_path / "v.parquet")
    about = json.loads(table.schema.metadata[b"embedsvc"])
    about["model_sha256"] = "f" * 64
    pq.write_table(
        table.replace_schema_metadata({b"embedsvc": json.dumps(about)}), tmp_path / "w.parquet"
    )
    wrong = similar("w.parquet", "--query", "x", exit_code=4)
    assert "Expected the model that made w.parquet: 'fake' with model_sha256 'fff" in wrong.stderr
    mixed = similar("v.parquet", "--queries", "w.parquet", exit_code=4)
    assert "Vectors of different models cannot be compared" in mixed.stderr
