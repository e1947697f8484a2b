"""Reports made of nothing, for tests of their pages."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from embedsvc.report.anomaly_report import AnomalyReport, ScoredImage
from embedsvc.report.comparison_report import ComparisonReport, DetectorRow, Judgement, Miss
from embedsvc.report.pictures import draw_pictures

NASTY = """a/</script><script>document.title="ran"</script>"it's"&\u202e{{7*7}}.png"""
THRESHOLD = 1.0


def made_images(
    n: int, *, pictures: int = 0, labels: bool = False, baseline: bool = False
) -> list[ScoredImage]:
    """Images with scores 2, ..., 0 in three folders; the upper half is anomalous.

    With labels, every fifth image is misjudged; with a baseline, every fourth is judged otherwise.
    """
    grey = np.full((24, 32, 3), 120, np.uint8)
    ramp = np.tile(np.linspace(0, 1, 32, dtype=np.float32), (24, 1))
    drawn = draw_pictures(grey, ramp, low=0.0, high=1.0)
    images = []
    for i, score in enumerate(np.linspace(2, 0, n)):
        is_anomaly = bool(score > THRESHOLD)
        image = ScoredImage(
            name=f"part{i % 3}/image_{i:04d}.png",
            folder=f"part{i % 3}",
            score=float(score),
            p_value=0.01 if is_anomaly else 0.6,
            is_anomaly=is_anomaly,
        )
        if labels:
            label = int(is_anomaly != (i % 5 == 0))
            image = replace(image, label=label, defect="scratch" if label else "good")
        if baseline:
            image = replace(
                image, baseline_score=1.5, baseline_is_anomaly=is_anomaly != (i % 4 == 0)
            )
        if i < pictures:
            image = replace(
                image,
                picture=drawn.picture,
                map_picture=drawn.map_picture,
                overlay_picture=drawn.overlay_picture,
            )
        images.append(image)
    return images


def made_anomaly_report(images: list[ScoredImage], **changes: object) -> AnomalyReport:
    """A report on these images, with some of its fields changed."""
    report = AnomalyReport(
        title="parts",
        detector="patchcore",
        detector_about="It remembers patches of normal pictures.",
        settings={"size": "256 x 256"},
        n_normal=300,
        normal_source="parts/good",
        trained_at="2026-01-02 03:04",
        fit_seconds=61.0,
        ms_per_image=41.2,
        threshold=THRESHOLD,
        threshold_about="at most 5 % false alarms, from 300 held-out normal images",
        false_alarm_rate=0.05,
        calibration_scores=np.linspace(0.2, 1.1, 300),
        images=images,
    )
    return replace(report, **changes)  # type: ignore[arg-type]


def made_row(detector: str, auroc: float, **changes: object) -> DetectorRow:
    """The figures of a detector that are not under test are the same for all."""
    row = DetectorRow(
        detector=detector,
        image_auroc=auroc,
        image_auroc_interval=(auroc - 0.03, auroc + 0.02),
        average_precision=0.8,
        f1=0.7,
        false_alarm_rate=0.062,
        false_alarm_interval=(0.03, 0.1),
        fit_seconds=12.0,
        ms_per_image=33.0,
        model_bytes=5_000_000,
    )
    return replace(row, **changes)  # type: ignore[arg-type]


def made_comparison(**changes: object) -> ComparisonReport:
    """Three detectors, given from the worst to the best, and one miss."""
    drawn = made_images(1, pictures=1)[0]
    rates = np.array([0.0, 0.1, 1.0]), np.array([0.0, 0.8, 1.0])
    report = ComparisonReport(
        title="tiles",
        dataset="tiles, grouped",
        n_train=300,
        n_normal=70,
        n_anomalous=30,
        rows=[
            made_row("hog", 0.7, is_baseline=True),
            made_row("gaussian", 0.85),
            made_row("patchcore", 0.91, pixel_auroc=0.93, aupro=0.8, note="8,000 patches"),
        ],
        roc={name: rates for name in ("hog", "gaussian", "patchcore")},
        verdict="Use patchcore.",
        misses=[
            Miss(
                name="a.png",
                label=1,
                defect="crack",
                picture=drawn.picture,
                judgements={
                    "patchcore": Judgement(4, True, drawn.overlay_picture),
                    "hog": Judgement(77, False),
                },
            )
        ],
    )
    return replace(report, **changes)  # type: ignore[arg-type]
