"""Native libraries' notes are held back while models load, and no line of our own is lost.

What holds them back replaces the descriptor 2 for the whole process. So Python's own stderr, which
the log goes to, first gets a descriptor of its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from embedsvc.errors import EmbedsvcError

Quiet = Callable[[], AbstractContextManager[None]]
"""Holds back what is written to the descriptor 2 while a block runs, and shows it if that fails."""


@contextmanager
def quietly(quiet: Quiet) -> Iterator[Callable[[BaseException | None], None]]:
    """Hold notes back until models are loaded.

    Args:
        quiet: what holds them back.

    Yields:
        A function to call when models are loaded, with None or the error.
    """
    with _own_stderr(), ExitStack() as held:
        held.enter_context(quiet())

        def loud(err: BaseException | None) -> None:
            if err is None or isinstance(err, EmbedsvcError):
                # An error that explains itself needs no notes beside it.
                held.close()

        yield loud


@contextmanager
def _own_stderr() -> Iterator[None]:
    before = sys.stderr
    try:
        descriptor = os.dup(2)
    except OSError:  # no stderr at all
        yield
        return
    with open(  # noqa: PTH123 - a descriptor, not a path
        descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace"
    ) as sys.stderr:
        try:
            yield
        finally:
            sys.stderr = before
