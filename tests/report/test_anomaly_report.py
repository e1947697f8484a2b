"""The page about scored images, as text."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from made_reports import NASTY, made_anomaly_report, made_images

from embedsvc.errors import InputError
from embedsvc.report import anomaly_report, anomaly_rows
from embedsvc.report.anomaly_report import (
    FolderCount,
    Totals,
    render_anomaly_report,
    write_anomaly_report,
)


def data_of(page):
    found = re.search(r'<script type="application/json" id="report-data">(.*?)</script>', page)
    return json.loads(found.group(1))


def test_what_the_page_says():
    images = made_images(11, pictures=3, labels=True, baseline=True)
    page = render_anomaly_report(
        made_anomaly_report(
            images,
            warnings=["Look out."],
            failures=[("broken.png", "the file ends too early")],
            metrics={"image_auroc": 0.9},
            baseline_metrics={"image_auroc": 0.8},
            baseline_agreement="It agrees mostly.",
        )
    )
    for said in (
        "<h1>5 of 11 images are anomalous.</h1>",
        "at most 5 % false alarms, from 300 held-out normal images",
        "Look out.",
        "the file ends too early",
        "256 x 256",
        "It agrees mostly.",
        "41 ms",
        "1 min 1 s",
        "Misjudged",
        "HOG disagrees",
    ):
        assert said in page
    assert page.index("Look out.") < page.index('id="images"')


def test_what_is_not_known_is_not_shown():
    page = render_anomaly_report(made_anomaly_report(made_images(3), false_alarm_rate=None))
    for said in ("Misjudged", "HOG", "Before you trust", "could not be read", "False alarms asked"):
        assert said not in page.partition("<script>")[0], said
    assert 'id="view"' not in page


def test_images_are_ranked():
    images = made_images(5)
    rows = data_of(render_anomaly_report(made_anomaly_report(images[::-1])))
    assert rows["name"] == [image.name for image in images]


@pytest.mark.parametrize("n", [0, 1])
def test_hardly_any_images(n):
    page = render_anomaly_report(
        made_anomaly_report(made_images(n), calibration_scores=np.zeros(0), settings={})
    )
    assert data_of(page)["rank"] == [1][:n]


def test_untrusted_names_stay_text():
    image = replace(made_images(1)[0], name=NASTY, folder=NASTY, label=1, defect=NASTY)
    page = render_anomaly_report(
        made_anomaly_report(
            [image, *made_images(2)],
            title=NASTY,
            detector=NASTY,
            settings={NASTY: NASTY},
            normal_source=NASTY,
            warnings=[NASTY],
            failures=[(NASTY, NASTY)],
            threshold_about=NASTY,
        )
    )
    assert "</script><script>document" not in page
    assert page.count("<script>") == 1
    assert "{{7*7}}" in page
    assert data_of(page)["name"][0] == NASTY
    assert data_of(page)["defect"][0] == NASTY


def test_nothing_is_asked_from_outside():
    page = render_anomaly_report(made_anomaly_report(made_images(4, pictures=2)))
    assert not re.search(r'(src|href|url)\s*[=(]\s*["\']?(https?:)?//', page)


def test_a_million_images_in_a_small_page(monkeypatch):
    monkeypatch.setattr(anomaly_rows, "MOST_ROWS", 50)
    monkeypatch.setattr(anomaly_report, "_MOST_FOLDERS", 4)
    totals = Totals(
        n_images=1_000_000,
        n_anomalous=1_234,
        scores=np.linspace(0, 2, 1000),
        folders=[FolderCount(f"folder{i}", 100, i, 0.5) for i in range(9)],
    )
    page = render_anomaly_report(made_anomaly_report(made_images(100), totals=totals))
    assert "1,234 of 1,000,000 images are anomalous." in page
    assert "This page lists 50 of 1,000,000 images" in page
    assert "and 5 more folders." in page
    assert len(data_of(page)["name"]) == 50


def test_many_failures(monkeypatch):
    monkeypatch.setattr(anomaly_report, "_MOST_FAILURES", 3)
    failures = [(f"{i}.png", "empty") for i in range(1200)]
    page = render_anomaly_report(made_anomaly_report(made_images(3), failures=failures))
    assert "Files that could not be read: 1,200" in page
    assert "and 1,197 more." in page
    assert "3.png" not in page.partition("<script>")[0]


@pytest.mark.parametrize("changes", [{"threshold": float("inf")}, {"images": [float("nan")]}])
def test_scores_that_are_none(changes):
    if "images" in changes:
        changes = {"images": [replace(made_images(1)[0], score=changes["images"][0])]}
    with pytest.raises(InputError, match="Expected finite scores"):
        render_anomaly_report(replace(made_anomaly_report([]), **changes))


def test_writing(tmp_path):
    path = write_anomaly_report(made_anomaly_report(made_images(2)), tmp_path / "new")
    assert path == tmp_path / "new" / "report.html"
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
