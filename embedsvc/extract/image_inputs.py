"""The images of a run: found in folders, or listed in tables; they are not opened here."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from stat import S_ISREG
from typing import Any

from embedsvc.errors import InputError
from embedsvc.extract.kinds import IMAGES
from embedsvc.extract.rows import ImageRow, Reject, SourceOptions, as_unicode, printable
from embedsvc.extract.sources import Sources, open_sources
from embedsvc.images.records import ImageRecord

Scan = Callable[[Sequence[str]], Iterable[ImageRecord]]
"""Finds the images of folders, globs and files, in the same order every time."""


class ImageFolders:
    """Images found in folders, in globs, or named one by one; their ids are their names.

    Args:
        places: where they are, as the user named them.
        scan: finds them; called for each reading anew, so that no list of them is kept.
    """

    kind = IMAGES
    from_stdin = False
    told_by_settings = False
    # Two folders may hold images of one name.
    unique_ids = True

    def __init__(self, places: Sequence[str], scan: Scan) -> None:
        self._places = tuple(places)
        self._scan = scan
        self.files: list[Path] = []

    @property
    def label(self) -> str:
        """What messages call the inputs."""
        return ", ".join(map(printable, self._places))

    def settings(self) -> dict[str, Any]:
        """What the places are called; what is in them, the rows tell."""
        names = [Path(os.path.abspath(place)).name for place in self._places]  # noqa: PTH100
        return {"input": [{"name": printable(name)} for name in names]}

    def total(self) -> int:
        """How many images there are."""
        return sum(1 for _ in self._scan(self._places))

    def rows(self) -> Iterator[ImageRow | Reject]:
        """Stream the images in order; what cannot be looked up is a defect."""
        for record in self._scan(self._places):
            name = as_unicode(record.name)
            where = printable(name, limit=None)
            row = ImageRow(name, name, record.path, 0, 0, where, None, {}, "image")
            yield looked_up(row, "Check the file and its permissions.")


class ImageTable:
    """Images whose paths stand in a column of CSV, JSON lines or Parquet files.

    Args:
        sources: the files, opened with the column of the paths as `column`.
    """

    kind = IMAGES
    from_stdin = False
    told_by_settings = False

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self.files = sources.files
        self.label = sources.label
        self.unique_ids = sources.unique_ids

    def settings(self) -> dict[str, Any]:
        """What the tables are and how they are read; what the images are, the rows tell."""
        return self._sources.settings()

    def total(self) -> int | None:
        """About how many rows there are; None where that is not known."""
        return self._sources.total()

    def rows(self) -> Generator[ImageRow | Reject, None, None]:
        """Stream the rows in order; a path is relative to the folder of its table."""
        cure = "Correct the path; it is taken from the folder that holds the table."
        with closing(self._sources.rows_with_files()) as rows:
            for table, row in rows:
                if isinstance(row, Reject):
                    yield row
                    continue
                path = (table or Path()).parent / row.text
                place = (row.file, row.line, row.columns, row.unit)
                yield looked_up(ImageRow(row.id, row.text, path, 0, 0, *place), cure)


def open_images(places: Sequence[str], options: SourceOptions, *, scan: Scan) -> ImageFolders:
    """Check that there are images at all; none is opened.

    Args:
        places: folders, globs or files.
        options: must not name columns, which folders do not have.
        scan: finds the images.

    Raises:
        InputError: a place is missing or holds no image, or a column is asked for.
    """
    if options.names_columns:
        raise InputError(
            "Expected no column options for images in folders, which have no columns. List the "
            "images in a CSV or Parquet file, and pass it with --column, the column of the paths."
        )
    for place in places:
        # One by one, as the last place would otherwise be looked at when hours have passed.
        if next(iter(scan([place])), None) is None:
            raise InputError(
                f"Expected images in {printable(place)}, got none. Check the folder; names of "
                "images end in .jpg, .png and the like."
            )
    return ImageFolders(places, scan)


def open_image_table(inputs: Sequence[str], options: SourceOptions) -> ImageTable:
    """Find and check tables of images, without reading them.

    Args:
        inputs: files or globs, of a format with columns.
        options: how to read them; `column` is the column of the paths.

    Raises:
        InputError: an input is missing or has no columns, or no column is named.
    """
    if options.column is None:
        raise InputError(
            "Expected the column of the paths of images, got none. Name it with --column."
        )
    sources = open_sources(inputs, options)
    if sources.from_stdin:
        raise InputError(
            "Expected files that list images, got standard input, of which it is not known what "
            "its paths are relative to. Save it to a file and pass that."
        )
    return ImageTable(sources)


def looked_up(row: ImageRow, cure: str) -> ImageRow | Reject:
    """The row with size and time of its file, or what is wrong with it and how to cure that."""
    try:
        found = row.path.stat()
        if S_ISREG(found.st_mode):
            return replace(row, bytes=found.st_size, mtime_ns=found.st_mtime_ns)
        problem = "a folder or a device"
    except OSError as err:
        problem = err.strerror or str(err)
    except ValueError as err:  # A zero byte in the path.
        problem = str(err)
    return row.rejected(f"Expected an image file, got '{printable(row.name)}': {problem}. {cure}")
