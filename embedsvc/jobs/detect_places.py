"""Where the images of a search are: folders, globs, files, a manifest, or an MVTec AD folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from embedsvc.datasets.folders import iter_images
from embedsvc.datasets.manifest import read_manifest
from embedsvc.datasets.mvtec import is_mvtec, read_mvtec
from embedsvc.datasets.places import absolute, find_places
from embedsvc.datasets.tables import TABLE_ENDINGS
from embedsvc.errors import InputError
from embedsvc.extract.rows import printable
from embedsvc.images.records import ImageRecord

Places = Sequence[str | Path]


@dataclass(frozen=True)
class Opened:
    """Images that were found, none of them opened.

    Attributes:
        label: what messages call them.
        places: as named.
        records: gives those that are not for training, in the same order every time; streamed
            anew from folders, so that no list of them is kept.
        train: those for training, where the layout tells.
        table: the manifest, if it is one.
        is_labelled: whether the layout can tell labels.
    """

    label: str
    places: tuple[str, ...]
    records: Callable[[], Iterable[ImageRecord]]
    train: tuple[ImageRecord, ...] = ()
    table: Path | None = None
    is_labelled: bool = False

    def refuse_output(self, output: Path) -> None:
        """Raise InputError if the output would be found among the images."""
        if self.is_labelled:
            return
        inside = Path(os.path.abspath(output)) / "maps" / "1.png"  # noqa: PTH100
        for place in find_places(self.places, recursive=True):
            root = Path(absolute(place.root))
            if place.pattern is None or not inside.is_relative_to(root):
                continue
            if place.takes(inside.relative_to(root).as_posix(), place.endings):
                raise InputError(
                    f"Expected an output outside of {printable(place.named)}, got {output}: its "
                    "pictures would be taken for images of that folder. Choose another output."
                )


def open_images(places: Places, *, what: str) -> Opened:
    """Find the images of some places.

    Args:
        places: folders, globs or files; or one manifest, or one folder in the layout of MVTec AD.
        what: what messages call them, such as "images to score".

    Raises:
        InputError: a place is missing, holds no image, or cannot be combined with the others.
    """
    named = _named(places, what)
    alone = len(named) == 1
    for name in named:
        kind = _kind(name)
        if kind is not None and not alone:
            raise InputError(
                f"Expected {kind} alone, got {printable(name)} among {len(named)} places. "
                "Name it alone, or list all images in one manifest."
            )
        if kind == "a manifest":
            return _of_records(name, read_manifest(name), table=Path(name))
        if kind is not None:
            return _of_records(name, read_mvtec(name))
    for name in named:
        # One by one, as the last place would otherwise be looked at when hours have passed.
        next(iter(iter_images([name])))
    label = ", ".join(printable(_last(name)) for name in named)
    return Opened(label=label, places=named, records=lambda: iter_images(named))


def _named(places: Places, what: str) -> tuple[str, ...]:
    if isinstance(places, (str, Path)) or not places:
        raise InputError(f"Expected a list of {what}, got {places!r}. Name at least one folder.")
    named = tuple(str(place) for place in places)
    if "-" in named:
        raise InputError(
            f"Expected folders, globs or files as {what}, got -: images cannot be read from "
            "standard input. Save them to a folder and name that."
        )
    return named


def _kind(name: str) -> str | None:
    path = Path(name)
    try:
        if path.suffix.lower() in TABLE_ENDINGS and path.is_file():
            return "a manifest"
        return "a folder with train and test" if path.is_dir() and is_mvtec(path) else None
    except (OSError, ValueError):  # Too long or with a zero byte: finding it will say so.
        return None


def _of_records(name: str, records: list[ImageRecord], *, table: Path | None = None) -> Opened:
    rest = [record for record in records if record.split != "train"]
    return Opened(
        label=printable(_last(name)),
        places=(name,),
        records=lambda: rest,
        train=tuple(record for record in records if record.split == "train"),
        table=table,
        is_labelled=True,
    )


def _last(name: str) -> str:
    """How people call a place: without the folders above it, a glob as it is."""
    return name if any(char in name for char in "*?[") else PurePath(absolute(Path(name))).name
