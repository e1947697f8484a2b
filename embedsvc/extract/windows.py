"""Cut a stream of rows into windows: the unit of computing, of saving and of resuming."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import orjson

from embedsvc.extract.ids import SeenIds
from embedsvc.extract.rows import Reject, Row, printable

WINDOW_ROWS = 2048
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
    items: list[Row | Reject]
    digest: str

    @cached_property
    def rows(self) -> list[Row]:
        """What is to be encoded, in input order."""
        return [item for item in self.items if isinstance(item, Row)]

    @cached_property
    def rejects(self) -> list[Reject]:
        """What cannot be encoded, in input order."""
        return [item for item in self.items if isinstance(item, Reject)]

    @cached_property
    def texts(self) -> list[str]:
        """The texts of the rows."""
        return [row.text for row in self.rows]

    def without(self, reasons: Mapping[int, str]) -> Window:
        """The window with some rows turned into defects; it still answers for the same input.

        Args:
            reasons: what is wrong, by the row's number in `rows`.
        """
        items: list[Row | Reject] = []
        n_rows = 0
        for item in self.items:
            if isinstance(item, Row):
                reason = reasons.get(n_rows)
                n_rows += 1
                if reason is not None:
                    excerpt = printable(item.text)
                    items.append(Reject(item.file, item.line, reason, excerpt, item.unit))
                    continue
            items.append(item)
        return Window(self.index, items, self.digest)


def cut_windows(items: Iterable[Row | Reject], *, unique_ids: bool) -> Iterator[Window]:
    """Cut rows into windows of at most 2,048 rows or 4 million characters.

    Where the cuts fall depends on the input alone, so a resumed run meets the same windows.

    Args:
        items: rows and defects in input order.
        unique_ids: whether a repeated id is a defect. Ids by position need no check.

    Yields:
        Windows in order; none for an input without rows and defects.
    """
    seen = SeenIds()

    def close(index: int, items: list[Row | Reject]) -> Window:
        window = Window(index, items, _digest(items))
        return _without_repeated(window, seen) if unique_ids else window

    index = characters = 0
    waiting: list[Row | Reject] = []
    for item in items:
        waiting.append(item)
        characters += _size(item)
        if len(waiting) == WINDOW_ROWS or characters >= WINDOW_CHARACTERS:
            yield close(index, waiting)
            index, waiting, characters = index + 1, [], 0
    if waiting:
        yield close(index, waiting)


def _size(item: Row | Reject) -> int:
    """Characters that are kept of an item; short values of other kinds do not count."""
    if isinstance(item, Reject):
        return 0
    columns = sum(len(value) for value in item.columns.values() if isinstance(value, str))
    return len(item.text) + columns


def _digest(items: list[Row | Reject]) -> str:
    content = [
        [item.id, item.text, item.columns]
        if isinstance(item, Row)
        else [item.where, item.reason, item.excerpt, None]
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
