"""Cut a stream of rows into windows: the unit of computing, of saving and of resuming."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import orjson

from embedsvc.extract.ids import SeenIds
from embedsvc.extract.rows import Reject, Row, printable

WINDOW_ROWS = 2048
WINDOW_CHARACTERS = 4_000_000


@dataclass
class Window:
    """Consecutive rows and the defects found among them.

    Attributes:
        index: the window's number, from 0.
        rows: what is to be encoded, in input order.
        rejects: what cannot be.
    """

    index: int
    rows: list[Row] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        """The texts of the rows."""
        return [row.text for row in self.rows]

    def digest(self) -> str:
        """A sha256 over everything in the window, to notice a changed input when resuming."""
        content = [[row.id, row.text, row.columns] for row in self.rows]
        defects = [[reject.where, reject.reason] for reject in self.rejects]
        packed = orjson.dumps([content, defects], default=str)
        return hashlib.sha256(packed).hexdigest()


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
    window = Window(0)
    size = characters = 0
    for item in items:
        size += 1
        if isinstance(item, Reject):
            window.rejects.append(item)
        else:
            window.rows.append(item)
            characters += len(item.text)
        if size == WINDOW_ROWS or characters >= WINDOW_CHARACTERS:
            yield _without_repeated(window, seen) if unique_ids else window
            window, size, characters = Window(window.index + 1), 0, 0
    if size:
        yield _without_repeated(window, seen) if unique_ids else window


def _without_repeated(window: Window, seen: SeenIds) -> Window:
    is_new = seen.add_new([row.id for row in window.rows])
    repeated = [row for row, new in zip(window.rows, is_new, strict=True) if not new]
    window.rejects += [
        Reject(
            file=row.file,
            line=row.line,
            unit=row.unit,
            reason=f"Expected ids that occur once, got {printable(row.id, limit=60)!r} again. "
            "Remove the row or choose another id column.",
            excerpt=printable(row.text),
        )
        for row in repeated
    ]
    window.rows = [row for row, new in zip(window.rows, is_new, strict=True) if new]
    return window
