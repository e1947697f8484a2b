"""What a caller is told at the end of a search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedsvc.jobs.detect_output import REPORT


@dataclass(frozen=True)
class DetectResult:
    """The result of a search for anomalies; all of it stands in the output folder too.

    Attributes:
        output: the folder.
        report: the page.
        method: of the detector.
        n_images: how many were scored.
        n_anomalous: how many of them lie above the threshold.
        n_unreadable: how many could not be scored.
        threshold: a score above it is an anomaly.
        threshold_about: how it was chosen.
        top: name and score of the most anomalous images, highest first, at most ten.
        metrics: figures by name on the labelled images that measure; None without such.
        baseline_metrics: the same of the HOG baseline.
        warnings: what to know before trusting the result.
        notes: what was decided on the way.
        resumed: images that an earlier run had scored.
        stood_already: the result was there, and nothing was done.
        seconds: wall time of this run.
    """

    output: Path
    report: Path
    method: str
    n_images: int
    n_anomalous: int
    n_unreadable: int
    threshold: float
    threshold_about: str
    top: tuple[tuple[str, float], ...]
    metrics: dict[str, float | None] | None
    baseline_metrics: dict[str, float | None] | None
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    resumed: int
    stood_already: bool
    seconds: float


def to_result(
    metrics: Mapping[str, Any],
    output: Path,
    *,
    seconds: float,
    resumed: int = 0,
    stood_already: bool = False,
) -> DetectResult:
    """Tell the result out of what `metrics.json` holds.

    Args:
        metrics: as written.
        output: the folder.
        seconds: wall time of this run.
        resumed: images that an earlier run had scored.
        stood_already: whether nothing was done.
    """
    baseline = metrics["baseline"]
    return DetectResult(
        output=output,
        report=output / REPORT,
        method=metrics["method"],
        n_images=metrics["n_images"],
        n_anomalous=metrics["n_anomalous"],
        n_unreadable=metrics["n_unreadable"],
        threshold=metrics["threshold"],
        threshold_about=metrics["threshold_about"],
        top=tuple((one["path"], one["score"]) for one in metrics["top"]),
        metrics=metrics["metrics"],
        baseline_metrics=None if baseline is None else baseline["metrics"],
        warnings=tuple(metrics["warnings"]),
        notes=tuple(metrics["notes"]),
        resumed=resumed,
        stood_already=stood_already,
        seconds=seconds,
    )
