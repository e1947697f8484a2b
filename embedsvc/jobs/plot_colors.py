"""What the points of a map are coloured by: a column, clusters from a file, or clusters found."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from embedsvc.errors import InputError
from embedsvc.extract.columns import missing_column
from embedsvc.report.map_colors import Colouring, colouring
from embedsvc.tables.vector_table import VectorTable

CLUSTER = "cluster"
"""The column that `embedsvc cluster` writes; clusters are found where there is none."""

NO_COLOR = "none"
"""All points alike."""

FOLDER = "folder"
"""The folders of images, which their ids begin with."""

_ID = "id"


def column_colouring(table: VectorTable, name: str) -> Colouring:
    """Colours by a column of the vectors' own file.

    Raises:
        InputError: there is no such column, or it has too many different values.
    """
    if name == FOLDER and name not in table.columns.column_names:
        return colouring(name, [_folder_of(one) for one in table.ids])
    values = table.column(name, option="--color")
    return colouring(name, values, of_clusters=name == CLUSTER)


def joined_colouring(table: VectorTable, file: Path, name: str) -> Colouring:
    """Colours by a column of another file, by the ids.

    Args:
        table: the vectors.
        file: a .csv, .parquet or .jsonl with a column `id`.
        name: of its column.

    Raises:
        InputError: the file is not usable, has no such column, or none of the ids.
    """
    rows = _read_rows(file)
    for wanted, option in ((_ID, "--clusters"), (name, "--color")):
        if wanted not in rows.column_names:
            found = [one for one in rows.column_names if one != _ID]
            raise InputError(f"{file.name}: {missing_column(wanted, found, option=option)}")
    ids = [str(one) for one in rows.column(_ID).to_pylist()]
    by_id = dict(zip(ids, rows.column(name).to_pylist(), strict=True))
    if not any(one in by_id for one in table.ids):
        raise InputError(
            f"Expected {file.name} to hold the ids of {table.label}, such as {table.ids[0]!r}, "
            "got none of them. Pass what was made from these very vectors."
        )
    values = [by_id.get(one) for one in table.ids]
    return colouring(name, values, of_clusters=name == CLUSTER)


def _folder_of(name: str) -> str | None:
    return name.rpartition("/")[0] or None


def _read_rows(file: Path) -> pa.Table:
    ending = file.suffix.lower()
    try:
        if ending == ".parquet":
            return pq.read_table(file)
        if ending == ".csv":
            kept = pa.csv.ConvertOptions(column_types={_ID: pa.string()})
            lines = pa.csv.ParseOptions(newlines_in_values=True)
            return pa.csv.read_csv(file, parse_options=lines, convert_options=kept)
        if ending == ".jsonl":
            return pa.json.read_json(file)
    except (OSError, pa.ArrowException) as err:
        raise InputError(
            f"Expected {file} to be a table that can be read, got: {err}. Check the file."
        ) from err
    raise InputError(
        f"Expected --clusters to end in .csv, .parquet or .jsonl, got {file.name!r}. Pass what "
        "embedsvc cluster wrote."
    )
