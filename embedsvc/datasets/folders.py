"""Images in folders, behind globs and named outright, as a stream of records."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from embedsvc.datasets.places import Place, absolute, find_places, own_names
from embedsvc.errors import InputError
from embedsvc.images.records import ImageRecord

_SHOWN_ENDINGS = 8


def scan_images(places: Sequence[str | Path], *, recursive: bool = True) -> list[ImageRecord]:
    """List the images in all places; see `iter_images`, which this collects.

    Example:
        >>> scan_images(["parts"])  # doctest: +SKIP
        [ImageRecord(path=PosixPath('parts/a/1.png'), name='a/1.png', ...)]
    """
    return list(iter_images(places, recursive=recursive))


def iter_images(places: Sequence[str | Path], *, recursive: bool = True) -> Iterator[ImageRecord]:
    """Stream the images in all places, holding no more than one folder a level.

    The order is that of the places, and in each of plain sorting by path parts. An image that an
    earlier place holds is not given again. A file named outright is taken whatever its ending:
    decoding will tell whether it is an image.

    Args:
        places: folders, globs such as "parts/*.png" or "lots/**/good" (quoted from the shell) and
            files. A path that exists is taken as it is, whatever characters it has.
        recursive: whether folders within folders are walked.

    Returns:
        Records with path and name alone. A name is relative to the folder, or to the part of a glob
        that has no wildcard; of several places each has its own name in front.

    Raises:
        InputError: at once if a place does not exist; while streaming if a folder cannot be read or
            a place holds no image.
    """
    return _stream(find_places(places, recursive=recursive))


def _stream(places: Sequence[Place]) -> Iterator[ImageRecord]:
    roots = [absolute(place.root) for place in places]
    prefixes = own_names(roots) if len(places) > 1 else {}
    before = _Before()
    for place, root in zip(places, roots, strict=True):
        if place.pattern is None:
            if not before.holds(root):
                name = prefixes.get(root, place.root.name)
                yield ImageRecord(path=place.root, name=_printable(name))
        else:
            prefix = prefixes.get(root, "")
            overlaps = before.overlaps(root)
            for name in _images(place):
                if not overlaps or not before.holds(absolute(place.root / name)):
                    shown = f"{prefix}/{name}" if prefix else name
                    yield ImageRecord(path=place.root / name, name=_printable(shown))
        before.add(place, root)


def _images(place: Place) -> Iterator[str]:
    found = False
    endings = place.endings
    others: Counter[str] = Counter()
    for name in place.walk():
        if place.takes(name, endings):
            found = True
            yield name
        elif not found:
            ending = Path(name).suffix.lower()
            others[ending if ending in others or len(others) < 1000 else ""] += 1
    if not found:
        raise InputError(
            f"Expected images in {place.named!r} (endings {', '.join(endings)}), "
            f"got {_describe(others)}. Check the folder, or name files of other endings outright."
        )


def _describe(endings: Counter[str]) -> str:
    if not endings:
        return "no files"
    shown = [
        f"{count:,} {ending or 'without a known ending'}"
        for ending, count in endings.most_common(_SHOWN_ENDINGS)
    ]
    more = len(endings) - len(shown)
    rest = f" and {more:,} endings more" if more else ""
    return f"{endings.total():,} other files: {', '.join(shown)}{rest}"


class _Before:
    """The earlier places, to know without a list of images whether they held one."""

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._walked: dict[str, list[tuple[Place, tuple[str, ...]]]] = {}
        self._roots_and_above: set[str] = set()

    def add(self, place: Place, root: str) -> None:
        self._roots_and_above.update(map(str, (Path(root), *Path(root).parents)))
        if place.pattern is None:
            self._files.add(root)
        else:
            self._walked.setdefault(root, []).append((place, place.endings))

    def overlaps(self, root: str) -> bool:
        """Whether an earlier place lies in this folder, or is one that this one lies in."""
        above = map(str, Path(root).parents)
        return root in self._roots_and_above or any(folder in self._walked for folder in above)

    def holds(self, path: str) -> bool:
        """Whether an earlier place gave this file."""
        if path in self._files:
            return True
        whole = Path(path)
        return any(
            place.takes(whole.relative_to(folder).as_posix(), endings)
            for folder in whole.parents
            for place, endings in self._walked.get(str(folder), ())
        )


def _printable(name: str) -> str:
    """A name that can be written as UTF-8; bytes that are not stand as escapes."""
    if name.isascii():
        return name
    return os.fsencode(name).decode("utf-8", "backslashreplace")
