"""Files that are whole or not there, and JSON from strangers."""

import hashlib
import json
import os

import pytest

from embedsvc.errors import ArtifactError
from embedsvc.files import (
    atomic_write,
    format_bytes,
    read_json,
    read_json_value,
    sha256_of,
    sync_folder,
)


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "a.bin"
    with atomic_write(path) as file:
        file.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), atomic_write(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failing_rename_leaves_nothing(tmp_path):
    path = tmp_path / "a"
    (path / "b").mkdir(parents=True)
    with pytest.raises(OSError), atomic_write(path) as file:  # noqa: PT011 - differs by system
        file.write(b"x")
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_the_callers_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "no" / "a"):
        pass


def test_sync_folder(tmp_path, monkeypatch):
    sync_folder(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "no")
    monkeypatch.setattr(os, "open", lambda *args: pytest.fail("Windows cannot open folders"))
    monkeypatch.setattr(os, "name", "nt")
    sync_folder(tmp_path)
    monkeypatch.undo()


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1])
def test_sha256(tmp_path, size):
    path = tmp_path / "a"
    path.write_bytes(b"\x07" * size)
    assert sha256_of(path) == hashlib.sha256(b"\x07" * size).hexdigest()


def test_read_json(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"é": [1, null]}', encoding="utf-8")
    assert read_json(path) == {"é": [1, None]}
    path.write_text("[1]")
    assert read_json_value(path) == [1]
    with pytest.raises(ArtifactError, match="a JSON object in .*, got a list"):
        read_json(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe\x00", b"{'a': 1}", b"[" * 200_000, b'{"a": ' + b"1" * 10_000 + b"}"],
)
def test_no_json(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="readable JSON in .*a.json"):
        read_json(path)


def test_no_file(tmp_path):
    with pytest.raises(ArtifactError, match="readable JSON"):
        read_json(tmp_path / "a.json")
    with pytest.raises(ArtifactError, match="readable JSON"):
        read_json(tmp_path)


def test_too_large(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"a": "x" * 50}))
    size = path.stat().st_size
    assert read_json(path, max_bytes=size)
    with pytest.raises(ArtifactError, match=f"at most {size - 1} bytes, got {size}"):
        read_json(path, max_bytes=size - 1)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (83_506_384, "83.5 MB"),
        (2e9, "2.0 GB"),
        (5e13, "50.0 TB"),
    ],
)
def test_format_bytes(count, text):
    assert format_bytes(count) == text
