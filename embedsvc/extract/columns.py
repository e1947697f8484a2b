"""Which columns of a file are read: the choice is the same for every format with a header."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from embedsvc.extract.rows import FileDefect, SourceOptions, printable

DEFAULT_COLUMN = "text"
_SHOWN_NAMES = 10
_NAME_CHARS = 60


@dataclass(frozen=True, slots=True)
class Chosen:
    """The columns to read, by name."""

    text: str
    id: str | None
    include: tuple[str, ...]


def choose_columns(names: Sequence[str], options: SourceOptions) -> Chosen:
    """Find the columns asked for in a header.

    Raises:
        FileDefect: a column is missing or there more than once, or the text column is a guess.
    """
    text = options.column
    if text is None:
        text = DEFAULT_COLUMN if DEFAULT_COLUMN in names else _only_column(names)
    wanted = [("--column", text), ("--id-column", options.id_column)]
    wanted += [("--include-columns", name) for name in options.include_columns]
    for option, name in wanted:
        if name is None:
            continue
        count = names.count(name)
        if count == 0:
            raise FileDefect(missing_column(name, names, option=option), ",".join(names[:50]))
        if count > 1:
            raise FileDefect(
                f"Expected one column {quoted(name)}, got {count} of that name in the header. "
                "Give them different names.",
                ",".join(names[:50]),
            )
    return Chosen(text, options.id_column, options.include_columns)


def _only_column(names: Sequence[str]) -> str:
    if len(names) != 1:
        raise FileDefect(
            f"Expected a column {DEFAULT_COLUMN!r} or a single column, got {list_names(names)}. "
            "Say with --column which one holds the texts.",
            ",".join(names[:50]),
        )
    for separator, cure in ((";", "save it with commas"), ("\t", "pass --format tsv")):
        if separator in names[0]:
            # A semicolon file of a European Excel would otherwise be embedded line by line.
            raise FileDefect(
                f"Expected columns separated by commas, got the header {quoted(names[0])}, which "
                f"looks separated by {separator!r}: {cure}. If it is one column, name it with "
                "--column.",
                names[0],
            )
    return names[0]


def missing_column(name: str, names: Iterable[str], *, option: str) -> str:
    """A sentence about a column that is not there, with the ones that are."""
    known = list(islice(names, 100_000))
    near = difflib.get_close_matches(name, [one for one in known if len(one) <= _NAME_CHARS], n=1)
    guess = f"Did you mean {quoted(near[0])}? " if near else ""
    return (
        f"Expected a column {quoted(name)}, got {list_names(known)}. {guess}"
        f"Pass {option} with a column that is there."
    )


def list_names(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    if not names:
        return "no columns"
    shown = ", ".join(quoted(name) for name in names[:_SHOWN_NAMES])
    more = len(names) - _SHOWN_NAMES
    return f"{shown} and {more:,} more" if more > 0 else shown


def quoted(name: str) -> str:
    """A column name for a message."""
    return f"'{printable(name, limit=_NAME_CHARS)}'"
