"""Start TensorFlow without its chatter."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def quiet_start() -> Iterator[None]:
    """Keep what native libraries write to stderr while the block imports TensorFlow.

    TensorFlow 2.21 notes its build options on stderr before its own log level applies, so no
    setting turns the notes off. They are shown all the same when the block fails.
    """
    try:
        stderr = os.dup(2)
        notes = tempfile.TemporaryFile()  # noqa: SIM115
    except OSError:  # no stderr at all, as under some service managers, or no space for notes
        yield
        return
    if sys.stderr:
        sys.stderr.flush()
    with notes:
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


def load_encoder(model: str, **settings: Any) -> Any:
    """`embedsvc.load_encoder` with TensorFlow's chatter held back.

    Raises:
        EmbedsvcError: as `embedsvc.load_encoder` raises it.
    """
    with quiet_start():
        from embedsvc.encoders import registry
    return registry.load_encoder(model, **settings)
