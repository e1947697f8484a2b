"""What is checked of every detector; tests of the contract check the same through `fit`."""

from __future__ import annotations

import numpy as np
import pytest
from brightness import NORMAL, Brightness

from embedsvc.detectors.checks import check_at_least, check_counts, check_scoring, check_types
from embedsvc.errors import ArtifactError, InputError

# Settings


def test_types():
    check_types(Brightness())
    with pytest.raises(InputError, match="folds to be a whole number, got 1.5"):
        check_types(Brightness(folds=1.5))


def test_the_least():
    check_at_least(Brightness(folds=1), {"folds": 1})
    with pytest.raises(InputError, match="folds to be at least 1, got 0"):
        check_at_least(Brightness(folds=0), {"seed": 0, "folds": 1})


# Images


def test_counts():
    check_counts(np.array([0, 0]), kind="brightness", needs_anomalies=False)
    check_counts(np.array([0, 0, 1, 1]), kind="brightness", needs_anomalies=True)
    with pytest.raises(InputError, match="at least 2 normal images to learn from, got 1"):
        check_counts(np.array([0, 1]), kind="brightness", needs_anomalies=False)
    with pytest.raises(InputError, match="2 labelled anomalies for 'brightness', got 1"):
        check_counts(np.array([0, 0, 1]), kind="brightness", needs_anomalies=True)


# What was learned elsewhere


@pytest.mark.parametrize(
    ("mean", "message"),
    [
        (np.zeros(2), r"mean of shape \(1,\), got \(2,\)"),
        (np.full(1, np.nan), r"a black picture gave \[nan\]"),
        (np.array(["a"]), "a black picture gave: "),
    ],
)
def test_a_state_that_cannot_score(mean: np.ndarray, message: str):
    detector = Brightness().fit(NORMAL)
    detector.check_state()
    detector.state_ = {"mean": mean}
    with pytest.raises(ArtifactError, match=message):
        detector.check_state()


def test_scores_of_another_shape():
    check_scoring(lambda pixels: pixels.sum(axis=(1, 2, 3)), (4, 6), kind="sum")
    with pytest.raises(ArtifactError, match=r"Expected a sum detector .* gave \[\[0, 0, 0\]\]"):
        check_scoring(lambda pixels: pixels.sum(axis=(1, 2)), (4, 6), kind="sum")
