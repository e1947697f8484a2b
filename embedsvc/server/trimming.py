"""Memory that is free again is given back to the system, now and then.

Batches have many shapes, and the blocks that TensorFlow frees after one seldom suit the next: glibc
keeps them, in an arena for each thread, and the process seems to grow for hours. What is in use
does not.
"""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Callable
from typing import Any

_EVERY_SECONDS = 20.0


async def give_back_regularly() -> None:
    """Give free memory back until cancelled; it takes milliseconds, in a thread."""
    trim = trimmer()
    while trim is not None:
        await asyncio.sleep(_EVERY_SECONDS)
        await asyncio.to_thread(trim, 0)


def trimmer() -> Callable[[int], Any] | None:
    """The C library's `malloc_trim`; None where it is not glibc."""
    try:
        found: Callable[[int], Any] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
    return found
