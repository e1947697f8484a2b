"""The files below a folder, in the same order on every machine.

The order is that of plain sorting by path parts: "img10" comes before "img2". It is what `sorted`
gives on paths, needs no rule for numbers, signs and languages that people would have to know, and
can be kept while streaming, as each folder is sorted by itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from embedsvc.errors import InputError
from embedsvc.images.records import IMAGE_ENDINGS

# Left behind by archives, desktops and notebooks; hidden names are left out anyway.
_LITTER = {"__macosx", "thumbs.db"}


def walk_files(root: Path, *, enter: Callable[[str], bool] = lambda _folder: True) -> Iterator[str]:
    """List the files below a folder, without hidden ones, holding one folder a level at a time.

    Links are followed; each folder is entered once, however many links lead to it, so that circles
    of links end. A link that leads nowhere is listed like a file: reading it will tell.

    Args:
        root: the folder; it may be hidden itself.
        enter: asked for each folder below `root`, by its path relative to it.

    Yields:
        Paths relative to `root` with forward slashes.

    Raises:
        InputError: a folder cannot be read.
    """
    entered: set[tuple[int, int]] = set()
    levels = [("", _open_folder(root, entered))]
    while levels:
        above, entries = levels[-1]
        if not entries:
            levels.pop()
            continue
        name, is_folder = entries.pop()
        path = above + name
        if not is_folder:
            yield path
        elif enter(path):
            levels.append((f"{path}/", _open_folder(root / path, entered)))


def is_left_out(name: str) -> bool:
    """Whether a file or folder of this name is passed over below a folder."""
    return name.startswith(".") or name.casefold() in _LITTER


def is_image_name(name: str) -> bool:
    """Whether the ending is one of `IMAGE_ENDINGS`, in any case."""
    return name.lower().endswith(IMAGE_ENDINGS)


def _open_folder(folder: Path, entered: set[tuple[int, int]]) -> list[tuple[str, bool]]:
    """Name and "is a folder" of each entry, last first; nothing if it was entered before."""
    try:
        stat = folder.stat()
        if (stat.st_dev, stat.st_ino) in entered:
            return []
        entered.add((stat.st_dev, stat.st_ino))
        with os.scandir(folder) as entries:
            kinds = [(one.name, _is_folder(one)) for one in entries if not is_left_out(one.name)]
    except OSError as err:
        raise InputError(
            f"Expected a readable folder, got {str(folder)!r}: {err.strerror or err}. "
            "Check its permissions, or name other folders."
        ) from err
    return sorted(((name, kind) for name, kind in kinds if kind is not None), reverse=True)


def _is_folder(entry: os.DirEntry[str]) -> bool | None:
    """True for a folder, False for a file or a broken link, None for pipes, sockets, devices."""
    try:
        if entry.is_dir():
            return True
        return False if entry.is_file() or not Path(entry.path).exists() else None
    except OSError:  # A link to itself, for example.
        return False
