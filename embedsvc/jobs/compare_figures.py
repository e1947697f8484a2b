"""From scores to figures and to a verdict in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedsvc.evaluation.bootstrap import bootstrap_interval, paired_difference_interval
from embedsvc.evaluation.conformal import binomial_interval, central_binomial_counts
from embedsvc.evaluation.scores import auroc, image_metrics, is_anomalous
from embedsvc.images.records import ImageRecord
from embedsvc.jobs.compare_kinds import BASELINE, SUPERVISED, Contestant
from embedsvc.jobs.compare_measure import Measured, known_groups

_SHOWN = 3


@dataclass(frozen=True)
class Row:
    """A detector and what it found."""

    contestant: Contestant
    measured: Measured


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known of the test images.

    Attributes:
        records: one an image.
        labels: 0 normal, 1 anomalous, int64 array of shape (n_test,).
        groups: pictures of one object share a group; None where none is known.
    """

    records: Sequence[ImageRecord]
    labels: NDArray[np.int64]
    groups: list[str | None] | None

    @classmethod
    def of(cls, records: Sequence[ImageRecord]) -> Truth:
        """What the records say."""
        labels = np.array([record.label for record in records], np.int64)
        return cls(records, labels, known_groups(records))


def figures_of(row: Row, truth: Truth, *, seed: int) -> dict[str, Any]:
    """The entry of a detector in `metrics.json`; None for what cannot be said."""
    measured, contestant = row.measured, row.contestant
    metrics = image_metrics(measured.scores, truth.labels, measured.threshold)
    alarms = int(is_anomalous(measured.scores[truth.labels == 0], measured.threshold).sum())
    return {
        "detector": contestant.name,
        "image_auroc": metrics.auroc,
        "image_auroc_interval": list(
            bootstrap_interval(auroc, measured.scores, truth.labels, groups=truth.groups, seed=seed)
        ),
        "average_precision": metrics.average_precision,
        "f1": metrics.f1,
        "precision": metrics.precision,
        "recall": metrics.recall,
        "false_alarm_rate": metrics.false_alarm_rate,
        "false_alarm_interval": list(binomial_interval(alarms, metrics.n_normal)),
        "false_alarm_rate_allowed": measured.allowed_rate,
        "threshold": measured.threshold,
        "pixel_auroc": measured.pixel_auroc,
        "aupro": measured.aupro,
        "fit_seconds": measured.fit_seconds,
        "ms_per_image": measured.ms_per_image,
        "model_bytes": measured.model_bytes,
        "suspects": measured.suspects,
        "kind": contestant.kind,
        "lighting": contestant.lighting,
        "settings": measured.settings,
    }


def baseline_of(rows: Sequence[Row], truth: Truth) -> Row | None:
    """The row that the others have to beat: the better one of the baseline's."""
    own = [row for row in rows if row.contestant.kind == BASELINE]
    return max(own, key=lambda row: auroc(row.measured.scores, truth.labels), default=None)


def lead_over(
    row: Row, baseline: Row, truth: Truth, *, seed: int
) -> tuple[float, tuple[float, float]]:
    """How much higher a detector's AUROC is than the baseline's, and the interval of that."""
    own, other = row.measured.scores, baseline.measured.scores
    interval = paired_difference_interval(own, other, truth.labels, groups=truth.groups, seed=seed)
    return auroc(own, truth.labels) - auroc(other, truth.labels), interval


def verdict_of(entries: Sequence[Mapping[str, Any]], baseline: Row | None) -> str:
    """Which detector to use and whether it was worth it, in a sentence.

    Args:
        entries: of `metrics.json`, with "lead" and "lead_interval" where there is a baseline.
        baseline: what had to be beaten, or None.
    """
    supervised = [one for one in entries if one["kind"] == SUPERVISED]
    # A detector that was shown defects is no fair opponent for one that was not.
    others = [one for one in entries if one["kind"] not in (BASELINE, SUPERVISED)] or supervised
    if not others:
        return "Only the HOG baseline was measured: there is nothing to compare it with."
    best = max(others, key=lambda one: float(one["image_auroc"]))
    return _alone(best, others) if baseline is None else _against(best, baseline)


def _alone(best: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> str:
    low, high = best["image_auroc_interval"]
    place = f"is the best of {len(others)}" if len(others) > 1 else "was measured alone"
    return (
        f"{best['detector']} {place}, AUROC {best['image_auroc']:.2f} (95 % interval {low:.2f} to "
        f"{high:.2f}). Without HOG nobody knows whether deep learning was needed."
    )


def _against(best: Mapping[str, Any], baseline: Row) -> str:
    (low, high), lead = best["lead_interval"], float(best["lead"])
    hog = "HOG" if baseline.contestant.name == BASELINE else "gain-normalized HOG"
    if low > 0:
        return (
            f"Deep learning was worth it: {best['detector']} beats {hog} by {lead:.2f} "
            f"(95 % interval {_signed(low)} to {_signed(high)})."
        )
    if lead == 0 and best["image_auroc"] == 1:
        return f"Deep learning was not needed: {hog} tells all these images apart, too."
    if high < 0:
        return (
            f"Deep learning was not worth it: {hog} beats {best['detector']} by {-lead:.2f} "
            f"(95 % interval {_signed(-high)} to {_signed(-low)})."
        )
    return (
        f"Deep learning was not clearly worth it: {best['detector']} minus {hog} is "
        f"{_signed(lead)} (95 % interval {_signed(low)} to {_signed(high)})."
    )


def warnings_of(rows: Sequence[Row], truth: Truth, n_normals: int) -> list[str]:
    """What the detectors themselves say against the figures."""
    return [*_suspected(rows, n_normals), *_too_many_alarms(rows, truth)]


def _suspected(rows: Sequence[Row], n_normals: int) -> list[str]:
    by_name: dict[str, list[str]] = {}
    for row in rows:
        for name in row.measured.suspects:
            by_name.setdefault(name, []).append(row.contestant.name)
    if not by_name:
        return []
    ranked = sorted(by_name.items(), key=lambda one: -len(one[1]))
    shown = "; ".join(f"{name} ({' and '.join(kinds)})" for name, kinds in ranked[:_SHOWN])
    return [
        f"{len(by_name)} of {n_normals} normal training images may be anomalies themselves: "
        f"{shown}. Look at them, and take out what is not good."
    ]


def _too_many_alarms(rows: Sequence[Row], truth: Truth) -> list[str]:
    """Name detectors with more false alarms than chance allows: the test's normals differ."""
    n_normal = int((truth.labels == 0).sum())
    found = []
    for row in rows:
        measured = row.measured
        if measured.allowed_rate is None:
            continue
        scores = measured.scores[truth.labels == 0]
        alarms = int(is_anomalous(scores, measured.threshold).sum())
        _, most = central_binomial_counts(
            n_normal, measured.allowed_rate, n_calibration=measured.n_calibration
        )
        if alarms > most:
            found.append((alarms, row.contestant.name, measured.allowed_rate))
    if not found:
        return []
    shown = ", ".join(f"{name} {100 * alarms / n_normal:.0f} %" for alarms, name, _ in found)
    return [
        f"More false alarms than the {100 * found[0][2]:.2g} % allowed ({shown}): normal images of "
        "the test differ from those learned from. Learn from images as they will be scored."
    ]


def _signed(value: float) -> str:
    """Two decimals, with a real minus sign and no minus zero."""
    rounded = round(value, 2) + 0.0
    return f"{rounded:.2f}".replace("-", "\N{MINUS SIGN}")


def finite(value: Any) -> Any:
    """JSON values with None for what is no finite number."""
    if isinstance(value, Mapping):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
