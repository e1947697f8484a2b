"""Groups: which pictures show one object, and must stay on one side of every split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from embedsvc.datasets.tables import open_table
from embedsvc.errors import InputError
from embedsvc.images.records import ImageRecord


def apply_groups(records: Sequence[ImageRecord], path: Path) -> list[ImageRecord]:
    """Set the group of each image that a table of groups names.

    Args:
        records: images, named relative to the folder of the table.
        path: a CSV file with the columns path (forward slashes) and group.

    Returns:
        All records in the same order; images that the table does not name keep their group.

    Raises:
        InputError: the table cannot be read or lacks a column, or a row names no image of
            `records`, no group, or an image that an earlier row puts into another group.
    """
    table = open_table(path, ("path", "group"))
    table.check_columns(("path",), ())
    table.check_columns(("group",), ())
    names = {record.name for record in records}
    groups: dict[str, str] = {}
    for row in table.rows:
        name, group = row.text("path"), row.text("group")
        if name not in names:
            raise InputError(
                f"Expected an image of {str(path.parent)!r}, got {name!r} in {row.where}. Write "
                "paths relative to that folder with forward slashes, or remove the row."
            )
        if not group:
            raise InputError(
                f"Expected a group for {name!r}, got nothing in {row.where}. "
                "Write any name for the object, or remove the row."
            )
        if groups.setdefault(name, group) != group:
            raise InputError(
                f"Expected one group for {name!r}, got {groups[name]!r} and {group!r}: the second "
                f"in {row.where}. Remove one of them."
            )
    return [
        replace(record, group=groups[record.name]) if record.name in groups else record
        for record in records
    ]
