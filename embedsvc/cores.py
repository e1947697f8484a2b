"""The processor's cores: how many there are for us, and work shared among them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Part = TypeVar("Part")
Result = TypeVar("Result")


def available_cores() -> int:
    """The cores this process may run on; a container may have fewer than the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def on_all_cores(compute: Callable[[Part], Result], parts: Sequence[Part]) -> list[Result]:
    """Call `compute` for each part, as many at a time as there are cores; results in order."""
    if len(parts) < 2:
        return [compute(part) for part in parts]
    with ThreadPoolExecutor(available_cores()) as threads:
        return list(threads.map(compute, parts))
