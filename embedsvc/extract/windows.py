"""Cut a stream of rows into windows: the unit of computing, of saving and of resuming."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from embedsvc.extract.ids import SeenIds
from embedsvc.extract.kinds import IMAGES, TEXTS, Inputs
from embedsvc.extract.rows import Item, Reject, printable

# Either way a window takes some seconds: an image costs as much as many texts.
WINDOW_ROWS = {TEXTS.name: 2048, IMAGES.name: 256}
WINDOW_CHARACTERS = 4_000_000


@dataclass(frozen=True)
class Window:
    """Consecutive rows and the defects found among them.

    Attributes:
        index: the window's number, from 0.
        items: what is to be encoded and what cannot be, in input order.
        digest: a sha256 over everything that was read, to notice a changed input when resuming.
    """

    index: int
    items: list[Item | Reject]
    digest: str

    @cached_property
    def rows(self) -> list[Item]:
        """What is to be encoded, in input order."""
        return [item for item in self.items if not isinstance(item, Reject)]

    @cached_property
    def rejects(self) -> list[Reject]:
        """What cannot be encoded, in input order."""
        return [item for item in self.items if isinstance(item, Reject)]

    @cached_property
    def inputs(self) -> list[Any]:
        """The texts of the rows, or the files of the images."""
        return [row.input for row in self.rows]

    def without(self, reasons: Mapping[int, str]) -> Window:
        """The window with some rows turned into defects; it still answers for the same input.

        Args:
            reasons: what is wrong, by the row's number in `rows`.
        """
        items: list[Item | Reject] = []
        n_rows = 0
        for item in self.items:
            if isinstance(item, Reject):
                items.append(item)
                continue
            reason = reasons.get(n_rows)
            n_rows += 1
            items.append(item if reason is None else item.rejected(reason))
        return Window(self.index, items, self.digest)


def windows_of(inputs: Inputs) -> Iterator[Window]:
    """The windows of a run: at most 2,048 texts, 256 images or 4 million characters.

    Where the cuts fall depends on the input alone, so a resumed run meets the same windows.

    Yields:
        Windows in order; none for an input without rows and defects.
    """
    return cut_windows(
        inputs.rows(), unique_ids=inputs.unique_ids, max_rows=WINDOW_ROWS[inputs.kind.name]
    )


def cut_windows(
    items: Iterable[Item | Reject], *, unique_ids: bool, max_rows: int
) -> Iterator[Window]:
    """Cut rows into windows of at most some rows or 4 million characters; see `windows_of`.

    Args:
        items: rows and defects in input order.
        unique_ids: whether a repeated id is a defect. Ids by position need no check.
        max_rows: of a window, defects among them.

    Yields:
        Windows in order; none for an input without rows and defects.
    """
    seen = SeenIds()

    def close(index: int, items: list[Item | Reject]) -> Window:
        window = Window(index, items, _digest(items))
        return _without_repeated(window, seen) if unique_ids else window

    index = characters = 0
    waiting: list[Item | Reject] = []
    for item in items:
        waiting.append(item)
        characters += _size(item)
        if len(waiting) == max_rows or characters >= WINDOW_CHARACTERS:
            yield close(index, waiting)
            index, waiting, characters = index + 1, [], 0
    if waiting:
        yield close(index, waiting)


def _size(item: Item | Reject) -> int:
    """Characters that are kept of an item; short values of other kinds do not count."""
    if isinstance(item, Reject):
        return 0
    columns = sum(len(value) for value in item.columns.values() if isinstance(value, str))
    return item.characters + columns


def _digest(items: list[Item | Reject]) -> str:
    content = [
        [item.where, item.reason, item.excerpt, None] if isinstance(item, Reject) else item.stamp
        for item in items
    ]
    return hashlib.sha256(orjson.dumps(content, default=str)).hexdigest()


def _without_repeated(window: Window, seen: SeenIds) -> Window:
    is_new = seen.add_new([row.id for row in window.rows])
    repeated = {
        i: f"Expected ids that occur once, got {printable(row.id, limit=60)!r} again. "
        "Remove the row or choose another id column."
        for i, (row, new) in enumerate(zip(window.rows, is_new, strict=True))
        if not new
    }
    return window.without(repeated) if repeated else window
