"""TensorFlow starts without chatter, and nothing is lost when it does not start."""

import os
import subprocess
import sys
import tempfile

import pytest

from embedsvc.cli.startup import quiet_start


def test_what_is_written_inside_is_kept_back(capfd):
    with quiet_start():
        os.write(2, b"native chatter\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


@pytest.mark.parametrize("error", [ImportError, KeyboardInterrupt])
def test_it_is_shown_when_the_block_fails(capfd, error):
    with pytest.raises(error), quiet_start():
        os.write(2, b"what went wrong\n")
        raise error
    assert capfd.readouterr().err == "what went wrong\n"


def test_no_space_for_notes(capfd, monkeypatch):
    def full():
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with quiet_start():
        os.write(2, b"chatter\n")
    assert capfd.readouterr().err == "chatter\n"


@pytest.mark.skipif(os.name == "nt", reason="closes descriptors as a shell does")
def test_a_process_without_stderr():
    code = (
        "from embedsvc.cli.startup import quiet_start\n"
        "from embedsvc.progress import progress_bar\n"
        "with quiet_start(), progress_bar('x', total=1, unit='texts') as advance: advance(1)\n"
        "print('fine')"
    )
    command = f'"{sys.executable}" -c "$CODE" 2>&-'
    result = subprocess.run(
        ["sh", "-c", command], env={**os.environ, "CODE": code}, capture_output=True, text=True
    )
    assert (result.returncode, result.stdout) == (0, "fine\n")


def test_no_descriptor_is_left_open():
    before = os.dup(2)
    os.close(before)
    for _ in range(3):
        with quiet_start():
            pass
    after = os.dup(2)
    os.close(after)
    assert after == before
