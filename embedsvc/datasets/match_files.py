"""Matching points or a homography, as a cell of a manifest gives them or names a file of them.

A file of matches has four numbers a line (x1, y1, x2, y2, in pixels) with or without a header; one
of a homography has three lines of three numbers. Commas, semicolons, tabs or spaces stand between.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedsvc.errors import InputError
from embedsvc.images.homographies import check_homography

COLUMNS = ("x1", "y1", "x2", "y2")
_MOST_BYTES = 1 << 24
_SHOWN = 60
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
_Line = tuple[str, list[str]]  # where it stands, and its cells

Given = NDArray[np.float64]
"""Of shape (n_points, 4) matches, as x1, y1, x2, y2; of shape (3, 3) a homography."""


def read_given(value: Any, *, folder: Path, column: str) -> Given:
    """Read what a cell of a manifest says.

    Args:
        value: a path, nine numbers in a text, or numbers in lists.
        folder: of the manifest, which paths are relative to.
        column: "matches" or "homography".

    Returns:
        Matches, or a homography as `check_homography` scales it.

    Raises:
        InputError: it is none of these, a number is not finite, a line has not four numbers, or the
            file is missing, unreadable or of more than 16 MB.
    """
    if isinstance(value, str):
        numbers = _numbers(value)
        if numbers is None:
            given = _read_file(find_file(value, folder=folder, column=column))
        else:
            given = _nine(numbers, f"column {column!r}")
    elif isinstance(value, list):
        given = _from_lists(value, column)
    else:
        raise InputError(
            f"Expected column {column!r} to have a path or numbers, got {_short(value)}. Name a "
            "file."
        )
    if column == "homography" and given.shape != (3, 3):
        raise InputError(
            "Expected a homography of 3 x 3 numbers in column 'homography', got rows of four "
            "numbers. Matching points belong in column 'matches'."
        )
    return given


def find_file(text: str, *, folder: Path, column: str) -> Path:
    """The file that a cell names.

    Raises:
        InputError: it does not exist, or is an address or no regular file.
    """
    if _URL.match(text):
        raise InputError(
            f"Expected column {column!r} to name a file, got the address {_short(text)}. Download "
            "it, and write its path."
        )
    path = folder / text
    # os.path answers False where Path raises: names too long, or with a NUL in them.
    if not os.path.isfile(path):  # noqa: PTH113
        slashes = "Write forward slashes" if "\\" in text else "Correct the path"
        raise InputError(
            f"Expected column {column!r} to name a file, got {_short(text)}, which does not exist. "
            f"{slashes}; it is relative to the folder of the manifest."
        )
    return path


def read_bytes(path: Path, most: int) -> bytes:
    """The bytes of a file that is not too large.

    Raises:
        InputError: it is, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as err:
        raise InputError(
            f"Expected a readable file, got {str(path)!r}: {err.strerror or err}. Check its "
            "permissions."
        ) from err
    if len(data) > most:
        raise InputError(
            f"Expected a file of at most {most:,} bytes, got a larger one: {str(path)!r}. Is it "
            "the right one?"
        )
    return data


# Texts


def _read_file(path: Path) -> Given:
    data = read_bytes(path, _MOST_BYTES)
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as err:
        raise InputError(
            f"Expected numbers as text, got other bytes in {path}. Name a file of matches "
            "(x1,y1,x2,y2 on each line) or of a homography (3 x 3 numbers)."
        ) from err
    rows: list[_Line] = [
        (f"{path}, line {at}", _cells(line))
        for at, line in enumerate(lines, 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not rows:
        return np.empty((0, 4))
    if len(rows) == 3 and all(len(cells) == 3 for _, cells in rows):
        return _homography([_floats(row) for row in rows], str(path))
    if len(rows) == 1 and len(rows[0][1]) == 9:
        return _nine(_floats(rows[0]), str(path))
    return _matches(rows)


def _matches(rows: Sequence[_Line]) -> NDArray[np.float64]:
    wanted, n_columns = [0, 1, 2, 3], 4
    where, first = rows[0]
    if not any(map(_is_number, first)):
        names = [cell.casefold() for cell in first]
        if any(names.count(name) != 1 for name in COLUMNS):
            raise InputError(
                f"Expected the columns {', '.join(COLUMNS)}, or four numbers, got "
                f"{_short(', '.join(first))} in {where}. Name the columns so."
            )
        wanted, n_columns, rows = [names.index(name) for name in COLUMNS], len(names), rows[1:]
    for where, cells in rows:
        if len(cells) != n_columns:
            raise InputError(
                f"Expected {n_columns} numbers ({', '.join(COLUMNS)}), got {len(cells)} in "
                f"{where}. Each line is a point of the first picture and its match in the second."
            )
    points = [_floats((where, [cells[at] for at in wanted])) for where, cells in rows]
    return np.array(points, np.float64).reshape(-1, 4)


def _cells(line: str) -> list[str]:
    delimiter = next((one for one in ",;\t" if one in line), None)
    return [cell.strip().strip('"') for cell in line.split(delimiter)]


def _floats(row: _Line) -> list[float]:
    where, cells = row
    values = []
    for cell in cells:
        value = _number(cell)
        if value is None:
            raise InputError(f"Expected a number, got {_short(cell)} in {where}. Correct the line.")
        if not math.isfinite(value):
            raise InputError(
                f"Expected finite numbers, got {_short(cell)} in {where}. Remove the line."
            )
        values.append(value)
    return values


def _number(text: str) -> float | None:
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _is_number(text: str) -> bool:
    return _number(text) is not None


def _numbers(text: str) -> list[float] | None:
    """The numbers of a cell that has nothing else, and more than one."""
    parts = re.split(r"[\s,;]+", text.strip("[]() \t\r\n,;"))
    values = [_number(part) for part in parts[:_SHOWN]]
    if len(parts) < 2 or None in values:
        return None
    return [value for value in values if value is not None]


# Numbers


def _from_lists(value: list[Any], column: str) -> Given:
    where = f"column {column!r}"
    if len(value) == 9 and all(map(_is_plain, value)):
        return _nine(value, where)
    for at, one in enumerate(value, 1):
        if not isinstance(one, list) or not all(map(_is_plain, one)):
            raise InputError(
                f"Expected lists of numbers in {where}, got {_short(one)} at place {at}. Write "
                "[[x1, y1, x2, y2], ...]."
            )
    lengths = {len(one) for one in value}
    if lengths == {3} and len(value) == 3:
        return _homography(value, where)
    if lengths - {4}:
        at = next(at for at, one in enumerate(value, 1) if len(one) != 4)
        raise InputError(
            f"Expected four numbers ({', '.join(COLUMNS)}) a match in {where}, got "
            f"{len(value[at - 1])} at place {at}. A homography has 3 x 3."
        )
    return _array(value).reshape(-1, 4)


def _is_plain(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _nine(values: Sequence[float], name: str) -> NDArray[np.float64]:
    if len(values) != 9:
        raise InputError(
            f"Expected the nine numbers of a homography in {name}, got {len(values)}. Write them "
            "row by row, or name a file."
        )
    return _homography(values, name)


def _homography(values: Iterable[Any], name: str) -> NDArray[np.float64]:
    return check_homography(_array(list(values)), name=name)


def _array(values: list[Any]) -> NDArray[np.float64]:
    try:
        return np.array(values, np.float64)
    except OverflowError as err:
        raise InputError(f"Expected coordinates in pixels, got a number too large: {err}.") from err


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
