"""What all detectors have from their base, shown on one that looks at brightness alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from embedsvc.detectors.base import AnomalyDetector
from embedsvc.detectors.learned import Shape, State
from embedsvc.errors import ArtifactError, InputError
from embedsvc.images.loading import Failure


class Brightness(AnomalyDetector):
    """Scores a picture by how far its mean brightness is from that of the normal ones."""

    kind: ClassVar[str] = "brightness"
    has_maps: ClassVar[bool] = True

    def __init__(
        self,
        *,
        size: int | tuple[int, int] = 8,
        resize: str = "stretch",
        lighting: str = "keep",
        tiles: int = 1,
        false_alarm_rate: float | None = None,
        folds: int = 5,
        seed: int = 0,
    ) -> None:
        super().__init__(
            size=size,
            resize=resize,
            lighting=lighting,
            tiles=tiles,
            false_alarm_rate=false_alarm_rate,
            folds=folds,
            seed=seed,
        )
        self.learned: list[list[int]] = []

    def _state_shapes(self) -> dict[str, Shape]:
        return {"mean": (1,)}

    def _features(self, pixels: np.ndarray) -> np.ndarray:
        return pixels.mean(axis=3)

    def _learn(self, features: np.ndarray, labels: np.ndarray) -> State:
        means = features.mean(axis=(1, 2))
        self.learned.append(np.rint(means).astype(int).tolist())
        return {"mean": means.mean(keepdims=True)}

    def _score(self, features: np.ndarray, state: State) -> np.ndarray:
        return np.abs(features.mean(axis=(1, 2)) - state["mean"])

    def _maps(self, features: np.ndarray, state: State) -> np.ndarray:
        return np.abs(features - state["mean"]).astype(np.float32)


class Few(Brightness):
    max_images: ClassVar[int | None] = 10


class Supervised(Brightness):
    needs_anomalies: ClassVar[bool] = True


def grey(*levels: int) -> list[np.ndarray]:
    """A flat picture of each level."""
    return [np.full((8, 8, 3), level, np.uint8) for level in levels]


NORMAL = grey(*range(100, 125))


# Splits


def test_each_fold_learns_from_the_others_and_the_last_state_from_all():
    detector = Brightness(folds=5).fit(NORMAL, groups=range(25))
    *folds, everything = detector.learned
    assert [len(fold) for fold in folds] == [20] * 5
    assert sorted(sum(([*set(range(100, 125)) - set(fold)] for fold in folds), [])) == sorted(
        range(100, 125)
    )
    assert everything == list(range(100, 125))
    assert detector.state_["mean"].tolist() == [112]
    assert len(detector.calibration_scores_) == 25


def test_one_fold_holds_a_fifth_out_for_good():
    detector = Brightness(folds=1).fit(NORMAL, groups=range(25))
    (learned,) = detector.learned
    assert len(learned) == 20
    held_out = np.array(sorted(set(range(100, 125)) - set(learned)))
    np.testing.assert_allclose(
        detector.calibration_scores_, np.sort(np.abs(held_out - np.mean(learned)))
    )


@pytest.mark.parametrize("folds", [1, 3])
def test_groups_are_kept_together(folds: int):
    groups = [level // 5 for level in range(25)]
    detector = Brightness(folds=folds).fit(NORMAL, groups=groups)
    for learned in detector.learned:
        numbers = [(level - 100) // 5 for level in learned]
        assert all(numbers.count(number) in (0, 5) for number in range(5))


def test_look_alikes_are_kept_together_where_no_groups_are_named():
    generator = np.random.default_rng(0)
    blocks = generator.integers(0, 255, (12, 8, 8, 1))
    pictures = np.repeat(blocks, 2, axis=0).repeat(3, axis=3).astype(np.uint8)
    pictures[1::2] = np.clip(pictures[1::2].astype(int) + 1, 0, 255)
    detector = Brightness(folds=3)
    seen: list[np.ndarray] = []
    learn = detector._learn
    detector._learn = lambda features, labels: (seen.append(features), learn(features, labels))[1]
    detector.fit(pictures)
    for features in seen[:-1]:
        kept = {
            i
            for i, picture in enumerate(pictures)
            if any(np.array_equal(picture.mean(axis=2), one) for one in features)
        }
        assert all((i in kept) == (i + 1 in kept) for i in range(0, 24, 2))


def test_labelled_anomalies_are_scored_by_the_last_state_and_not_learned_from():
    images = NORMAL + grey(*[200] * 5)
    detector = Brightness(folds=5).fit(images, [0] * 25 + [1] * 5)
    assert all(max(learned) < 125 for learned in detector.learned)
    assert detector.calibration_.false_alarm_rate is None
    assert 12 < detector.threshold_ < 88
    assert len(detector.calibration_scores_) == 25
    assert detector.descriptors_.shape == (25, 64)


def test_anomalies_of_a_supervised_detector_take_part_in_the_folds():
    images = NORMAL + grey(200, 210, 220)
    detector = Supervised(folds=3).fit(images, [0] * 25 + [1] * 3, groups=range(28))
    *folds, everything = detector.learned
    assert all(sum(level > 150 for level in fold) == 2 for fold in folds)
    assert sum(level > 150 for level in everything) == 3
    with pytest.raises(InputError, match="labelled anomalies of at least 2 groups"):
        detector.fit(images, [0] * 25 + [1] * 3, groups=[*range(25), *"aaa"])


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


# Many images


def test_of_more_images_than_it_can_hold_a_part_is_learned_from():
    images = NORMAL + grey(200, 210)
    labels = [0] * 25 + [1] * 2
    detector = Few().fit(images, labels, groups=range(27))
    assert len(detector.learned[-1]) == 10
    assert detector.n_images_ == 12
    again = Few().fit(images, labels, groups=range(27))
    assert again.learned == detector.learned
    assert Few(seed=1).fit(images, labels, groups=range(27)).learned != detector.learned


def test_failures_have_their_place_among_the_images_given(tmp_path: Path):
    broken = tmp_path / "broken.png"
    broken.touch()
    failures: list[Failure] = []
    images = [*NORMAL[:24], *[broken] * 24]
    detector = Few().fit(images, on_error="skip", on_failure=failures.append)
    assert failures
    assert all(24 <= failure.index < 48 for failure in failures)
    assert all(failure.name == str(broken) for failure in failures)
    assert detector.n_images_ == 10 - len(failures)


def test_nothing_readable(tmp_path: Path):
    broken = tmp_path / "broken.png"
    broken.touch()
    with pytest.raises(InputError, match="got none that can be read"):
        Brightness().fit([broken, broken], on_error="skip")
    with pytest.raises(InputError, match="at least 2 normal images to learn from, got 1"):
        Brightness().fit([NORMAL[0], broken, broken], on_error="skip")


def test_scoring_streams():
    detector = Brightness(size=256).fit(NORMAL)
    taken, done = [], []

    def images() -> Any:
        for i in range(500):
            taken.append(i)
            yield NORMAL[i % 25]

    stream = detector.score_stream(images(), advance=done.append)
    first = next(stream)
    stream.close()
    assert first.indices.tolist() == list(range(8))
    assert len(taken) < 60
    assert sum(done) >= 8


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


# Tiles


def test_the_worst_tile_decides():
    images = [np.repeat(np.repeat(one, 4, axis=0), 4, axis=1) for one in NORMAL]
    detector = Brightness(size=16, tiles=2).fit(images, groups=range(25))
    assert (detector.preparation.height, detector.preparation.width) == (30, 30)
    corner = np.full((30, 30, 3), 112, np.uint8)
    corner[:16, -16:] = 250
    assert detector.anomaly_score([corner])[0] == pytest.approx(138, abs=1)
    (map_,) = detector.anomaly_map([corner])
    assert map_.shape == (30, 30)
    assert map_[5, 25] == pytest.approx(138, abs=1)
    assert map_[25, 5] == pytest.approx(0, abs=1)


def test_a_size_of_two_numbers():
    for size in ((8, 16), [8, 16], np.array([8, 16]).tolist()):
        detector = Brightness(size=size).fit(NORMAL)
        assert detector.anomaly_map(NORMAL[:2]).shape == (2, 8, 16)
    assert Brightness(size=np.int64(8), folds=np.int32(2)).fit(NORMAL).n_images_ == 25


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
