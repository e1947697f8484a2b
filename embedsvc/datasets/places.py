"""What a user may name as a place of images: a folder, a glob or a file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from embedsvc.datasets.walk import is_left_out, walk_files
from embedsvc.errors import InputError
from embedsvc.images.records import IMAGE_ENDINGS

_MAGIC = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Place:
    """One place, found on the disk.

    What a pattern matches is taken with the images that lie below it, as a shell would hand over
    the folders of "lots/*". An ending written out in the last pattern ("*.ppm") counts as one of an
    image.

    Attributes:
        named: how the user named it, for messages.
        root: the file, or the folder to walk.
        pattern: one pattern for each path part below `root`: () is the whole folder; None a file.
        recursive: whether folders in a matched folder are walked too.
    """

    named: str
    root: Path
    pattern: tuple[str, ...] | None
    recursive: bool = True

    @property
    def endings(self) -> tuple[str, ...]:
        """What the names of images end in here, in lower case."""
        last = Path(self.pattern[-1]).suffix.lower() if self.pattern else ""
        return IMAGE_ENDINGS if not last or _MAGIC & set(last) else (*IMAGE_ENDINGS, last)

    def walk(self) -> Iterator[str]:
        """The files in all folders where images of this place may lie, relative to `root`."""
        return walk_files(self.root, enter=self._enters)

    def takes(self, name: str, endings: tuple[str, ...]) -> bool:
        """Whether a file below `root` is an image of this place; `endings` is that of the place."""
        pattern = self.pattern or ()
        if not name.lower().endswith(endings) or any(map(is_left_out, name.split("/"))):
            return False
        if not pattern and self.recursive:  # The common case, and millions of names may come.
            return True
        return any(state >= len(pattern) for state in self._states(name))

    def _enters(self, folder: str) -> bool:
        states = self._states(folder)
        return bool(states) and (self.recursive or min(states) <= len(self.pattern or ()))

    def _states(self, name: str) -> set[int]:
        """How many patterns the path may have used up; one more once it is below a match."""
        pattern = self.pattern or ()
        states = _skip_stars({0}, pattern)
        for part in name.split("/"):
            after = set()
            for state in states:
                if state < len(pattern):
                    if pattern[state] == "**":
                        after.add(state)
                    elif fnmatch(part, pattern[state]):
                        after.add(state + 1)
                elif state == len(pattern) or self.recursive:
                    after.add(len(pattern) + 1)
            states = _skip_stars(after, pattern)
        return states


def _skip_stars(states: set[int], pattern: Sequence[str]) -> set[int]:
    """Add the states in which a "**" has stood for no folder at all."""
    reached = set(states)
    for at, part in enumerate(pattern):
        if part == "**" and at in reached:
            reached.add(at + 1)
    return reached


def find_places(places: Sequence[str | Path], *, recursive: bool) -> list[Place]:
    """Find each place on the disk, without listing folders.

    Raises:
        InputError: nothing is named, or a place does not exist, or is a pipe or a device.
    """
    if isinstance(places, str | Path) or not places:
        raise InputError(
            f"Expected a list of folders, globs or files, got {places!r}. "
            "Pass at least one place, in a list."
        )
    return [_find(str(place), recursive=recursive) for place in places]


def _find(named: str, *, recursive: bool) -> Place:
    path = Path(named)
    try:
        if named and path.is_dir():
            return Place(named, path, (), recursive)
        if named and path.is_file():
            return Place(named, path, None)
        # What exists is taken as it is, whatever characters it has.
        if _MAGIC & set(named) and not path.exists():
            return _find_glob(named, recursive=recursive)
        problem = (
            "which is a pipe or a device" if named and path.exists() else "which does not exist"
        )
    except (OSError, ValueError) as err:  # Too long, or not permitted.
        problem = f"which cannot be read ({getattr(err, 'strerror', None) or err})"
    raise InputError(
        f"Expected a folder, a glob or an image file, got {named!r}, {problem}. Check the path."
    )


def _find_glob(named: str, *, recursive: bool) -> Place:
    parts = Path(named).parts
    fixed = next(at for at, part in enumerate(parts) if _MAGIC & set(part))
    root = Path(*parts[:fixed])
    if not root.is_dir():
        raise InputError(
            f"Expected images that match {named!r}, got no folder {str(root)!r}. Check the path."
        )
    return Place(named, root, parts[fixed:], recursive)


def absolute(path: Path) -> str:
    """The absolute path, without following links: how a file is recognized as named before."""
    return os.path.abspath(path)  # noqa: PTH100 (Path.absolute keeps "..", resolve follows links)


def own_names(paths: Iterable[str]) -> dict[str, str]:
    """A name for each absolute path: its last part, or as many as make the names unique."""
    parts = {path: Path(path).parts[1:] for path in paths}  # Without the root of the disk.
    deepest = max(map(len, parts.values()), default=1)
    names: dict[str, str] = {}
    for depth in range(1, max(deepest, 1) + 1):
        names = {path: "/".join(own[-depth:]) for path, own in parts.items()}
        if len(set(names.values())) == len(names):
            break
    return names
