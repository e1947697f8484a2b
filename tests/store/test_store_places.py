"""A folder appears whole or not at all, and never instead of something else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from embedsvc.errors import InputError, OutputError
from embedsvc.store import places
from embedsvc.store.fields import write_object
from embedsvc.store.places import write_folder

NAMES = ("model.json", "state.bin")


def save(folder: Path, content: bytes = b"new", *, overwrite: bool = False) -> None:
    def write(fresh: Path) -> None:
        write_object(fresh / "model.json", {"what": "thing"})
        (fresh / "state.bin").write_bytes(content)

    write_folder(folder, write, what="thing", names=NAMES, overwrite=overwrite)


def contents(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_new_folder_and_its_parents(tmp_path: Path):
    save(tmp_path / "a" / "b")
    assert contents(tmp_path / "a" / "b") == set(NAMES)
    assert contents(tmp_path / "a") == {"b"}


def test_an_empty_folder_is_as_good_as_none(tmp_path: Path):
    (tmp_path / "a").mkdir()
    save(tmp_path / "a")
    assert contents(tmp_path / "a") == set(NAMES)
    assert contents(tmp_path) == {"a"}


def test_its_own_kind_is_replaced_on_request_alone(tmp_path: Path):
    folder = tmp_path / "a"
    save(folder, b"old")
    with pytest.raises(OutputError, match="to be new, got a saved thing.*overwrite=True"):
        save(folder)
    assert (folder / "state.bin").read_bytes() == b"old"
    save(folder, overwrite=True)
    assert (folder / "state.bin").read_bytes() == b"new"
    assert contents(tmp_path) == {"a"}


@pytest.mark.parametrize("overwrite", [False, True])
def test_anything_else_is_never_replaced(overwrite: bool, tmp_path: Path):
    folder = tmp_path / "a"
    save(folder, b"old")
    (folder / "notes.txt").touch()
    with pytest.raises(OutputError, match=r"a folder with notes\.txt.*only a saved thing"):
        save(folder, overwrite=overwrite)
    (folder / "notes.txt").unlink()
    write_object(folder / "model.json", {"what": "other"})
    with pytest.raises(OutputError, match="a folder with files of another kind"):
        save(folder, overwrite=overwrite)
    (folder / "model.json").write_text("broken")
    with pytest.raises(OutputError, match="a folder with files of another kind"):
        save(folder, overwrite=overwrite)
    assert (folder / "state.bin").read_bytes() == b"old"
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(OutputError, match="Expected to write the folder"):
        save(file, overwrite=overwrite)
    with pytest.raises(OutputError, match="Expected to write the folder"):
        save(file / "below", overwrite=overwrite)
    assert contents(tmp_path) == {"a", "file"}


def test_a_link_is_followed(tmp_path: Path):
    save(tmp_path / "v1", b"old")
    (tmp_path / "current").symlink_to("v1")
    save(tmp_path / "current", overwrite=True)
    assert (tmp_path / "current").is_symlink()
    assert (tmp_path / "v1" / "state.bin").read_bytes() == b"new"


@pytest.mark.parametrize("before", [False, True])
def test_an_error_while_writing_leaves_what_was(before: bool, tmp_path: Path):
    folder = tmp_path / "a"
    if before:
        save(folder, b"old")

    def write(fresh: Path) -> None:
        (fresh / "state.bin").touch()
        raise InputError("no")

    def full(fresh: Path) -> None:
        raise OSError(28, os.strerror(28))

    with pytest.raises(InputError, match="no"):
        write_folder(folder, write, what="thing", names=NAMES, overwrite=True)
    with pytest.raises(OutputError, match="No space left on device"):
        write_folder(folder, full, what="thing", names=NAMES, overwrite=True)
    assert contents(tmp_path) == ({"a"} if before else set())
    assert not before or (folder / "state.bin").read_bytes() == b"old"


def test_where_the_last_rename_fails_the_old_one_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "a"
    save(folder, b"old")
    rename = Path.rename

    def fail(path: Path, target: Path) -> Path:
        if path.name == "fresh":
            raise OSError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OutputError, match="Permission denied"):
        save(folder, overwrite=True)
    assert (folder / "state.bin").read_bytes() == b"old"
    assert contents(tmp_path) == {"a"}


def test_where_it_cannot_come_back_it_is_kept_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "a"
    save(folder, b"old")
    rename = Path.rename

    def fail(path: Path, target: Path) -> Path:
        if path.name in ("fresh", "old"):
            raise OSError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OutputError, match="Permission denied"):
        save(folder, overwrite=True)
    (kept,) = tmp_path.glob(".a.*.partial/old/state.bin")
    assert kept.read_bytes() == b"old"


def test_the_folder_is_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    flushed: list[Path] = []
    monkeypatch.setattr(places, "sync_folder", flushed.append)
    save(tmp_path / "a")
    assert flushed == [tmp_path]
