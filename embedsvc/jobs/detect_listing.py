"""The images to score as a stream of rows, looked up but not opened."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from embedsvc.datasets.places import absolute
from embedsvc.extract.image_inputs import looked_up
from embedsvc.extract.kinds import IMAGES
from embedsvc.extract.rows import ImageRow, Reject, as_unicode, printable
from embedsvc.images.records import ImageRecord
from embedsvc.jobs.detect_places import Opened


class ImageListing:
    """The images of a search, as `compute_missing` reads them.

    Args:
        opened: where they are.
        records: their records, where labels were added to them; None streams them.
        chosen: absolute paths of those whose labels chose the threshold or were learned from.
    """

    kind = IMAGES
    from_stdin = False
    told_by_settings = False
    # An image stands in a place once; an equal name says no more.
    unique_ids = False

    def __init__(
        self,
        opened: Opened,
        *,
        records: list[ImageRecord] | None = None,
        chosen: frozenset[str] = frozenset(),
    ) -> None:
        self._opened = opened
        self._records = records
        self._chosen = chosen
        self.files = [] if opened.table is None else [opened.table]
        self.label = opened.label

    def records(self) -> Iterable[ImageRecord]:
        """The images in order, the same ones every time."""
        return self._opened.records() if self._records is None else self._records

    def settings(self) -> dict[str, Any]:
        """What the places are called; what is in them, the rows tell."""
        return {"input": [printable(Path(absolute(Path(one))).name) for one in self._opened.places]}

    def total(self) -> int:
        """How many images there are."""
        return sum(1 for _ in self.records())

    def rows(self) -> Iterator[ImageRow | Reject]:
        """Stream the images; what cannot be looked up is a defect."""
        for record in self.records():
            yield _row(record, chosen=absolute(record.path) in self._chosen)


def _row(record: ImageRecord, *, chosen: bool) -> ImageRow | Reject:
    name = as_unicode(record.name)
    known = {
        "label": record.label,
        "defect": record.defect,
        # As bytes: a path may be no text.
        "mask": None if record.mask is None else os.fsencode(absolute(record.mask)),
        "chosen": chosen or None,
    }
    columns = {key: value for key, value in known.items() if value is not None}
    row = ImageRow(name, name, record.path, 0, 0, name, None, columns, "image")
    return looked_up(row, "Check the file and its permissions.")


def listing_digest(records: Iterable[ImageRecord]) -> str:
    """A sha256 that changes when an image, or what is known of it, does; no file is read."""
    digest = hashlib.sha256()
    for one in records:
        try:
            found = one.path.stat()
            state = (found.st_size, found.st_mtime_ns)
        except (OSError, ValueError):  # Reading it will say what is wrong.
            state = (-1, -1)
        known = repr((one.name, one.label, one.group, *state))
        digest.update(known.encode("utf-8", "backslashreplace") + b"\n")
    return digest.hexdigest()
