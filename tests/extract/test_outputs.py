"""Writers of outputs; what all formats share is in test_output_contract.py."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedsvc.errors import ArtifactError, InputError
from embedsvc.extract import outputs
from embedsvc.extract.outputs import (
    OutputHeader,
    OutputTable,
    output_format,
    read_metadata,
    write_output,
)

SCHEMA = pa.schema([pa.field("id", pa.string(), nullable=False), pa.field("page", pa.string())])


def table(n, page="p", first=0):
    ids = [str(first + i) for i in range(n)]
    rows = pa.table({"id": ids, "page": [page] * n}, schema=SCHEMA)
    return OutputTable(np.full((n, 4), first, np.float32), rows)


def header(n_rows, longest=1, **metadata):
    return OutputHeader(
        n_rows, 4, np.dtype("float32"), metadata, SCHEMA, {"id": 9, "page": longest}
    )


@pytest.mark.parametrize("name", ["a.parquet", "b.NPZ", "c.d.npy", "e.jsonl"])
def test_known_endings(name):
    assert output_format(Path(name)) == Path(name).suffix.lower()


@pytest.mark.parametrize("name", ["", "a", "a.csv", ".parquet", "a.parquet.gz", "x.parquet/y"])
def test_unknown_endings(name):
    with pytest.raises(InputError, match="ends in .parquet, .npz, .npy, .jsonl"):
        output_format(Path(name))


def test_row_groups_end_by_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(outputs, "_ROW_GROUP", 10)
    path = tmp_path / "a.parquet"
    write_output(path, header(28), (table(4, first=4 * i) for i in range(7)))
    file = pq.ParquetFile(path)
    assert [file.metadata.row_group(i).num_rows for i in range(3)] == [12, 12, 4]
    assert file.read()["id"].to_pylist() == [str(i) for i in range(28)]


def test_row_groups_end_by_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(outputs, "_ROW_GROUP_BYTES", 10_000)
    path = tmp_path / "a.parquet"
    write_output(path, header(6), (table(2, page="x" * 6_000) for _ in range(3)))
    assert pq.ParquetFile(path).num_row_groups == 3


@pytest.mark.parametrize("ending", outputs.OUTPUT_ENDINGS)
def test_no_rows(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    write_output(path, header(0, n=0), iter(()))
    assert read_metadata(path) == {"n": 0}


@pytest.mark.parametrize("ending", [".npy", ".jsonl"])
def test_no_output_stands_while_the_files_beside_it_change(tmp_path, ending, monkeypatch):
    path = tmp_path / f"a{ending}"
    write_output(path, header(1, run=1), [table(1)])
    steps = []
    replace = Path.replace

    def watched(self, target):
        steps.append((path.exists(), Path(target).name))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", watched)
    write_output(path, header(1, run=2), [table(1)])
    assert [stood for stood, _ in steps] == [False] * len(steps)
    assert steps[-1] == (False, path.name)
    assert read_metadata(path) == {"run": 2}


@pytest.mark.parametrize("ending", outputs.OUTPUT_ENDINGS)
def test_a_disk_that_is_full_when_flushed_leaves_the_old_files(tmp_path, ending, monkeypatch):
    path = tmp_path / f"a{ending}"
    write_output(path, header(1, run=1), [table(1)])
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_output(path, header(1, run=2), [table(1)])
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_missing_metadata(tmp_path):
    for name in ("a.parquet", "a.npz", "a.npy", "a.jsonl"):
        with pytest.raises(ArtifactError):
            read_metadata(tmp_path / name)
