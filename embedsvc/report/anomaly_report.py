"""The page about scored images: which are anomalous, where, and how far to trust the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from embedsvc.errors import InputError
from embedsvc.report.anomaly_data import AnomalyReport, FolderCount, ScoredImage, Totals
from embedsvc.report.anomaly_facts import (
    agreement_table,
    expectation,
    folder_counts,
    metric_rows,
    outcome,
    verdict,
)
from embedsvc.report.anomaly_rows import page_rows
from embedsvc.report.heatmap import css_gradient
from embedsvc.report.histogram import score_histogram
from embedsvc.report.page import PAGE_NAME, render_page, write_page

__all__ = [
    "AnomalyReport",
    "FolderCount",
    "ScoredImage",
    "Totals",
    "render_anomaly_report",
    "write_anomaly_report",
]

_MOST_FOLDERS, _MOST_FAILURES = 300, 500


def write_anomaly_report(report: AnomalyReport, folder: Path) -> Path:
    """Write the page as `report.html` into a folder, made if need be, and return its path.

    Raises:
        InputError: a score is not finite, or a picture is no JPEG or PNG.
        OutputError: it cannot be written.
    """
    page = render_anomaly_report(report)
    write_page(folder / PAGE_NAME, page)
    return folder / PAGE_NAME


def render_anomaly_report(report: AnomalyReport) -> str:
    """The page as one self-contained text of HTML, at most about 25 MB.

    Raises:
        InputError: a score is not finite, or a picture is no JPEG or PNG.
    """
    images = sorted(report.images, key=lambda image: -image.score)
    scores = np.array([image.score for image in images], np.float64)
    if not np.isfinite([*scores, report.threshold]).all():
        raise InputError(
            "Expected finite scores and a finite threshold, got some that are not. "
            "List images without a score among the failures."
        )
    totals = report.totals or Totals(
        n_images=len(images),
        n_anomalous=sum(image.is_anomaly for image in images),
        scores=scores,
        folders=folder_counts(images),
    )
    rows = page_rows(images, report.threshold)
    context = {
        "report": report,
        "totals": totals,
        "title": report.title,
        "verdict": verdict(totals.n_anomalous, totals.n_images),
        "outcome": outcome(images),
        "expectation": expectation(report.false_alarm_rate, totals.n_images),
        "data": rows,
        "n_listed": len(rows["name"]),
        "n_pictures": len(rows["pictures"]),
        "has_maps": any(image.map_picture for image in images),
        "has_labels": any(image.label is not None for image in images),
        "has_baseline": any(image.baseline_is_anomaly is not None for image in images),
        "histograms": _histograms(report, totals, images),
        "folders": totals.folders[:_MOST_FOLDERS],
        "failures": report.failures[:_MOST_FAILURES],
        "metrics": metric_rows(report.metrics, report.baseline_metrics),
        "agreement": agreement_table(images),
        "gradient": css_gradient(),
    }
    return render_page(
        "anomaly.html.j2",
        context,
        styles=("gallery.css", "viewer.css"),
        scripts=("gallery.js", "viewer.js"),
    )


def _histograms(
    report: AnomalyReport, totals: Totals, images: Sequence[ScoredImage]
) -> dict[str, str]:
    labels = None
    if report.totals is None:
        labels = np.array([-1 if image.label is None else image.label for image in images])
    return {
        name: score_histogram(
            report.calibration_scores, totals.scores, report.threshold, labels=labels, width=width
        )
        for name, width in (("wide", 640), ("narrow", 380))
    }
