"""The write of a small file."""

import pytest

from embedsvc.errors import OutputError
from embedsvc.report import whole_file
from embedsvc.report.whole_file import write_whole


def test_writing_makes_folders_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    write_whole(path, b"1")
    write_whole(path, b"2")
    assert path.read_bytes() == b"2"
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk(tmp_path, monkeypatch):
    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(whole_file, "atomic_write", full)
    with pytest.raises(OutputError, match=r"Expected to write .*, but the disk is full\. Cure"):
        write_whole(tmp_path / "file", b"")
