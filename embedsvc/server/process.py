"""What a process of the service tells of its start, and how it ends at once."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

INTERRUPTED = 130
"""The exit code after a second Ctrl-C."""


@dataclass(frozen=True)
class Told:
    """Who is told how starting goes.

    Attributes:
        listening: called once connections are taken.
        loaded: called once models are loaded, with None, or with what kept them from it.
    """

    listening: Callable[[], None]
    loaded: Callable[[BaseException | None], None]


def end_now(code: int) -> None:
    """End the process without waiting for its threads."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.flush()
        sys.stdout.flush()
    os._exit(code)
