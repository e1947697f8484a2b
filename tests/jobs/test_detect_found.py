"""What is gathered of very many scores, in bounded memory."""

import numpy as np
import pytest

from embedsvc.jobs import detect_found
from embedsvc.jobs.detect_found import Best, Found, Sample, find
from embedsvc.jobs.detect_pictures import overlay_name
from embedsvc.jobs.scoring import ScoredRow


def made_row(index, score, **changes):
    known = {
        "index": index,
        "name": f"f{index % 3}/{index}.png",
        "path": f"/images/{index}.png".encode(),
        "label": None,
        "defect": None,
        "mask": None,
        "chosen": False,
        "score": score,
        "p_value": 0.5,
        "is_anomaly": score is not None and score > 1.0,
        "baseline_score": None,
        "baseline_is_anomaly": None,
        "error": None if score is not None else "Broken.",
    }
    return ScoredRow(**{**known, **changes})


def test_the_best_are_kept_and_earlier_ones_win_ties():
    best = Best(3)
    for index, score in enumerate([1.0, 5.0, 5.0, 2.0, 5.0, 5.0]):
        best.add((score, -index), index)
    assert best.ranked() == [1, 2, 4]
    nothing = Best(0)
    nothing.add((1.0,), "x")
    assert nothing.ranked() == []


def test_a_sample_is_everything_or_fair():
    few, many = Sample(10), Sample(500)
    for value in range(10):
        few.add(value)
    for value in range(20_000):
        many.add(value)
    assert few.values().tolist() == list(range(10))
    assert len(many.values()) == 500
    assert np.mean(many.values()) == pytest.approx(10_000, rel=0.1)


def test_everything_is_counted(monkeypatch):
    rows = [
        made_row(0, 0.5, label=0, baseline_score=0.1, baseline_is_anomaly=False),
        made_row(1, 1.5, label=1, baseline_score=0.1, baseline_is_anomaly=False),
        made_row(2, 0.2, label=1, baseline_score=0.9, baseline_is_anomaly=True),
        made_row(3, None),
        made_row(4, 0.1, label=1, chosen=True, baseline_score=0.9, baseline_is_anomaly=True),
        made_row(5, 2.5, baseline_score=0.9, baseline_is_anomaly=True),
    ]
    found = find(rows, frozenset({"/images/0.png", "/images/4.png"}))
    assert (found.n_images, found.n_anomalous, found.n_labelled, found.n_chosen) == (5, 2, 4, 1)
    assert found.failures == [("f0/3.png", "Broken.")]
    assert [row.index for row in found.top] == [5, 1, 0, 2, 4]
    assert [row.index for row in found.missed] == [4, 2]
    assert found.agreement == [[1, 1], [2, 1]]
    assert (found.n_known, found.known) == (1, ["f0/0.png"])
    assert found.labelled().labels.tolist() == [0, 1, 1]
    assert found.labelled().scores.tolist() == [0.5, 1.5, 0.2]
    assert [row.index for row in found.looked_at] == [1, 2, 5]
    folders = {row.name: (row.n_images, row.n_anomalous) for row in found.folders()}
    assert folders == {"f0": (1, 0), "f1": (2, 1), "f2": (2, 1)}


def test_memory_does_not_grow_with_images_and_folders(monkeypatch):
    monkeypatch.setattr(detect_found, "_MOST_FOLDERS", 2)
    found = Found(_top=Best(5), _looked_at=Best(7))
    for i in range(100):
        found.add(made_row(i, i / 100), known=False)
    assert [row.index for row in found.top] == [99, 98, 97, 96, 95]
    assert len(found.looked_at) == 7
    assert {row.name for row in found.folders()} == {"f0", "f1", "(all other folders)"}
    assert sum(row.n_images for row in found.folders()) == 100


def test_overlay_names_are_safe_and_unlike():
    assert overlay_name(3, "crack/a b.jpg") == "0003_crack_a_b.png"
    assert overlay_name(4, "crack/a b.png") == "0004_crack_a_b.png"
    assert overlay_name(1, "../../etc/<x>\n.png") == "0001_etc_x.png"
    assert overlay_name(2, "ä.png") == "0002.png"
    assert len(overlay_name(1, "x" * 500 + ".png")) < 100
