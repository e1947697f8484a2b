"""Rows of files, without reading them."""

import gzip
import io
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedsvc.extract.counting import count_rows
from embedsvc.extract.rows import SourceOptions
from embedsvc.extract.sources import open_sources


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("in.csv", b"text\na\nb\n", 2),
        ("in.csv", b"text\na\nb", 2),
        ("in.txt", b"a\nb\n", 2),
        ("in.jsonl.gz", gzip.compress(b"{}\n{}\n{}\n", mtime=0), 3),
        ("in.csv", b"", 0),
        ("in.txt.gz", b"no gzip", None),
        ("in.txt.gz", gzip.compress(b"a\n" * 99, mtime=0)[:20], None),
        ("in.parquet", b"no parquet", None),
    ],
)
def test_rows_of_files(tmp_path, name, content, rows):
    (tmp_path / name).write_bytes(content)
    assert count_rows(tmp_path / name) == rows


def test_rows_of_stdin_are_not_known(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\n")))
    assert open_sources(["-"], SourceOptions()).total() is None


def test_rows_of_several_files(tmp_path):
    (tmp_path / "a.txt").write_text("a\nb\n")
    pq.write_table(pa.table({"text": ["x"] * 5}), tmp_path / "b.parquet")
    (tmp_path / "c.parquet").write_text("broken")
    paths = [str(tmp_path / name) for name in ("a.txt", "b.parquet", "c.parquet")]
    assert open_sources(paths[:2], SourceOptions()).total() == 7
    assert open_sources(paths, SourceOptions()).total() is None
