"""Weights of labels that people write into a file: JSON or CSV."""

from __future__ import annotations

import csv
import math
from pathlib import Path

from embedsvc.errors import ArtifactError, InputError
from embedsvc.extract.columns import list_names
from embedsvc.extract.rows import printable
from embedsvc.files import read_json

_COLUMNS = ("label", "weight")
_EXAMPLE = 'Write {"spam": 5.0, "ham": 1.0} as JSON, or a CSV file with the columns label,weight.'


def read_class_weights(path: Path) -> dict[str, float]:
    """Read weights by label.

    Args:
        path: a JSON object from label to weight, or a CSV file with the columns label and weight.

    Raises:
        InputError: it is no such file, or holds something else than weights of 0 or more.
    """
    if not path.is_file():
        raise InputError(
            f"Expected balanced, none or a file of class weights, got {printable(str(path))!r}, "
            f"which is no file. {_EXAMPLE}"
        )
    ending = path.suffix.lower()
    if ending not in (".json", ".csv"):
        raise InputError(
            f"Expected class weights in a file that ends in .json or .csv, got {path}. {_EXAMPLE}"
        )
    found = _read_json(path) if ending == ".json" else _read_csv(path)
    if not found:
        raise InputError(f"Expected class weights in {path}, got none. {_EXAMPLE}")
    return found


def _read_json(path: Path) -> dict[str, float]:
    try:
        values = read_json(path)
    except ArtifactError as err:
        raise InputError(f"{err} {_EXAMPLE}") from err
    return {label.strip(): _weight(value, f"{path}: {label!r}") for label, value in values.items()}


def _read_csv(path: Path) -> dict[str, float]:
    found: dict[str, float] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            header = [name.strip().lower() for name in next(rows, [])]
            if any(header.count(name) != 1 for name in _COLUMNS):
                raise InputError(
                    f"Expected the columns label and weight in {path}, got {list_names(header)}. "
                    f"{_EXAMPLE}"
                )
            label_at, weight_at = map(header.index, _COLUMNS)
            for row in rows:
                if not row:
                    continue
                where = f"{path}, line {rows.line_num}"
                if len(row) != len(header):
                    raise InputError(
                        f"{where}: Expected {len(header)} fields as in the header, got "
                        f"{len(row)}. Put labels that hold commas in double quotes."
                    )
                label = row[label_at].strip()
                if label in found:
                    raise InputError(
                        f"{where}: Expected each label once, got {printable(label)!r} again. "
                        "Leave one out."
                    )
                found[label] = _weight(row[weight_at], where)
    except (OSError, ValueError, csv.Error) as err:
        if isinstance(err, InputError):
            raise
        raise InputError(
            f"Expected class weights as UTF-8 in {path}, got: {err}. {_EXAMPLE}"
        ) from err
    return found


def _weight(value: object, where: str) -> float:
    try:
        weight = math.nan if isinstance(value, bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        weight = math.nan
    if not 0 <= weight < math.inf:
        raise InputError(
            f"{where}: Expected a weight of 0 or more, got {printable(repr(value), limit=40)}. "
            "Write 1 for a label that counts as usual."
        )
    return weight
