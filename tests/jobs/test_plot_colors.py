"""What points are coloured by, from the vectors' file or another."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedsvc.errors import InputError
from embedsvc.jobs.plot_colors import column_colouring, joined_colouring
from embedsvc.tables.vector_table import VectorTable


@pytest.fixture
def table():
    columns = pa.table({"cluster": [1, -1, 1], "stars": [0.5, 1.0, None]})
    return VectorTable(
        label="v.parquet",
        path=None,
        vectors=np.eye(3, dtype=np.float32),
        ids=["007", "x/b.jpg", "c"],
        columns=columns,
        available=("cluster", "stars", "text"),
        metadata={},
    )


def test_columns(table):
    clusters = column_colouring(table, "cluster")
    assert clusters.codes.tolist() == [0, -1, 0]
    assert column_colouring(table, "stars").name == "stars"
    assert column_colouring(table, "folder").codes.tolist() == [-1, 0, -1]
    with pytest.raises(InputError, match="stars"):
        column_colouring(table, "star")


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_another_file(table, tmp_path, ending):
    path = tmp_path / f"c{ending}"
    if ending == ".csv":
        path.write_text('id,cluster\n007,3\nc,-1\n"new\nline",4\n')
    elif ending == ".jsonl":
        path.write_text('{"id": "007", "cluster": 3}\n{"id": "c", "cluster": -1}\n')
    else:
        pq.write_table(pa.table({"id": ["007", "c"], "cluster": [3, -1]}), path)
    found = joined_colouring(table, path, "cluster")
    assert found.codes.tolist() == [0, -1, -1]
    assert found.names == ["3"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("c.csv", b"id,cluster\n7,3\n", "none of them"),
        ("c.csv", b"\xff\xfe,,\n\x00", "c.csv"),
        ("c.parquet", b"nothing", "can be read"),
        ("c.jsonl", b"{", "can be read"),
        ("c.xlsx", b"", "--clusters"),
    ],
)
def test_unusable_files(table, tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=said):
        joined_colouring(table, tmp_path / name, "cluster")
