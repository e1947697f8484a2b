"""What native libraries write is held back, what we write is not."""

import os
import sys

import pytest

from embedsvc.cli.startup import quiet_start
from embedsvc.errors import ArtifactError
from embedsvc.server.native_notes import quietly


def write_both(native, ours):
    os.write(2, f"{native}\n".encode())
    sys.stderr.write(f"{ours}\n")
    sys.stderr.flush()


def test_notes_are_held_back_until_models_are_loaded(capfd):
    before = sys.stderr
    with quietly(quiet_start) as loud:
        write_both("chatter", "log")
        loud(None)
        write_both("later", "log too")
    assert sys.stderr is before
    assert capfd.readouterr().err.splitlines() == ["log", "later", "log too"]


def test_an_error_that_explains_itself_needs_no_notes(capfd):
    with pytest.raises(ArtifactError), quietly(quiet_start) as loud:
        write_both("chatter", "log")
        loud(ArtifactError("broken"))
        raise ArtifactError("broken")
    assert capfd.readouterr().err == "log\n"


def test_notes_are_shown_where_something_unforeseen_happens(capfd):
    with pytest.raises(ZeroDivisionError), quietly(quiet_start) as loud:
        write_both("what went wrong", "log")
        loud(ZeroDivisionError())
        raise ZeroDivisionError
    assert capfd.readouterr().err.splitlines() == ["log", "what went wrong"]
