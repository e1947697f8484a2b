"""What was found, gathered in one pass over the scores in memory that does not grow with them."""

from __future__ import annotations

import heapq
import os
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from embedsvc.jobs.scoring import ScoredRow
from embedsvc.report.anomaly_data import FolderCount
from embedsvc.report.anomaly_rows import MOST_ROWS

MOST_TOP = 200
"""Pictures in the page."""
_MOST_MISSED = 50
_LOOKED_AT = 1000
_SAMPLE, _FOLDER_SAMPLE, _MOST_FOLDERS = 50_000, 256, 5000
_REST = "(all other folders)"
_NAMED = 5

Item = TypeVar("Item")


class Best(Generic[Item]):
    """The items with the largest keys, at most so many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._heap: list[tuple[tuple[float, ...], Item]] = []

    def add(self, key: tuple[float, ...], item: Item) -> None:
        """Take an item in if its key is large enough; no two keys may be equal."""
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, (key, item))
        elif self._heap and key > self._heap[0][0]:
            heapq.heapreplace(self._heap, (key, item))

    def ranked(self) -> list[Item]:
        """The items, largest key first."""
        return [item for _, item in sorted(self._heap, key=lambda one: one[0], reverse=True)]


class Sample:
    """A fair sample of a stream of numbers.

    Source: Vitter: Random sampling with a reservoir, 1985, algorithm R.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._n_seen = 0
        self._values: list[float] = []
        self._generator: np.random.Generator | None = None

    def add(self, value: float) -> None:
        """Take the next number."""
        self._n_seen += 1
        if len(self._values) < self._most:
            self._values.append(value)
            return
        if self._generator is None:
            self._generator = np.random.default_rng(0)
        at = int(self._generator.integers(self._n_seen))
        if at < self._most:
            self._values[at] = value

    def values(self) -> NDArray[np.float64]:
        """The sample: all numbers where there were few; float64 of shape (n,)."""
        return np.array(self._values, np.float64)


@dataclass
class _Folder:
    n_images: int = 0
    n_anomalous: int = 0
    sample: Sample = field(default_factory=lambda: Sample(_FOLDER_SAMPLE))


@dataclass(frozen=True, eq=False)
class Labelled:
    """The images that measure the result: arrays of shape (n,).

    Attributes:
        labels: 0 or 1.
        scores: of the detector.
        baseline_scores: of the baseline; empty without one.
    """

    labels: NDArray[np.int64]
    scores: NDArray[np.float64]
    baseline_scores: NDArray[np.float64]


@dataclass
class Found:
    """What was found.

    Attributes:
        n_images: how many have a score.
        n_anomalous: how many lie above the threshold.
        n_labelled: how many have a label.
        n_chosen: how many of these chose the threshold or were learned from.
        agreement: images by verdict, [anomalous, normal] here by [anomalous, normal] of the
            baseline.
        failures: name and reason of each image without a score.
        n_known: images that are among the normal ones, too.
        known: the names of the first of them.
    """

    n_images: int = 0
    n_anomalous: int = 0
    n_labelled: int = 0
    n_chosen: int = 0
    agreement: list[list[int]] = field(default_factory=lambda: [[0, 0], [0, 0]])
    failures: list[tuple[str, str]] = field(default_factory=list)
    n_known: int = 0
    known: list[str] = field(default_factory=list)
    _top: Best[ScoredRow] = field(default_factory=lambda: Best(MOST_ROWS))
    _missed: Best[ScoredRow] = field(default_factory=lambda: Best(_MOST_MISSED))
    _looked_at: Best[ScoredRow] = field(default_factory=lambda: Best(_LOOKED_AT))
    _folders: dict[str, _Folder] = field(default_factory=dict)
    _sample: Sample = field(default_factory=lambda: Sample(_SAMPLE))
    _labelled: list[tuple[int, float, float | None]] = field(default_factory=list)

    @property
    def top(self) -> list[ScoredRow]:
        """The images with the highest scores, as many as a page lists, highest first."""
        return self._top.ranked()

    @property
    def missed(self) -> list[ScoredRow]:
        """Labelled anomalies below the threshold, lowest first."""
        return self._missed.ranked()

    @property
    def looked_at(self) -> list[ScoredRow]:
        """Some images to be looked at more closely, labelled ones first; in input order."""
        return sorted(self._looked_at.ranked(), key=lambda row: row.index)

    @property
    def is_listed(self) -> bool:
        """Whether `top` is all of them."""
        return self.n_images <= MOST_ROWS

    def labelled(self) -> Labelled:
        """The images that measure the result."""
        baseline = [other for *_, other in self._labelled if other is not None]
        return Labelled(
            np.array([label for label, *_ in self._labelled], np.int64),
            np.array([score for _, score, _ in self._labelled], np.float64),
            np.array(baseline, np.float64),
        )

    def sample(self) -> NDArray[np.float64]:
        """A fair sample of the scores, float64 of shape (n,)."""
        return self._sample.values()

    def folders(self) -> list[FolderCount]:
        """The counts of each folder, the one with the largest share of anomalous images first."""
        counts = [
            FolderCount(name, one.n_images, one.n_anomalous, float(np.median(one.sample.values())))
            for name, one in self._folders.items()
        ]
        return sorted(counts, key=lambda row: (-row.n_anomalous / row.n_images, row.name))

    def add(self, row: ScoredRow, *, known: bool) -> None:
        """Take the next image.

        Args:
            row: the image.
            known: whether it is among the normal images that were learned from.
        """
        if row.score is None or row.is_anomaly is None:
            self.failures.append((row.name, row.error or ""))
            return
        self.n_images += 1
        self.n_anomalous += row.is_anomaly
        self._top.add((row.score, -row.index), row)
        self._sample.add(row.score)
        self._add_folder(folder_of(row.name), row.score, anomalous=row.is_anomaly)
        if row.baseline_is_anomaly is not None:
            self.agreement[1 - row.is_anomaly][1 - row.baseline_is_anomaly] += 1
        self._add_label(row)
        if known and not row.chosen:
            self.n_known += 1
            if len(self.known) < _NAMED:
                self.known.append(row.name)
        elif not row.chosen:
            # By a hash of the name: fair, and the same in every run.
            share = zlib.crc32(row.name.encode("utf-8", "backslashreplace"))
            self._looked_at.add((float(row.label is not None), share, row.index), row)

    def _add_label(self, row: ScoredRow) -> None:
        if row.label is None or row.score is None:
            return
        self.n_labelled += 1
        self.n_chosen += bool(row.chosen)
        if not row.chosen:
            self._labelled.append((row.label, row.score, row.baseline_score))
        if row.label == 1 and not row.is_anomaly:
            self._missed.add((-row.score, -row.index), row)

    def _add_folder(self, name: str, score: float, *, anomalous: bool) -> None:
        if name not in self._folders and len(self._folders) >= _MOST_FOLDERS:
            name = _REST
        folder = self._folders.setdefault(name, _Folder())
        folder.n_images += 1
        folder.n_anomalous += anomalous
        folder.sample.add(score)


def find(rows: Iterable[ScoredRow], learned: frozenset[str]) -> Found:
    """Gather what was found.

    Args:
        rows: all images, in input order.
        learned: absolute paths of the normal images.
    """
    found = Found()
    for row in rows:
        known = bool(learned) and row.path is not None and os.fsdecode(row.path) in learned
        found.add(row, known=known)
    return found


def folder_of(name: str) -> str:
    """The folder that an image is counted under."""
    return name.rpartition("/")[0]
