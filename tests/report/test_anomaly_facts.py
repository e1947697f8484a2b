"""What the page says in words and small tables."""

from dataclasses import replace

import numpy as np
import pytest
from made_reports import made_images

from embedsvc.report.anomaly_facts import (
    agreement_table,
    expectation,
    folder_counts,
    metric_rows,
    outcome,
    verdict,
)


@pytest.mark.parametrize(
    ("n_anomalous", "n_images", "text"),
    [
        (0, 0, "No image was scored."),
        (0, 1, "The image is normal."),
        (0, 1200, "All 1,200 images are normal."),
        (1, 1, "The image is anomalous."),
        (3, 3, "All 3 images are anomalous."),
        (1, 120, "1 of 120 images is anomalous."),
        (23, 5000, "23 of 5,000 images are anomalous."),
    ],
)
def test_the_verdict(n_anomalous, n_images, text):
    assert verdict(n_anomalous, n_images) == text


def test_what_chance_would_bring():
    assert "about 6 would be expected" in expectation(0.05, 120)
    assert "hardly one would be expected" in expectation(0.01, 10)
    assert expectation(None, 120) is None
    assert expectation(0.05, 0) is None


def test_the_outcome_on_labelled_images():
    images = made_images(10)  # 0 to 4 are judged anomalous
    labelled = [replace(image, label=int(i in (0, 1, 9))) for i, image in enumerate(images)]
    assert outcome(labelled) == (
        "Of 3 labelled anomalies 2 were found and 1 missed; "
        "3 of 7 labelled normal images raised a false alarm."
    )
    assert outcome(labelled[:1]) == "Of 1 labelled anomaly 1 was found and 0 missed."
    assert outcome(labelled[5:6]) == "0 of 1 labelled normal image raised a false alarm."
    assert outcome(images) is None


def test_folders():
    images = [replace(image, folder="ab"[i % 2]) for i, image in enumerate(made_images(5))]
    # Scores 2, 1.5, 1, 0.5, 0: a has 2, 1, 0 and b has 1.5, 0.5.
    rows = [
        (row.name, row.n_images, row.n_anomalous, row.median_score) for row in folder_counts(images)
    ]
    assert rows == [("b", 2, 1, 1.0), ("a", 3, 1, 1.0)]
    assert folder_counts([]) == []


def test_measures_beside_the_baseline():
    ours = {"image_auroc": 0.9, "false_alarm_rate": 0.077, "pixel_auroc": None, "my_own": 1.0}
    assert metric_rows(ours, {"image_auroc": 0.8}) == [
        ("Image AUROC", "0.900", "0.800"),
        ("Realized false alarms", "7.7 %", "–"),
        ("Pixel AUROC", "–", "–"),
        ("My own", "1.000", "–"),
    ]
    assert metric_rows({"f1": 0.5}, None) == [("F1 at the threshold", "0.500", None)]
    assert metric_rows(None, None) == []


def test_agreement_with_the_baseline():
    assert agreement_table(made_images(4)) is None
    pairs = [(True, True), (True, False), (np.bool_(1), np.bool_(0)), (False, False), (True, None)]
    images = [
        replace(image, is_anomaly=ours, baseline_is_anomaly=its)
        for image, (ours, its) in zip(made_images(5), pairs, strict=True)
    ]
    assert agreement_table(images) == [[1, 2], [0, 1]]
