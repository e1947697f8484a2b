"""A manifest: a table with one image a row, and what is known about it."""

from __future__ import annotations

import os
from pathlib import Path

from embedsvc.datasets.labels import GOOD, is_normal_name, label_of
from embedsvc.datasets.places import absolute
from embedsvc.datasets.tables import Row, open_table
from embedsvc.errors import InputError
from embedsvc.images.records import ImageRecord

_OPTIONAL = ("label", "mask", "split", "group", "defect")
_SPLITS = ("train", "test")


def read_manifest(path: str | Path) -> list[ImageRecord]:
    """Read a manifest.

    Columns: path (required), label, mask, split (train, test or nothing), group (pictures of one
    object) and defect ("good" or its kind); others are passed over. Paths are relative to the
    manifest's folder, or absolute. Where no label stands it follows from the defect. The mask of a
    normal image must exist too, and is left out of the record: nothing in it can be marked.

    Args:
        path: a CSV, TSV, JSON Lines or Parquet file.

    Returns:
        A record a row, in order, named by its path as written.

    Raises:
        InputError: the table cannot be read or lacks the path; or a row, named by its line, has an
            image or a mask that is not there, an image that an earlier row has, a value that is not
            known, or a label that contradicts its defect.

    Example:
        >>> read_manifest("parts.csv")[0].label  # doctest: +SKIP
        1
    """
    path = Path(path)
    table = open_table(path, ("path", *_OPTIONAL))
    table.check_columns(("path",), _OPTIONAL)
    records = []
    lines: dict[str, int] = {}
    for row in table.rows:
        record = _record(row)
        first = lines.setdefault(absolute(record.path), row.line)
        if first != row.line:
            raise InputError(
                f"Expected each image once, got {record.name!r} in {row.where} and before, in "
                f"{first}. Remove one of the rows."
            )
        records.append(record)
    if not records:
        raise InputError(f"Expected at least one image in {path}, got no row. Check the file.")
    return records


def _record(row: Row) -> ImageRecord:
    image = _file(row, "path")
    if image is None:
        raise InputError(
            f"Expected an image in column 'path', got nothing in {row.where}. "
            "Write its path, or remove the row."
        )
    label, defect = _label_and_defect(row)
    mask = _file(row, "mask")
    return ImageRecord(
        path=image,
        name=Path(row.text("path")).as_posix(),
        label=label,
        mask=None if label == 0 else mask,
        split=_split(row),
        group=row.text("group") or None,
        defect=defect,
    )


def _file(row: Row, column: str) -> Path | None:
    text = row.text(column)
    if not text:
        return None
    path = row.table.parent / text
    # os.path answers False where Path raises: names too long, or with a NUL in them.
    if not os.path.isfile(path):  # noqa: PTH113
        slashes = "Write forward slashes" if "\\" in text else "Correct the path"
        raise InputError(
            f"Expected column {column!r} to name a file, got {text!r} in {row.where}, which does "
            f"not exist. {slashes}; it is relative to the folder of the manifest."
        )
    return path


def _label_and_defect(row: Row) -> tuple[int | None, str | None]:
    label, defect = label_of(row), row.text("defect") or None
    if defect is None:
        return label, GOOD if label == 0 else None
    implied = 0 if is_normal_name(defect) else 1
    if label is not None and label != implied:
        raise InputError(
            f"Expected label and defect to agree, got {row.text('label')!r} and {defect!r} in "
            f"{row.where}. Correct one of them, or leave it empty."
        )
    return implied, defect if implied else GOOD


def _split(row: Row) -> str | None:
    text = row.text("split")
    if text and text.casefold() not in _SPLITS:
        raise InputError(
            f"Expected the split {' or '.join(_SPLITS)}, or nothing, got {text!r} in {row.where}. "
            "Images for choosing settings belong to train; leave other rows out."
        )
    return text.casefold() or None
