"""What a process of the service tells of itself, what it may open, and how it ends at once."""

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
    """Who is told how it goes.

    Attributes:
        listening: called once connections are taken.
        loaded: called once models are loaded, with None, or with what kept them from it.
        stopping: called once it was asked to stop.
    """

    listening: Callable[[], None]
    loaded: Callable[[BaseException | None], None]
    stopping: Callable[[], None] = lambda: None


def end_now(code: int) -> None:
    """End the process without waiting for its threads."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.flush()
        sys.stdout.flush()
    os._exit(code)


def allow_many_files() -> None:
    """Let this process open as many files as the system lets it: each connection is one.

    The usual limit of 1,024 is for programs that use `select`, which the service does not.
    """
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
