"""Start TensorFlow without its chatter."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_start() -> Iterator[None]:
    """Keep what native libraries write to stderr while the block imports TensorFlow.

    TensorFlow 2.21 notes its build options on stderr before its own log level applies, so no
    setting turns the notes off. They are shown all the same when the block fails.
    """
    sys.stderr.flush()
    try:
        stderr = os.dup(2)
    except OSError:  # no stderr at all, as under some service managers
        yield
        return
    with tempfile.TemporaryFile() as notes:
        os.dup2(notes.fileno(), 2)
        try:
            yield
        except BaseException:
            notes.seek(0)
            os.write(stderr, notes.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
