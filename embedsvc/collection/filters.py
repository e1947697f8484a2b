"""Filters: conditions on columns in SQL, checked against the columns before the rows are read."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from embedsvc.collection.engine import load_lancedb, reason_of
from embedsvc.collection.layout import VECTOR
from embedsvc.collection.store import Store
from embedsvc.errors import InputError
from embedsvc.extract.rows import printable

_EXAMPLE = "\"category = 'x' AND stars > 3\""


def check_filter(store: Store, where: str) -> None:
    """Check a filter against the columns of a table.

    Args:
        store: the table.
        where: a condition such as `category = 'x' AND stars > 3`.

    Raises:
        InputError: it is no SQL, names columns that are not there, or does not fit their types.
    """
    with store.reading():
        schema: pa.Schema = store.table.schema
    if not where.strip():
        raise bad_filter(where, "nothing", schema)
    # Whatever goes wrong with an empty table in memory is the filter's fault.
    empty = load_lancedb().connect("memory://").create_table("filter", schema=schema)
    try:
        empty.count_rows(where)
    except (ValueError, RuntimeError, OSError) as err:
        raise bad_filter(where, reason_of(err), schema) from err


def bad_filter(where: str, reason: str, schema: pa.Schema) -> InputError:
    """The error for a filter, with what it could name."""
    columns = {field.name: field.type for field in schema if field.name != VECTOR}
    ending = "" if reason.endswith("?") else "."
    return InputError(
        f"Expected a filter in SQL on the columns {columns_in_words(columns)}, got "
        f"'{printable(where)}': {reason}{ending} Write it such as {_EXAMPLE}; names with other "
        "characters stand in `backquotes`."
    )


def columns_in_words(columns: Mapping[str, pa.DataType]) -> str:
    """Columns with their types, for a sentence."""
    return ", ".join(f"{printable(name, limit=60)} ({dtype})" for name, dtype in columns.items())
