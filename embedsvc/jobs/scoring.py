"""Scores of any number of images, a window at a time: what is done is safe, and is not done again.

    listing -> windows of 256 images -> detector and baseline -> parts and journal

Of each image a part holds all that the results are made of, whether it could be read or not, so
that no list of images is ever in memory.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from embedsvc.datasets.places import absolute
from embedsvc.extract.journal import Journal, Part
from embedsvc.extract.kinds import Inputs
from embedsvc.extract.missing import MissingOptions, compute_missing
from embedsvc.extract.rows import ImageRow, Reject
from embedsvc.extract.windows import Window

if TYPE_CHECKING:
    from pathlib import Path

    from embedsvc.detectors.base import AnomalyDetector
    from embedsvc.images.loading import Failure

_SCHEMA = pa.schema(
    [
        # Paths may hold bytes that are no text.
        ("name", pa.string()),
        ("path", pa.binary()),
        ("label", pa.int8()),
        ("defect", pa.string()),
        ("mask", pa.binary()),
        ("chosen", pa.bool_()),
        ("score", pa.float64()),
        ("p_value", pa.float64()),
        ("is_anomaly", pa.bool_()),
        ("baseline_score", pa.float64()),
        ("baseline_is_anomaly", pa.bool_()),
        ("error", pa.string()),
    ]
)


@dataclass(frozen=True, kw_only=True)
class ScorePart(Part):
    """What the journal keeps of a part with scores.

    Attributes:
        seconds: that the detector took, the baseline not counted.
    """

    seconds: float


@dataclass(frozen=True, eq=False)
class Scored:
    """What came of one window: arrays of shape (n_readable,), in order.

    Attributes:
        scores: float64, higher = more anomalous.
        p_values: float64.
        is_anomaly: bool.
        baseline_scores: float64, or None without a baseline.
        baseline_is_anomaly: bool, or None.
        seconds: that the detector took.
        failures: what is wrong with the images that have no score, by their number in the window.
    """

    scores: NDArray[np.float64]
    p_values: NDArray[np.float64]
    is_anomaly: NDArray[np.bool_]
    baseline_scores: NDArray[np.float64] | None
    baseline_is_anomaly: NDArray[np.bool_] | None
    seconds: float
    failures: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class ScoredRow:
    """One image and what was found; without a score where `error` says why.

    Attributes:
        index: its position among all images, from 0.
        name: as the user knows it.
        path: the file, as the system's bytes.
        label: 0 normal, 1 anomalous, None unknown.
        defect: the kind of defect, where known.
        mask: the file of the ground truth, as the system's bytes.
        chosen: whether its label chose the threshold, or was learned from.
        score: higher = more anomalous.
        p_value: how rare such a score is among normal images.
        is_anomaly: whether the score lies above the threshold.
        baseline_score: of the baseline.
        baseline_is_anomaly: verdict of the baseline.
        error: why it could not be scored.
    """

    index: int
    name: str
    path: bytes | None
    label: int | None
    defect: str | None
    mask: bytes | None
    chosen: bool
    score: float | None
    p_value: float | None
    is_anomaly: bool | None
    baseline_score: float | None
    baseline_is_anomaly: bool | None
    error: str | None


def score_missing(
    listing: Inputs,
    detector: AnomalyDetector,
    baseline: AnomalyDetector | None,
    journal: Journal[ScorePart],
    *,
    on_error: str,
    overwrite: bool,
    advance: Callable[[int], None] = lambda count: None,
) -> int:
    """Score every image that no earlier run has scored.

    Args:
        listing: the images.
        detector: fitted; it must be the one that the parts in the journal came from.
        baseline: a second detector for the same images, or None.
        journal: takes a part a window; what is in it is not computed again.
        on_error: "error" stops at the first unusable image, "skip" keeps the reason and goes on.
        overwrite: drop parts of other images instead of refusing them.
        advance: called, also from other threads, with the number of images just done.

    Returns:
        How many windows were computed.

    Raises:
        InputError: an unusable image, unless they are skipped.
        ResumeError: the images are not those that the earlier parts are of.
        OutputError: the disk is full or not writable. What is done is kept.
    """

    def compute(windows: Iterator[list[Path]]) -> Iterator[Scored]:
        return (_score_window(paths, detector, baseline, advance) for paths in windows)

    options = MissingOptions(on_error=on_error, overwrite=overwrite)
    n_computed = 0
    done = compute_missing(listing, compute, journal, options, advance)
    with closing(done) as windows:
        for window, scored in windows:
            record = ScorePart(
                index=window.index,
                digest=window.digest,
                rows=len(window.rows),
                rejects=len(window.rejects),
                seconds=scored.seconds,
            )
            # What is wrong with an image stands in its row.
            journal.add(_to_table(window, scored), record, [])
            n_computed += 1
    return n_computed


def read_scored(journal: Journal[ScorePart]) -> Iterator[ScoredRow]:
    """All images in input order, a part in memory at a time.

    Raises:
        ArtifactError: a part was damaged since it was written.
    """
    index = 0
    for table in journal.tables():
        columns = [table.column(name).to_pylist() for name in _SCHEMA.names]
        for values in zip(*columns, strict=True):
            yield ScoredRow(index, *values)
            index += 1


def _score_window(
    paths: list[Path],
    detector: AnomalyDetector,
    baseline: AnomalyDetector | None,
    advance: Callable[[int], None],
) -> Scored:
    start = time.perf_counter()
    scores, failures = _scores(paths, detector, advance)
    seconds = time.perf_counter() - start
    readable = [i for i in range(len(paths)) if i not in failures]
    advance(len(failures))
    others = None
    if baseline is not None:
        found, failed = _scores([paths[i] for i in readable], baseline)
        # A file may be gone by now.
        failures |= {readable[i]: reason for i, reason in failed.items()}
        kept = [i for i in range(len(readable)) if i not in failed]
        others, readable = found[kept], [readable[i] for i in kept]
    own = scores[readable]
    return Scored(
        scores=own,
        p_values=detector.p_value(own),
        is_anomaly=detector.label(own) == 1,
        baseline_scores=others,
        baseline_is_anomaly=None
        if baseline is None or others is None
        else baseline.label(others) == 1,
        seconds=seconds,
        failures=failures,
    )


def _scores(
    paths: list[Path],
    detector: AnomalyDetector,
    advance: Callable[[int], None] = lambda count: None,
) -> tuple[NDArray[np.float64], dict[int, str]]:
    """Scores of shape (n_paths,), NaN where there is none, and what is wrong with those."""
    scores = np.full(len(paths), np.nan)
    failures: dict[int, str] = {}

    def note(failure: Failure) -> None:
        failures[failure.index] = failure.reason

    for batch in detector.score_stream(paths, on_error="skip", on_failure=note, advance=advance):
        scores[batch.indices] = batch.scores
    return scores, failures


def _to_table(window: Window, scored: Scored) -> pa.Table:
    """One row an image of the window, readable or not, in input order."""
    rows = []
    n_scored = 0
    for item in window.items:
        if isinstance(item, Reject):
            rows.append({"name": item.file, "error": item.reason})
        elif isinstance(item, ImageRow):
            rows.append({**_known(item), **_found(scored, n_scored)})
            n_scored += 1
    columns = [[row.get(name) for row in rows] for name in _SCHEMA.names]
    return pa.table(
        [pa.array(values, field.type) for values, field in zip(columns, _SCHEMA, strict=True)],
        schema=_SCHEMA,
    )


def _known(item: ImageRow) -> dict[str, Any]:
    # Absolute, as a run may be continued from another folder.
    return {**item.columns, "name": item.name, "path": os.fsencode(absolute(item.path))}


def _found(scored: Scored, at: int) -> dict[str, Any]:
    found = {
        "score": float(scored.scores[at]),
        "p_value": float(scored.p_values[at]),
        "is_anomaly": bool(scored.is_anomaly[at]),
    }
    if scored.baseline_scores is not None and scored.baseline_is_anomaly is not None:
        found["baseline_score"] = float(scored.baseline_scores[at])
        found["baseline_is_anomaly"] = bool(scored.baseline_is_anomaly[at])
    return found
