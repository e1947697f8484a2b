"""Points of a picture, as people write them into a table: the columns x and y, in pixels."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from embedsvc.datasets.tables import Row, open_table
from embedsvc.errors import InputError
from embedsvc.images.homographies import inside
from embedsvc.pairs.pair import Points

_COLUMNS = ("x", "y")


def read_points(path: Path, *, height: int, width: int) -> Points:
    """Read points and check that they lie in their picture.

    Args:
        path: a .csv, .tsv, .jsonl or .parquet with the columns x and y; others are passed over.
        height: of the picture, in pixels.
        width: of the picture.

    Returns:
        Float32 array of shape (n_points, 2), in the order of the file.

    Raises:
        InputError: the file is missing, unreadable or without such columns or rows, or a point is
            no pair of finite numbers or lies outside; the message names the line.
    """
    table = open_table(path, _COLUMNS, noun="point")
    for name in _COLUMNS:
        table.check_columns([name], [])
    rows = list(table.rows)
    points = np.array([[_number(row, name) for name in _COLUMNS] for row in rows], np.float64)
    outside = np.flatnonzero(~inside(points, height, width))
    if len(outside):
        at = outside[0]
        x, y = points[at].tolist()
        raise InputError(
            f"Expected points within the picture of {width} x {height} pixels, got ({x:g}, {y:g}) "
            f"in {rows[at].where}. (0, 0) is the pixel at the top left, and x comes first; is it "
            "the right picture?"
        )
    return points.astype(np.float32)


def _number(row: Row, name: str) -> float:
    text = row.text(name)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(
            f"Expected a number of pixels in column {name!r}, got {text[:40]!r} in {row.where}. "
            "Correct or remove the row."
        )
    return value
