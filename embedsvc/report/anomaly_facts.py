"""What the page about scored images says in words and small tables, counted from the images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median

from embedsvc.report.anomaly_data import FolderCount, ScoredImage
from embedsvc.report.numbers import format_count, format_measure, format_percent, plural

_METRICS = {
    "image_auroc": "Image AUROC",
    "auroc": "Image AUROC",
    "average_precision": "Average precision",
    "f1": "F1 at the threshold",
    "precision": "Precision at the threshold",
    "recall": "Anomalies found",
    "false_alarm_rate": "Realized false alarms",
    "pixel_auroc": "Pixel AUROC",
    "pixel_average_precision": "Pixel average precision",
    "aupro": "AUPRO (regions)",
}
_SHARES = ("recall", "false_alarm_rate")


def verdict(n_anomalous: int, n_images: int) -> str:
    """The result in one sentence.

    Example:
        >>> verdict(23, 120)
        '23 of 120 images are anomalous.'
    """
    if n_images == 0:
        return "No image was scored."
    if n_anomalous == 0:
        one = n_images == 1
        return "The image is normal." if one else f"All {format_count(n_images)} images are normal."
    if n_anomalous == n_images:
        one = n_images == 1
        whole = "The image is" if one else f"All {format_count(n_images)} images are"
        return f"{whole} anomalous."
    verb = "is" if n_anomalous == 1 else "are"
    return f"{format_count(n_anomalous)} of {format_count(n_images)} images {verb} anomalous."


def expectation(false_alarm_rate: float | None, n_images: int) -> str | None:
    """How many false alarms chance alone would bring, in one sentence."""
    if false_alarm_rate is None or n_images == 0:
        return None
    expected = false_alarm_rate * n_images
    number = f"about {format_count(round(expected))}" if expected >= 1 else "hardly one"
    return f"If every image were normal, {number} would be expected above it by chance."


def outcome(images: Sequence[ScoredImage]) -> str | None:
    """How the verdicts compare with the labels, in one sentence; None without labels."""
    bad = [image for image in images if image.label == 1]
    good = [image for image in images if image.label == 0]
    said = []
    if bad:
        missed = sum(image.is_misjudged for image in bad)
        found = len(bad) - missed
        said.append(
            f"of {plural(len(bad), 'labelled anomaly', 'labelled anomalies')} "
            f"{format_count(found)} {'was' if found == 1 else 'were'} found and "
            f"{format_count(missed)} missed"
        )
    if good:
        alarms = sum(image.is_misjudged for image in good)
        said.append(
            f"{format_count(alarms)} of {plural(len(good), 'labelled normal image')} raised a "
            "false alarm"
        )
    text = "; ".join(said)
    return f"{text[0].upper()}{text[1:]}." if text else None


def folder_counts(images: Sequence[ScoredImage]) -> list[FolderCount]:
    """The counts of each folder, the one with the largest share of anomalous images first."""
    folders: dict[str, list[ScoredImage]] = {}
    for image in images:
        folders.setdefault(image.folder, []).append(image)
    counts = [
        FolderCount(
            name=name,
            n_images=len(inside),
            n_anomalous=sum(image.is_anomaly for image in inside),
            median_score=median(image.score for image in inside),
        )
        for name, inside in folders.items()
    ]
    return sorted(counts, key=lambda row: (-row.n_anomalous / row.n_images, row.name))


def metric_rows(
    metrics: Mapping[str, float | None] | None, baseline: Mapping[str, float | None] | None
) -> list[tuple[str, str, str | None]]:
    """Name, value and the baseline's value (None without a baseline) of each measure."""
    rows = []
    for name, value in (metrics or {}).items():
        write = format_percent if name in _SHARES else format_measure
        other = None if baseline is None else write(baseline.get(name))
        rows.append((_METRICS.get(name, name.replace("_", " ").capitalize()), write(value), other))
    return rows


def agreement_table(images: Sequence[ScoredImage]) -> list[list[int]] | None:
    """Images by verdict, [anomalous, normal] here by [anomalous, normal] of the baseline."""
    judged = [image for image in images if image.baseline_is_anomaly is not None]
    if not judged:
        return None
    pairs = Counter((bool(image.is_anomaly), bool(image.baseline_is_anomaly)) for image in judged)
    return [[pairs[mine, its] for its in (True, False)] for mine in (True, False)]
