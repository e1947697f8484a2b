"""Parts and the journal of them, however an earlier process ended."""

import errno
import os
import subprocess
import sys

import orjson
import pytest
from fake_encoder import FakeEncoder

from embedsvc.errors import ArtifactError, OutputError, ResumeError
from embedsvc.extract import journal as journal_module
from embedsvc.extract.embedders import TextEmbedder
from embedsvc.extract.folder import parts_folder, remove_leftover
from embedsvc.extract.journal import open_journal
from embedsvc.extract.parts import TextPart, to_part
from embedsvc.extract.rows import Row
from embedsvc.extract.windows import Window

SETTINGS = {"model": "m", "include": ("a",), "input": [{"sha256": "1"}]}


def a_part(index):
    items = [Row(f"{index}-{i}", f"text {index} {i}", {}, "in.csv", i) for i in range(3)]
    window = Window(index, items, f"digest {index}")
    (encoded,) = TextEmbedder(FakeEncoder()).embed([window.inputs], lambda count: None)
    return to_part(window, encoded, (), TextPart)


def opened(output, *, overwrite=False, **changed):
    return open_journal(output, {**SETTINGS, **changed}, TextPart, overwrite=overwrite)


def ids(journal):
    return [value for table in journal.tables() for value in table["id"].to_pylist()]


@pytest.fixture
def output(tmp_path):
    """An output of which three parts are done."""
    output = tmp_path / "out.parquet"
    with opened(output) as journal:
        for i in range(3):
            journal.add(*a_part(i), [{"where": f"line {i}"}])
    return output


ALL = [f"{part}-{i}" for part in range(3) for i in range(3)]


def test_a_new_journal_without_parts_leaves_nothing(tmp_path):
    with opened(tmp_path / "out.parquet") as journal:
        assert journal.path.is_file()
    assert list(tmp_path.iterdir()) == []


def test_parts_are_there_again(output):
    with opened(output) as journal:
        assert (len(journal.records), journal.n_rows) == (3, 9)
        assert ids(journal) == ALL
        assert [line["where"] for line in journal.rejects()] == ["line 0", "line 1", "line 2"]
        journal.add(*a_part(3), [])
    with opened(output) as journal:
        assert journal.n_rows == 12
        journal.remove()
    assert not parts_folder(output).exists()


@pytest.mark.parametrize(
    "tail", [b"{", b'{"index":3', b"\0\0\0\0\n", b"null\n", b'{"index":3}\n', b'{"a":\xff\n']
)
def test_a_torn_end_is_dropped(output, tail):
    path = parts_folder(output) / "journal.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + tail)
    with opened(output) as journal:
        assert journal.n_rows == 9
        assert path.read_bytes() == whole
        journal.add(*a_part(3), [])
    with opened(output) as journal:
        assert journal.n_rows == 12


def test_a_torn_last_line_loses_one_part(output):
    path = parts_folder(output) / "journal.jsonl"
    whole = path.read_bytes()
    for missing in (1, 20, len(whole.splitlines()[-1])):
        path.write_bytes(whole[:-missing])
        with opened(output) as journal:
            assert ids(journal) == ALL[:6]


@pytest.mark.parametrize("harm", ["delete", "cut", "empty"])
def test_parts_from_a_damaged_one_on_are_dropped(output, harm):
    part = parts_folder(output) / "part-000001.parquet"
    content = part.read_bytes()
    part.unlink() if harm == "delete" else part.write_bytes(content[: -9 if harm == "cut" else 0])
    with opened(output) as journal:
        assert ids(journal) == ALL[:3]
        assert len(list(journal.rejects())) == 1


@pytest.mark.parametrize("at", [100, 400, -20])
def test_bytes_changed_in_a_part_are_noticed(output, at):
    part = parts_folder(output) / "part-000001.parquet"
    content = bytearray(part.read_bytes())
    content[at] ^= 0xFF
    part.write_bytes(content)
    with (
        opened(output) as journal,
        pytest.raises(ArtifactError, match=r"part-000001.parquet .*Delete it"),
    ):
        ids(journal)


@pytest.mark.parametrize("content", [b"hello", b"hello\n", b"{}\n", b'{"settings":3}\n', b"[]\n"])
def test_the_journal_of_another_program(output, content):
    path = parts_folder(output) / "journal.jsonl"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="--overwrite"), opened(output):
        pass
    assert path.read_bytes() == content
    with opened(output, overwrite=True) as journal:
        assert journal.n_rows == 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model": "other"}, "model was 'm' and is 'other' now"),
        ({"include": ()}, "include was"),
        ({"new": 1}, "new was None and is 1 now"),
        ({"input": []}, "the input has changed"),
    ],
)
def test_other_settings_are_refused(output, changed, message):
    with pytest.raises(ResumeError, match=message), opened(output, **changed):
        pass
    with opened(output) as journal:
        assert journal.n_rows == 9
    with opened(output, overwrite=True, **changed) as journal:
        # What parts hold of an edited input is compared row by row later.
        assert journal.n_rows == (9 if "input" in changed else 0)


def test_cut_forgets_for_good(output):
    with opened(output) as journal:
        journal.cut(1)
        assert (journal.n_rows, len(list(journal.rejects()))) == (3, 1)
    with opened(output) as journal:
        assert ids(journal) == ALL[:3]


def test_only_one_process_at_a_time(output):
    code = (
        "import sys; from pathlib import Path;"
        "from embedsvc.extract.journal import open_journal;"
        "from embedsvc.extract.parts import TextPart;"
        f"context = open_journal(Path(sys.argv[1]), {SETTINGS!r}, TextPart, overwrite=False);"
        "context.__enter__(); print('in', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(output)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout.readline() == b"in\n"
        for overwrite in (False, True):
            with (
                pytest.raises(ResumeError, match="another process is writing"),
                opened(output, overwrite=overwrite),
            ):
                pass
        remove_leftover(output)
        assert len(list(parts_folder(output).glob("part-*"))) == 3
    finally:
        holder.kill()
        holder.communicate()
    with opened(output) as journal:
        assert journal.n_rows == 9


def test_what_a_killed_process_was_writing_is_removed(output):
    stale = [".out.parquet.77.partial", ".out.parquet.rejects.jsonl.77.partial"]
    others = [".out.parquet.npz.77.partial", ".xout.parquet.77.partial", ".out.parquet.x.partial"]
    for name in stale + others:
        (output.parent / name).touch()
    with opened(output) as journal:
        journal.remove()
    assert sorted(path.name for path in output.parent.iterdir()) == sorted(others)


@pytest.mark.parametrize("step", ["part", "line", "sync"])
def test_a_full_disk(output, step, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    def torn(path, line):
        with path.open("ab") as file:
            file.write(line[:10])
        full()

    with opened(output) as journal:
        with monkeypatch.context() as patch:
            if step == "part":
                patch.setattr(journal_module, "atomic_write", full)
            elif step == "line":
                patch.setattr(journal_module, "_append", torn)
            else:
                patch.setattr(os, "fsync", full)
            with pytest.raises(OutputError, match="disk is full. The 9 rows done so far are safe"):
                journal.add(*a_part(3), [])
        assert journal.n_rows == 9
    with opened(output) as journal:
        assert ids(journal) == ALL
        journal.add(*a_part(3), [])
        assert journal.n_rows == 12


def test_a_disk_full_at_the_very_start(tmp_path, monkeypatch):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="disk is full"), opened(tmp_path / "out.parquet"):
        pass


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(OutputError, match="Expected to write beside"),
        opened(tmp_path / "file" / "out.parquet"),
    ):
        pass


def test_settings_survive_json(output):
    first = orjson.loads((parts_folder(output) / "journal.jsonl").read_bytes().splitlines()[0])
    assert first == {"settings": {**SETTINGS, "include": ["a"]}}


def test_an_interrupt_in_the_last_flush_counts_the_row_it_made_safe(output, monkeypatch):
    def interrupted(handle):
        raise KeyboardInterrupt

    with opened(output) as journal:
        monkeypatch.setattr(journal_module.os, "fsync", interrupted)
        monkeypatch.setattr(journal_module, "atomic_write", lambda path: path.open("wb"))
        with (
            pytest.raises(KeyboardInterrupt, match="The 12 rows done so far are safe in"),
            journal.explaining_interrupts(),
        ):
            journal.add(*a_part(3), [])
        assert len(journal.records) == 3
