"""Names of collections and columns, and values within a filter."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from embedsvc.errors import InputError
from embedsvc.extract.columns import list_names, quoted

# What a row of a collection, and a row of what is found, calls its own parts.
RESERVED = frozenset(
    {
        "id",
        "vector",
        "text",
        "image",
        "content_sha256",
        "query",
        "rank",
        "similarity",
    }
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_TABLE_ENDING = ".lance"


def check_name(name: str) -> None:
    """Check what a collection is to be called.

    Raises:
        InputError: other characters than letters, digits and `-_.`, more than 100 of them, or an
            ending that the files of the table have.
    """
    if not _NAME.fullmatch(name) or name.lower().endswith(_TABLE_ENDING):
        raise InputError(
            f"Expected a name of letters, digits, '-', '_' and '.', at most 100 of them, that "
            f"begins with a letter or digit and does not end in {_TABLE_ENDING}, got "
            f"{quoted(name)}. Choose another name, such as reviews."
        )


def unknown_name(name: str, names: Sequence[str], database: str) -> InputError:
    """The error for a collection that is not there."""
    near = difflib.get_close_matches(name, names, n=1)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    there = f"got collections {list_names(names)}" if names else "got no collections at all"
    return InputError(
        f"Expected a collection {quoted(name)} in {database}, {there}.{guess} Make one with: "
        f"embedsvc collect add {name} FILE."
    )


def check_columns(names: Iterable[str], *, there: Sequence[str] = ()) -> None:
    """Check the names of columns that are to be kept.

    Args:
        names: of the columns.
        there: of the columns that the collection has.

    Raises:
        InputError: a name that is taken, that a filter could not name, or that differs from
            another one by case alone.
    """
    known = {name.lower(): name for name in there}
    for name in names:
        if name in RESERVED or name.startswith("_"):
            raise InputError(
                f"Expected columns with other names than {', '.join(sorted(RESERVED))}, and none "
                f"that begins with '_', got {quoted(name)}. Rename the column; ids and texts have "
                "options of their own."
            )
        if not name or not name.isprintable() or set(name) & set('.`"'):
            raise InputError(
                f"Expected names of columns that a filter can name, without '.', '`' and quotes, "
                f"got {quoted(name)}. Rename the column."
            )
        other = known.setdefault(name.lower(), name)
        if other != name:
            raise InputError(
                f"Expected columns that differ by more than case, which filters do not tell, got "
                f"{quoted(name)} beside {quoted(other)}. Rename one of them."
            )


def sql_text(value: str) -> str:
    """A string as SQL writes it."""
    return "'" + value.replace("'", "''") + "'"


def sql_ids(ids: Iterable[str]) -> str:
    """The filter that keeps the rows of these ids."""
    return f"id IN ({', '.join(map(sql_text, ids))})"
