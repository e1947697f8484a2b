"""What all detectors have from their base, shown on one that looks at brightness alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from brightness import NORMAL, Brightness, grey

from embedsvc.detectors.learned import State
from embedsvc.errors import InputError

# Thresholds


def test_a_rate_is_refused_before_anything_is_learned_and_the_last_fit_stays():
    detector = Brightness().fit(NORMAL, groups=range(25))
    before, threshold = detector.state_, detector.threshold_
    detector.set_params(false_alarm_rate=0.01).learned.clear()
    with pytest.raises(InputError, match="at least 99 normal images"):
        detector.fit(grey(*range(50)))
    assert detector.learned == []
    assert detector.state_ is before
    assert detector.threshold_ == threshold
    # Of 25 images a fifth is held out: too few for a rate that 25 could vouch for.
    with pytest.raises(InputError, match="at least 19 normal images .*got 5"):
        Brightness(folds=1, false_alarm_rate=0.05).fit(NORMAL, groups=range(25))


def test_scores_are_compared_in_double_precision():
    detector = Brightness().fit(NORMAL, groups=range(25))
    detector.threshold_ = 1.0 + 1e-12
    assert detector.label(np.array([1.0], np.float32)).tolist() == [0]
    detector.threshold_ = 1.0 - 1e-12
    assert detector.label(np.array([1.0], np.float32)).tolist() == [1]


def test_suspects_are_positions_among_the_images_given(tmp_path: Path):
    broken = tmp_path / "broken.png"
    broken.touch()
    images = [*NORMAL[:10], broken, *NORMAL[10:], *grey(255)]
    detector = Brightness().fit(images, groups=range(27), on_error="skip")
    assert detector.suspects_.tolist() == [26]
    assert detector.n_images_ == 26


def test_progress_is_drawn_on_request(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes stderr for a terminal
    Brightness().fit(NORMAL).anomaly_score(NORMAL)
    assert capfd.readouterr() == ("", "")
    detector = Brightness().fit(NORMAL, show_progress=True)
    detector.anomaly_score(NORMAL, show_progress=True)
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "Reading" in shown.err
    assert "Scoring" in shown.err


# Maps


class AtOnce(Brightness):
    """Has scores and maps from one computation."""

    computed = 0

    def _judge(self, features: np.ndarray, state: State) -> tuple[np.ndarray, np.ndarray]:
        self.computed += 1
        maps = np.abs(features - state["mean"]).astype(np.float32)
        return np.abs(features.mean(axis=(1, 2)) - state["mean"]), maps


def test_scores_with_maps_are_one_computation(monkeypatch: pytest.MonkeyPatch):
    expected = list(Brightness().fit(NORMAL).score_stream(NORMAL, with_maps=True))
    detector = AtOnce().fit(NORMAL)
    for name in ("_score", "_maps"):
        monkeypatch.setattr(detector, name, None)
    (batch,) = detector.score_stream(NORMAL, with_maps=True)
    assert detector.computed == 1
    np.testing.assert_array_equal(batch.scores, expected[0].scores)
    np.testing.assert_array_equal(batch.maps, expected[0].maps)


# Sizes


def test_a_size_of_two_numbers():
    for size in ((8, 16), [8, 16], np.array([8, 16]).tolist()):
        detector = Brightness(size=size).fit(NORMAL)
        assert detector.anomaly_map(NORMAL[:2]).shape == (2, 8, 16)
    assert Brightness(size=np.int64(8), folds=np.int32(2)).fit(NORMAL).n_images_ == 25
