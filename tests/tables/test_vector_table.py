"""Vectors from any file: what our own writers and others make, and what is broken."""

import io
import json
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedsvc.errors import InputError
from embedsvc.extract.outputs import OutputHeader, OutputTable, write_output
from embedsvc.tables.vector_table import VectorReading, read_vectors

VECTORS = np.array([[1, 0, 0.5], [0, 2, 0], [3, -1, 4], [0, 0, 0]], np.float32)
IDS = ["a", "b", "c", "d"]
STARS = [5, None, 1, 2]


def write_ours(path, vectors=VECTORS, *, dtype="float32", **metadata):
    """A file as embedsvc extract writes it."""
    rows = pa.table({"id": IDS, "stars": pa.array(STARS, pa.int64()), "text": list("wxyz")})
    about = {"model": "fake", "dim": 3, "dtype": dtype, **metadata}
    header = OutputHeader(
        4, 3, np.dtype(dtype), about, rows.schema, {"id": 1, "stars": 1, "text": 1}
    )
    write_output(path, header, [OutputTable(vectors.astype(dtype), rows)])
    return path


@pytest.mark.parametrize("ending", ["parquet", "npz", "npy", "jsonl"])
def test_every_format_of_ours(tmp_path, ending):
    counted = []
    path = write_ours(tmp_path / f"v.{ending}")
    table = read_vectors(path, columns=["text", "nothing"], advance=counted.append)
    np.testing.assert_array_equal(table.vectors, VECTORS)
    assert (table.ids, table.dim, len(table), sum(counted)) == (IDS, 3, 4, 4)
    assert table.vectors.dtype == np.float32
    assert table.metadata == {"model": "fake", "dim": 3, "dtype": "float32"}
    assert table.columns.column_names == ["text"]
    assert table.column("text", option="--text-column") == list("wxyz")
    assert set(table.available) >= {"stars", "text"}


@pytest.mark.parametrize("ending", ["parquet", "npz", "npy", "jsonl"])
def test_small_types_are_what_they_stand_for(tmp_path, ending):
    half = read_vectors(write_ours(tmp_path / f"h.{ending}", dtype="float16"))
    np.testing.assert_array_equal(half.vectors, VECTORS)
    bytes_ = read_vectors(
        write_ours(tmp_path / f"i.{ending}", 2 * VECTORS, dtype="int8", scale=0.5)
    )
    np.testing.assert_array_equal(bytes_.vectors, VECTORS)


@pytest.mark.parametrize(
    "column",
    [
        pa.array(VECTORS.tolist(), pa.list_(pa.float64())),
        pa.array(VECTORS.tolist(), pa.large_list(pa.float32())),
        pa.array(VECTORS.tolist(), pa.list_(pa.float16(), 3)),
        pa.array([*VECTORS.tolist(), [9, 9, 9]], pa.list_(pa.float32(), 3)).slice(0, 4),
        pa.chunked_array([pa.array([one], pa.list_(pa.float32())) for one in VECTORS.tolist()]),
    ],
    ids=["list64", "large", "fixed16", "sliced", "chunked"],
)
def test_parquet_of_anyone(tmp_path, column):
    table = pa.table({"key": [7, 8, 9, 10], "emb": column})
    pq.write_table(table, tmp_path / "v.parquet", row_group_size=3)
    found = read_vectors(tmp_path / "v.parquet")
    np.testing.assert_array_equal(found.vectors, VECTORS)
    assert (found.ids, found.metadata, found.available) == (["0", "1", "2", "3"], {}, ("key",))
    named = read_vectors(
        tmp_path / "v.parquet", VectorReading(vector_column="emb", id_column="key")
    )
    assert named.ids == ["7", "8", "9", "10"]


def test_arrays_of_anyone(tmp_path):
    np.save(tmp_path / "v.npy", VECTORS.astype(np.float64))
    np.savez(tmp_path / "v.npz", emb=VECTORS, id=np.arange(4), n=np.array(3))
    assert read_vectors(tmp_path / "v.npy").ids == ["0", "1", "2", "3"]
    found = read_vectors(tmp_path / "v.npz")
    np.testing.assert_array_equal(found.vectors, VECTORS)
    assert found.ids == ["0", "1", "2", "3"]


def test_an_array_is_mapped_rather_than_read(tmp_path):
    np.save(tmp_path / "v.npy", VECTORS)
    assert isinstance(read_vectors(tmp_path / "v.npy").vectors, np.memmap)


def test_json_lines_on_standard_input(monkeypatch):
    lines = "".join(json.dumps({"id": i, "vector": [i, 1]}) + "\n\n" for i in range(3))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    table = read_vectors("-")
    assert (table.label, table.path, table.ids) == ("standard input", None, ["0", "1", "2"])
    assert table.vectors.tolist() == [[0, 1], [1, 1], [2, 1]]


BAD = [[1, 2], [float("nan"), 0], [3], None, [float("inf"), 0], [4, 5]]


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_unusable_rows_stop_or_are_left_out(tmp_path, ending):
    path = tmp_path / f"v.{ending}"
    if ending == "parquet":
        pq.write_table(pa.table({"id": list("abcdef"), "vector": BAD}), path)
    else:
        rows = [{"id": i, "vector": v} for i, v in zip("abcdef", BAD, strict=True)]
        path.write_text(
            "".join(
                json.dumps(r).replace("NaN", "null").replace("Infinity", "1e39") + "\n"
                for r in rows
            )
        )
    with pytest.raises(InputError) as error:
        read_vectors(path)
    message = str(error.value)
    assert "got 4 without one out of 6" in message
    assert "row 2 (id 'b'): Expected finite numbers" in message
    assert "row 3 (id 'c'): Expected 2 numbers, as most rows have, got 1." in message
    assert "row 4 (id 'd'): Expected a vector, got none." in message
    assert "--on-error skip" in message
    table = read_vectors(path, VectorReading(on_error="skip"))
    assert (table.ids, table.vectors.tolist()) == (["a", "f"], [[1, 2], [4, 5]])
    assert len(table.skipped) == 4


def test_rows_without_a_vector_at_the_beginning(tmp_path):
    lines = [{"vector": None}, {"id": "x"}, {"id": "y", "vector": [1, 2]}]
    (tmp_path / "v.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    with pytest.raises(InputError, match=r"--vector-column|none in"):
        read_vectors(tmp_path / "v.jsonl")
    table = read_vectors(
        tmp_path / "v.jsonl", VectorReading(vector_column="vector", on_error="skip")
    )
    assert (table.ids, table.vectors.tolist()) == (["y"], [[1, 2]])
    values = pa.array([None] * 20_000 + [[1.0, 2.0]], pa.list_(pa.float32()))
    pq.write_table(pa.table({"vector": values}), tmp_path / "v.parquet")
    found = read_vectors(tmp_path / "v.parquet", VectorReading(on_error="skip"))
    assert (found.ids, len(found.skipped)) == (["20000"], 20_000)


def write_npy(path, array):
    np.save(path, array)


@pytest.mark.parametrize(
    ("name", "write", "message"),
    [
        ("v.parquet", lambda p: p.write_bytes(b"PAR1 no"), "Expected a whole Parquet file"),
        ("v.parquet", lambda p: p.write_bytes(b""), "Expected a whole Parquet file"),
        ("v.npz", lambda p: p.write_bytes(b"PK no"), "Expected a NumPy archive"),
        ("v.npy", lambda p: p.write_bytes(b"\x93NUMPY no"), "Expected a NumPy array"),
        ("v.npy", lambda p: write_npy(p, np.zeros(3)), r"numbers of shape \(n, dim\), got float64"),
        ("v.npy", lambda p: write_npy(p, np.zeros((2, 3), complex)), "got complex128"),
        ("v.npy", lambda p: write_npy(p, np.zeros((0, 3))), "at least one vector in v.npy"),
        ("v.npy", lambda p: write_npy(p, np.array([[{}]], object)), "Expected a NumPy array"),
        ("v.jsonl", lambda p: p.write_text(""), "at least one vector, got none"),
        ("v.jsonl", lambda p: p.write_text("{\n"), "not JSON in line 1"),
        ("v.jsonl", lambda p: p.write_text("[1]\n"), "something else in line 1"),
        ("v.jsonl", lambda p: p.write_text('{"a": 1}\n'), "lists of numbers, got none in 'a'"),
        ("v.jsonl", lambda p: p.write_text('{"a":[1],"b":[2]}\n'), "several: 'a', 'b'. Choose one"),
        ("v.csv", lambda p: p.write_text("a\n"), "ends in .parquet, .npz, .npy"),
        ("v.parquet", lambda p: p.mkdir(), "got a folder"),
        ("v.parquet", lambda p: None, "does not exist"),
    ],
)
def test_files_that_are_not_what_they_should_be(tmp_path, name, write, message):
    write(tmp_path / name)
    with pytest.raises(InputError, match=message):
        read_vectors(tmp_path / name)


@pytest.mark.parametrize("ending", ["parquet", "npz", "jsonl"])
def test_columns_that_are_not_there(tmp_path, ending):
    path = write_ours(tmp_path / f"v.{ending}")
    with pytest.raises(InputError, match="id column 'nix'"):
        read_vectors(path, VectorReading(id_column="nix"))
    reading = VectorReading(vector_column="text")
    if ending == "jsonl":
        with pytest.raises(InputError, match="at least one vector, got none"):
            read_vectors(path, reading)
    else:
        with pytest.raises(InputError, match="'text', which has no lists of numbers"):
            read_vectors(path, reading)
    with pytest.raises(InputError, match=r"Expected a column 'text'.*Pass --color"):
        read_vectors(path).column("text", option="--color")


def test_what_stands_beside_has_to_fit(tmp_path):
    path = write_ours(tmp_path / "v.npy")
    (tmp_path / "v.npy.ids.jsonl").write_text('{"id": "a"}\n')
    with pytest.raises(InputError, match="Expected 4 JSON objects in v.npy.ids.jsonl"):
        read_vectors(path)
    (tmp_path / "v.npy.ids.jsonl").write_text("x")
    with pytest.raises(InputError, match="one JSON object a line in v.npy.ids.jsonl"):
        read_vectors(path)
    (tmp_path / "v.npy.ids.jsonl").unlink()
    (tmp_path / "v.npy.metadata.json").write_text("[]")
    with pytest.raises(InputError, match="Write it anew, or move it away"):
        read_vectors(path)


def test_pickles_stay_closed(tmp_path):
    np.savez(tmp_path / "v.npz", vectors=np.array([[print]], object))
    with pytest.raises(InputError, match="Expected a NumPy archive"):
        read_vectors(tmp_path / "v.npz")


def test_an_archive_that_would_fill_the_memory(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "v.npz", vectors=np.zeros((5000, 100), np.float32))
    assert len(read_vectors(tmp_path / "v.npz")) == 5000
    monkeypatch.setattr("embedsvc.tables.vector_arrays._LARGE", 1 << 20)
    with pytest.raises(InputError, match="'vectors', which would unpack from .* to 2,000,128"):
        read_vectors(tmp_path / "v.npz")
