"""The result for people, as the page, and for programs, as `metrics.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedsvc import __version__
from embedsvc.detectors.base import AnomalyDetector
from embedsvc.evaluation.scores import image_metrics
from embedsvc.extract.rows import printable
from embedsvc.jobs.detect_found import MOST_TOP, Found, folder_of
from embedsvc.jobs.detect_learn import Fitted
from embedsvc.jobs.detect_options import METHODS
from embedsvc.jobs.detect_output import COMMAND
from embedsvc.jobs.detect_pictures import Pictures
from embedsvc.jobs.detect_plan import DetectPlan
from embedsvc.jobs.scoring import ScoredRow
from embedsvc.report.anomaly_data import AnomalyReport, ScoredImage, Totals
from embedsvc.report.numbers import format_count, format_percent
from embedsvc.settings import to_json

_MOST_FOLDERS = 1000
_MOST_FAILURES = 100
_TOP = 10


@dataclass(frozen=True)
class Told:
    """What is told of a search, in both forms.

    Attributes:
        plan: the search.
        fitted: the detector and its baseline.
        found: what came of it.
        warnings: what to know before trusting it.
        seconds: that scoring took, over all runs.
    """

    plan: DetectPlan
    fitted: Fitted
    found: Found
    warnings: tuple[str, ...]
    seconds: float

    @property
    def ms_per_image(self) -> float:
        """Milliseconds that an image took."""
        return 1000 * self.seconds / max(1, self.found.n_images)

    @property
    def measures(self) -> dict[str, float | None] | None:
        """The detector's figures on labelled images; None without labels."""
        labelled = self.found.labelled()
        return _measures(labelled.scores, labelled.labels, self.fitted.detector)

    @property
    def baseline_measures(self) -> dict[str, float | None] | None:
        """The baseline's figures on the same images; None without labels or baseline."""
        labelled = self.found.labelled()
        if self.fitted.baseline is None:
            return None
        return _measures(labelled.baseline_scores, labelled.labels, self.fitted.baseline)


def to_report(told: Told, pictures: Mapping[int, Pictures]) -> AnomalyReport:
    """All that the page shows.

    Args:
        told: the search and its result.
        pictures: small ones, by index of the image.
    """
    detector, found = told.fitted.detector, told.found
    rows = found.top
    listed = {row.index for row in rows}
    rows += [row for row in found.missed if row.index not in listed]
    return AnomalyReport(
        title=told.plan.listing.label,
        detector=detector.kind,
        detector_about=METHODS[detector.kind].about,
        settings=_settings_in_words(told),
        n_normal=len(detector.descriptors_),
        normal_source=told.fitted.normal_source,
        trained_at=f"{datetime.fromisoformat(detector.trained_at_):%Y-%m-%d %H:%M} UTC",
        fit_seconds=detector.fit_seconds_,
        ms_per_image=told.ms_per_image,
        threshold=detector.threshold_,
        threshold_about=detector.calibration_.about,
        false_alarm_rate=detector.calibration_.false_alarm_rate,
        calibration_scores=detector.calibration_scores_,
        images=[_image(row, found, pictures.get(row.index, Pictures())) for row in rows],
        failures=found.failures,
        warnings=(*told.warnings, *told.plan.notes),
        metrics=told.measures,
        baseline_metrics=told.baseline_measures,
        baseline_agreement=_agreement(told),
        totals=None if found.is_listed else _totals(found),
    )


def to_metrics(told: Told, *, run: Mapping[str, Any], images_sha256: str) -> dict[str, Any]:
    """The same for programs, as JSON values.

    Args:
        told: the search and its result.
        run: what the result depends on, to know it again.
        images_sha256: of the images that were scored.
    """
    plan, detector, found = told.plan, told.fitted.detector, told.found
    calibration = detector.calibration_
    return {
        "command": COMMAND,
        "embedsvc": __version__,
        "images": plan.listing.label,
        "method": detector.kind,
        "settings": {name: to_json(value) for name, value in detector.get_params().items()},
        "normal_source": told.fitted.normal_source,
        "n_normal": len(detector.descriptors_),
        "n_suspects": told.fitted.n_suspects,
        "trained_at": detector.trained_at_,
        "threshold": detector.threshold_,
        "threshold_about": calibration.about,
        "false_alarm_rate": calibration.false_alarm_rate,
        "n_calibration": len(calibration.scores),
        "n_images": found.n_images,
        "n_anomalous": found.n_anomalous,
        "n_unreadable": len(found.failures),
        "labels": {
            "n_labelled": found.n_labelled,
            "n_chose_threshold": found.n_chosen,
            "n_measured": found.n_labelled - found.n_chosen,
        },
        "metrics": told.measures,
        "baseline": _baseline(told),
        "folders": [asdict(folder) for folder in found.folders()[:_MOST_FOLDERS]],
        "top": [
            {"path": row.name, "score": row.score, "p_value": row.p_value}
            for row in found.top[:_TOP]
        ],
        "unreadable": [list(one) for one in found.failures[:_MOST_FAILURES]],
        "seconds": {"fit": detector.fit_seconds_, "score": told.seconds},
        "ms_per_image": told.ms_per_image,
        "warnings": list(told.warnings),
        "notes": list(plan.notes),
        "run": dict(run),
        "images_sha256": images_sha256,
    }


def shown_rows(found: Found) -> list[ScoredRow]:
    """The images whose pictures are in the page: the highest scores, and anomalies missed."""
    missed = found.missed
    top = found.top[: MOST_TOP - len(missed)]
    indices = {row.index for row in top}
    return [*top, *(row for row in missed if row.index not in indices)]


def _measures(
    scores: NDArray[np.float64], labels: NDArray[np.int64], detector: AnomalyDetector
) -> dict[str, float | None] | None:
    if not len(labels):
        return None
    figures = image_metrics(scores, labels, detector.threshold_)
    return {
        "image_auroc": figures.auroc,
        "average_precision": figures.average_precision,
        "f1": figures.f1,
        "precision": figures.precision,
        "recall": figures.recall,
        "false_alarm_rate": figures.false_alarm_rate,
    }


def _baseline(told: Told) -> dict[str, Any] | None:
    baseline = told.fitted.baseline
    if baseline is None:
        return None
    (both, own), (other, neither) = told.found.agreement
    return {
        "method": baseline.kind,
        "settings": {name: to_json(value) for name, value in baseline.get_params().items()},
        "threshold": baseline.threshold_,
        "threshold_about": baseline.calibration_.about,
        "metrics": told.baseline_measures,
        "agreement": {
            "both_anomalous": both,
            "detector_alone": own,
            "baseline_alone": other,
            "both_normal": neither,
        },
    }


def _agreement(told: Told) -> str | None:
    if told.fitted.baseline is None:
        return None
    (both, own), (other, neither) = told.found.agreement
    n = both + own + other + neither
    if not n:
        return None
    return (
        f"The verdicts agree on {format_percent((both + neither) / n)} of the images. "
        f"{format_count(own)} {'is' if own == 1 else 'are'} reported by "
        f"{told.fitted.detector.kind} alone, {format_count(other)} by HOG alone."
    )


def _image(row: ScoredRow, found: Found, pictures: Pictures) -> ScoredImage:
    # The page counts verdicts and labels: of all images or of none, without labels that were used.
    counted = found.is_listed
    return ScoredImage(
        name=row.name,
        folder=folder_of(row.name),
        score=row.score or 0.0,
        p_value=row.p_value or 0.0,
        is_anomaly=bool(row.is_anomaly),
        label=row.label if counted and not row.chosen else None,
        defect=row.defect,
        baseline_score=row.baseline_score,
        baseline_is_anomaly=row.baseline_is_anomaly if counted else None,
        picture=pictures.picture,
        map_picture=pictures.map_picture,
        overlay_picture=pictures.overlay_picture,
    )


def _totals(found: Found) -> Totals:
    return Totals(
        n_images=found.n_images,
        n_anomalous=found.n_anomalous,
        scores=found.sample(),
        folders=found.folders(),
    )


def _settings_in_words(told: Told) -> dict[str, str]:
    detector, found = told.fitted.detector, told.found
    settings = {
        name.replace("_", " "): _in_words(value) for name, value in detector.get_params().items()
    }
    if told.fitted.baseline is not None:
        settings["baseline"] = f"HOG, {_in_words(told.fitted.baseline.size)} pixels"
    if found.n_chosen:
        settings["labelled images"] = (
            f"{format_count(found.n_chosen)} used for learning or the threshold, "
            f"{format_count(found.n_labelled - found.n_chosen)} measured"
        )
    settings["embedsvc"] = __version__
    return settings


def _in_words(value: object) -> str:
    if value is None:
        return "automatic"
    if isinstance(value, Sequence) and not isinstance(value, str):
        separator = " x " if all(isinstance(one, int) for one in value) else ", "
        return separator.join(map(str, value))
    return printable(str(value))
