"""Which images are learned from, in folds and as a whole, and what is kept of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from brightness import NORMAL, Brightness, Few, Supervised, grey

from embedsvc.detectors.fitting import Method, choose_images, learn_and_judge
from embedsvc.errors import InputError
from embedsvc.images.loading import Failure

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


# Scores


def method(**changes: Any) -> Method:
    """Learns the mean, scores by the largest distance of a tile, draws distances."""
    settings: dict[str, Any] = {
        "learn": lambda rows, labels: {"mean": rows.mean(keepdims=True), "labels": labels},
        "score": lambda features, state: np.abs(features - state["mean"]).max(axis=(1, 2)),
        "maps": lambda rows, state: np.abs(rows - state["mean"])[:, np.newaxis],
        "needs_anomalies": False,
    }
    return Method(**{**settings, **changes})


# Four images of two tiles each, every tile of one number; the last is anomalous.
FEATURES = np.array([[0, 2], [4, 6], [8, 10], [90, 100]], float)[..., np.newaxis]
LABELS = np.array([0, 0, 0, 1])


def test_a_split_scores_what_was_held_out_and_anomalies_besides():
    judged = learn_and_judge(method(), FEATURES, LABELS, [(np.array([0, 1]), np.array([2]))])
    assert judged.state["mean"].item() == 3
    assert judged.state["labels"].tolist() == [0] * 4  # one a tile
    assert judged.scores.tolist() == [0, 0, 7, 97]
    assert judged.normal.tolist() == [2]
    assert judged.anomalous.tolist() == [3]
    assert judged.map_range == pytest.approx((6, 7), abs=0.01)


def test_folds_score_each_image_once_and_everything_is_learned_last():
    folds = [(np.array([1, 2]), np.array([0])), (np.array([0]), np.array([1, 2]))]
    judged = learn_and_judge(method(maps=None), FEATURES, LABELS, folds)
    assert judged.scores.tolist() == [7, 5, 9, 95]
    assert judged.normal.tolist() == [0, 1, 2]
    assert judged.state["mean"].item() == 5
    assert judged.map_range is None


def test_anomalies_that_are_learned_from_are_scored_where_they_are_held_out():
    split = [(np.array([0, 1, 3]), np.array([2]))]
    judged = learn_and_judge(method(needs_anomalies=True), FEATURES, LABELS, split)
    assert judged.state["labels"].tolist() == [0] * 4 + [1] * 2
    assert judged.normal.tolist() == [2]
    assert judged.anomalous.tolist() == []


def test_the_range_of_equal_maps_has_two_ends():
    split = [(np.array([0]), np.array([1]))]
    judged = learn_and_judge(method(), np.zeros((2, 1, 1)), np.zeros(2, np.int64), split)
    assert judged.map_range is not None
    low, high = judged.map_range
    assert low == 0 < high


# Many images


def test_chosen_are_all_or_a_part_of_the_normal_images():
    labels = np.array([0, 1, 0, 0, 1, 0])
    assert choose_images(labels, max_images=None, seed=0).tolist() == [0, 1, 2, 3, 4, 5]
    assert choose_images(labels, max_images=4, seed=0).tolist() == [0, 1, 2, 3, 4, 5]
    chosen = choose_images(labels, max_images=2, seed=0).tolist()
    assert len(chosen) == 4
    assert {1, 4} < set(chosen)
    assert chosen == sorted(chosen)


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
