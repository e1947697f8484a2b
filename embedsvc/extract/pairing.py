"""Pairs across a pipeline that reads ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def paired(
    items: Iterable[Item], run: Callable[[Iterator[Item]], Iterator[Result]]
) -> Generator[tuple[Item, Result], None, None]:
    """Pair each item with what comes of it.

    Args:
        items: taken as `run` takes them.
        run: gives one result an item, in order; may take any number of items ahead.
    """
    waiting: deque[Item] = deque()

    def noted() -> Iterator[Item]:
        for item in items:
            waiting.append(item)
            yield item

    for result in run(noted()):
        yield waiting.popleft(), result
