"""What came of a training, in words."""

from pathlib import Path

import pytest

from embedsvc.jobs.train_result import TrainResult

FIGURES = {"n_texts": 1, "accuracy": 0.5, "macro_f1": 0.25}


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({}, ["3 epochs in 1 min 15 s, the best is epoch 2."]),
        ({"best_epoch": 0, "n_epochs": 1}, ["1 epoch in 1 min 15 s."]),
        (
            {"validation": FIGURES, "test": FIGURES | {"n_texts": 1200, "auroc": None}},
            [
                "3 epochs in 1 min 15 s, the best is epoch 2.",
                "On 1 held-out text: accuracy 0.5000, macro-F1 0.2500",
                "On 1,200 test texts: accuracy 0.5000, macro-F1 0.2500",
            ],
        ),
    ],
)
def test_lines(changes, lines):
    metrics = {"n_epochs": 3, "best_epoch": 2, "seconds": 75, "validation": None, "test": None}
    result = TrainResult(Path("model"), metrics | changes)
    assert result.lines() == lines
    assert (result.notes, result.report) == ([], Path("model/report.html"))


def test_notes():
    assert TrainResult(Path("model"), {"notes": ["one", "two"]}).notes == ["one", "two"]
