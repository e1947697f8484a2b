"""Keys of a line, looked up to explain what is missing."""

import gzip

import pytest

from embedsvc.extract.rows import SourceOptions
from embedsvc.jobs.json_keys import keys_of_row

LINES = b'{"a": 1}\n{"b": 2, "c": 3}\n7\n'


@pytest.mark.parametrize(("name", "format"), [("x.jsonl", None), ("x.ndjson", None), ("x", "jsonl"),
                                              ("x.jsonl.gz", None)])  # fmt: skip
def test_keys(tmp_path, name, format):
    path = tmp_path / name
    path.write_bytes(gzip.compress(LINES) if name.endswith("gz") else LINES)
    assert keys_of_row(path, 2, SourceOptions(format=format)) == ["b", "c"]


@pytest.mark.parametrize(
    ("name", "format", "content", "line"),
    [
        ("x.csv", None, LINES, 1),
        ("x.jsonl", "csv", LINES, 1),
        ("x.jsonl", None, LINES, 3),
        ("x.jsonl", None, LINES, 4),
        ("x.jsonl", None, b"{", 1),
        ("x.jsonl", None, b"\0\0", 1),
        ("x.jsonl.gz", None, LINES, 1),
        ("nosuch.jsonl", None, None, 1),
    ],
)
def test_no_keys(tmp_path, name, format, content, line):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    assert keys_of_row(path, line, SourceOptions(format=format)) is None
