"""Keep every core busy from the first window of texts to the last.

While the workers compute one window, the next is read and tokenized and its batches are queued
behind, so that no core waits at the seam between two windows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Batch = TypeVar("Batch")
Result = TypeVar("Result")
Output = TypeVar("Output")


@dataclass(frozen=True)
class Plan(Generic[Batch, Result, Output]):
    """What to do for one window: compute `batches`, then `finish` with their results in order.

    The batches are taken one by one, in the calling thread, while those before are computed.
    """

    batches: Iterable[Batch]
    finish: Callable[[list[Result]], Output]


def run_pipeline(
    windows: Iterable[Item],
    *,
    prepare: Callable[[Item], Plan[Batch, Result, Output]],
    compute: Callable[[Batch], Result],
    workers: int,
) -> Iterator[Output]:
    """Compute windows in order, with batches in parallel and one window prepared ahead.

    Args:
        windows: what to work on; taken one at a time, in the calling thread.
        prepare: turns a window into batches, in the calling thread.
        compute: turns a batch into a result, in a worker thread.
        workers: batches computed at the same time.

    Yields:
        What each window's `finish` returns, in the order of the windows. When the caller stops
        early or an error occurs, batches not yet begun are dropped.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="embedsvc")
    ahead: deque[tuple[Plan[Batch, Result, Output], list[Future[Result]]]] = deque()
    try:
        for window in windows:
            plan = prepare(window)
            ahead.append((plan, [pool.submit(compute, batch) for batch in plan.batches]))
            if len(ahead) > 1:
                yield _collect(*ahead.popleft())
        while ahead:
            yield _collect(*ahead.popleft())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _collect(plan: Plan[Batch, Result, Output], futures: list[Future[Result]]) -> Output:
    return plan.finish([future.result() for future in futures])
