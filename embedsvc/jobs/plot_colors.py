"""What the points of a map are coloured by: a column, clusters from a file, or clusters found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from embedsvc.errors import InputError
from embedsvc.extract.columns import missing_column
from embedsvc.jobs.plot_clusters import cluster_groups
from embedsvc.report.map_colors import MOST_GROUPS, NONE, Colouring, colouring
from embedsvc.tables.vector_table import VectorTable

CLUSTER = "cluster"
"""The column that `embedsvc cluster` writes; clusters are found where there is none."""

NO_COLOR = "none"
"""All points alike."""

FOLDER = "folder"
"""The folders of images, which their ids begin with."""

_ID, _NAME = "id", "name"


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
        name: of its column; clusters are called what its column `name` says.

    Raises:
        InputError: the file is not usable, has no such column, or none of the ids.
    """
    rows = _read_rows(file)
    for wanted, option in ((_ID, "--clusters"), (name, "--color")):
        if wanted not in rows.column_names:
            found = [one for one in rows.column_names if one != _ID]
            raise InputError(f"{file.name}: {missing_column(wanted, found, option=option)}")
    ids = [str(one) for one in rows.column(_ID).to_pylist()]
    places = {one: at for at, one in enumerate(ids)}
    found = [places.get(one, -1) for one in table.ids]
    if max(found, default=-1) < 0:
        raise InputError(
            f"Expected {file.name} to hold the ids of {table.label}, such as {table.ids[0]!r}, "
            "got none of them. Pass what was made from these very vectors."
        )
    values = [*rows.column(name).to_pylist(), None]
    if name == CLUSTER and _are_labels(values) and _NAME in rows.column_names:
        labels = np.array([NONE if value is None else value for value in values])
        names = [""] * (int(labels.max()) + 1)
        for label, one in zip(labels.tolist(), rows.column(_NAME).to_pylist(), strict=False):
            if label >= 0:
                names[label] = "" if one is None else str(one)
        return cluster_groups(name, labels[found], names)
    return colouring(name, [values[at] for at in found], of_clusters=name == CLUSTER)


def _are_labels(values: Sequence[Any]) -> bool:
    """Whether values are clusters as `embedsvc cluster` numbers them, from 0 and few."""
    kept = [value for value in values if value is not None]
    return all(isinstance(one, int) and NONE <= one < MOST_GROUPS for one in kept)


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
