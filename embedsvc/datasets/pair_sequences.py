"""Which pairs of a manifest were taken of the same thing, where it does not say so itself.

Pairs of one sequence must not be split between training and evaluation. The folder of the first
picture is its sequence, relative to the manifest's folder or, where one lies elsewhere, to what all
of them lie in; where all first pictures lie in one folder, that tells nothing, and pairs
that share pictures, directly or over other pairs, are one sequence.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path


class Sequences:
    """Learns from all pairs of a manifest, then names the sequence of each.

    Pictures are absolute paths.

    Attributes:
        folder: of the manifest.
        shared: pictures that are in pairs of two sequences, with both; known once all are named.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shared: dict[str, tuple[str, str]] = {}
        self._folders: set[str] = set()
        self._above: dict[str, str] = {}  # a forest: pictures below one that stands for them
        self._numbers: dict[str, int] = {}
        self._sequences: dict[str, str] = {}

    def add(self, image_a: str, image_b: str, named: str) -> None:
        """Learn of a pair.

        Args:
            image_a: the first picture.
            image_b: the second one.
            named: its sequence as the manifest has it; "" where it says nothing.
        """
        if named:
            return
        self._folders.add(_folder_of(image_a))
        tops = [self._top(image_a), self._top(image_b)]
        first, second = sorted(tops, key=self._numbers.__getitem__)
        self._above[second] = first

    def of(self, image_a: str, image_b: str, named: str) -> str:
        """The sequence of a pair, once all are known; arguments as of `add`."""
        sequence = named
        if not sequence:
            place = _folder_of(image_a) if self.by_folder else self._top(image_a)
            sequence = Path(os.path.relpath(place, self._base)).as_posix()
        for image in (image_a, image_b):
            other = self._sequences.setdefault(image, sequence)
            if other != sequence:
                self.shared.setdefault(image, (other, sequence))
        return sequence

    @property
    def by_folder(self) -> bool:
        """Whether pairs without a sequence are told apart by their folders."""
        return len(self._folders) > 1

    @property
    def how(self) -> str | None:
        """How pairs without a sequence got one, for a note; None where all have one."""
        if not self._folders:
            return None
        if self.by_folder:
            return "the folder of its first image is the sequence of each pair"
        return (
            "all first images are in one folder: pairs that share images, directly or over others, "
            "are one sequence"
        )

    @cached_property
    def _base(self) -> str:
        """The manifest's folder, or what all the folders lie in where one is elsewhere."""
        own = str(self.folder)
        everywhere = os.path.commonpath([own, *self._folders])
        return own if everywhere == own else os.path.commonpath(self._folders)

    def _top(self, image: str) -> str:
        """The first picture of all that are linked to this one."""
        above = self._above
        if image not in above:
            above[image] = image
            self._numbers[image] = len(self._numbers)
        while above[image] != image:
            above[image] = above[above[image]]
            image = above[image]
        return image


def _folder_of(image: str) -> str:
    return os.path.dirname(image)  # noqa: PTH120 (a text is wanted, and there may be millions)
