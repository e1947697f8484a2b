"""The page of a comparison: its table, its curves, and the images that detectors got wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from embedsvc.evaluation.scores import is_anomalous, roc_points
from embedsvc.images.decode import decode_mask
from embedsvc.images.records import ImageRecord
from embedsvc.jobs.compare_figures import Row, Truth
from embedsvc.jobs.compare_kinds import SUPERVISED
from embedsvc.jobs.compare_measure import MAP_RANGE
from embedsvc.jobs.pictures import map_pictures, picture_of
from embedsvc.report.comparison_report import (
    ComparisonReport,
    DetectorRow,
    Judgement,
    Miss,
    write_comparison_report,
)

MOST_MISSED = 8
MOST_FALSE_ALARMS = 4
_SIDE = 240


def write_page(
    output: Path,
    metrics: Mapping[str, Any],
    rows: Sequence[Row],
    truth: Truth,
    *,
    n_labelled: int,
) -> Path:
    """Draw `report.html` into a folder.

    Args:
        output: the folder.
        metrics: what `metrics.json` says.
        rows: the detectors, in the order of its entries.
        truth: of the test images.
        n_labelled: anomalies that the supervised detector learned from.

    Returns:
        The path of the page.
    """
    report = ComparisonReport(
        title=Path(metrics["dataset"]).name or metrics["dataset"],
        dataset=metrics["dataset"],
        n_train=metrics["n_train"],
        n_normal=metrics["n_test_normal"],
        n_anomalous=metrics["n_test_anomalous"],
        rows=[_table_row(entry, metrics["baseline"], n_labelled) for entry in metrics["detectors"]],
        roc={row.contestant.name: roc_points(row.measured.scores, truth.labels) for row in rows},
        verdict=metrics["verdict"],
        warnings=metrics["warnings"],
        misses=[_miss(i, rows, truth) for i in worst_misses(rows, truth)],
    )
    return write_comparison_report(report, output)


def worst_misses(rows: Sequence[Row], truth: Truth) -> list[int]:
    """The images that detectors got most wrong: missed anomalies first, then false alarms.

    How wrong a missed anomaly is: the share of normal images that score at least as high, summed
    over the detectors that missed it. For a false alarm the same the other way round.

    Returns:
        At most 8 missed anomalies and 4 false alarms, as positions in the test.
    """
    wrong = np.zeros(len(truth.labels))
    for row in rows:
        scores = row.measured.scores
        normal, anomalous = np.sort(scores[truth.labels == 0]), np.sort(scores[truth.labels == 1])
        above = 1 - np.searchsorted(normal, scores, side="left") / len(normal)
        below = np.searchsorted(anomalous, scores, side="right") / len(anomalous)
        is_wrong = is_anomalous(scores, row.measured.threshold) != (truth.labels == 1)
        # Wrong by the threshold alone still counts a little.
        wrong += is_wrong * (1e-6 + np.where(truth.labels == 1, above, below))
    missed = _largest(np.where(truth.labels == 1, wrong, 0), MOST_MISSED)
    return missed + _largest(np.where(truth.labels == 0, wrong, 0), MOST_FALSE_ALARMS)


def _largest(values: NDArray[np.float64], most: int) -> list[int]:
    order = np.argsort(-values, kind="stable")[:most]
    return [i for i in order.tolist() if values[i] > 0]


def _table_row(entry: Mapping[str, Any], baseline: str | None, n_labelled: int) -> DetectorRow:
    taught = entry["kind"] == SUPERVISED
    low, high = entry["image_auroc_interval"]
    fewest, most = entry["false_alarm_interval"]
    return DetectorRow(
        detector=entry["detector"],
        image_auroc=entry["image_auroc"],
        image_auroc_interval=(low, high),
        average_precision=entry["average_precision"],
        f1=entry["f1"],
        false_alarm_rate=entry["false_alarm_rate"],
        false_alarm_interval=(fewest, most),
        fit_seconds=entry["fit_seconds"],
        ms_per_image=entry["ms_per_image"],
        model_bytes=entry["model_bytes"],
        pixel_auroc=entry["pixel_auroc"],
        aupro=entry["aupro"],
        is_baseline=entry["detector"] == baseline,
        note=f"learned from {n_labelled} labelled anomalies too" if taught else "",
    )


def _miss(index: int, rows: Sequence[Row], truth: Truth) -> Miss:
    record = truth.records[index]
    mask = None if record.mask is None else decode_mask(record.mask)
    judgements = {}
    for row in rows:
        scores = row.measured.scores
        judgements[row.contestant.name] = Judgement(
            rank=int(rankdata(-scores, method="min")[index]),
            is_anomaly=bool(is_anomalous(scores[[index]], row.measured.threshold)[0]),
            overlay=_overlay(index, record, row, mask),
        )
    return Miss(
        name=record.name,
        label=int(truth.labels[index]),
        defect=record.defect,
        picture=picture_of(record.path, max_side=_SIDE),
        judgements=judgements,
    )


def _overlay(
    index: int, record: ImageRecord, row: Row, mask: NDArray[np.bool_] | None
) -> bytes | None:
    measured = row.measured
    if measured.maps is None:
        return None
    found = measured.maps[index].astype(np.float32)
    _, drawn = map_pictures(
        record.path, found, measured.preparation, MAP_RANGE, truth=mask, max_side=_SIDE
    )
    return drawn
