"""Bootstrap intervals: against a plain loop, by coverage, by groups."""

import time
from functools import partial

import numpy as np
import pytest

from embedsvc.errors import InputError
from embedsvc.evaluation import bootstrap
from embedsvc.evaluation.bootstrap import bootstrap_interval, paired_difference_interval
from embedsvc.evaluation.scores import auroc, average_precision, recall


def made(seed: int, *, n: int = 80, gap: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Scores with ties and about one anomaly in three."""
    generator = np.random.default_rng(seed)
    labels = (np.arange(n) % 3 == 0).astype(int)
    return np.round(generator.normal(size=n) + gap * labels, 1), labels


def test_the_fast_path_is_the_plain_one():
    scores, labels = made(0)
    plain = bootstrap_interval(lambda s, y: auroc(s, y), scores, labels, n_resamples=50)
    assert bootstrap_interval(auroc, scores, labels, n_resamples=50) == pytest.approx(plain)


def test_the_fast_path_with_groups_is_the_plain_one():
    scores, labels = made(1)
    options = {"n_resamples": 50, "groups": np.arange(80) // 4}
    plain = bootstrap_interval(lambda s, y: auroc(s, y), scores, labels, **options)
    assert bootstrap_interval(auroc, scores, labels, **options) == pytest.approx(plain)


def test_beside_a_plain_loop():
    scores, labels = made(2)
    generator = np.random.default_rng(9)
    figures = []
    for _ in range(2000):
        normal = generator.choice(scores[labels == 0], np.sum(labels == 0))
        anomalous = generator.choice(scores[labels == 1], np.sum(labels == 1))
        pairs = anomalous[:, None] - normal
        figures.append(np.mean((pairs > 0) + 0.5 * (pairs == 0)))
    found = bootstrap_interval(auroc, scores, labels, n_resamples=4000)
    assert found == pytest.approx(np.quantile(figures, [0.025, 0.975]), abs=0.012)


def test_coverage():
    true = 0.7602  # two normal distributions one standard deviation apart: Phi(1 / sqrt(2))
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1], 50)
    inside = 0
    for seed in range(300):
        low, high = bootstrap_interval(
            auroc, generator.normal(size=100) + labels, labels, n_resamples=300, seed=seed
        )
        inside += low <= true <= high
    assert 0.90 <= inside / 300 <= 0.98


def test_deterministic_by_seed():
    scores, labels = made(3)
    first = bootstrap_interval(auroc, scores, labels, seed=1)
    assert first == bootstrap_interval(auroc, scores, labels, seed=1)
    assert first != bootstrap_interval(auroc, scores, labels, seed=2)


def test_blocks_change_nothing(monkeypatch):
    scores, labels = made(4)
    whole = bootstrap_interval(auroc, scores, labels, n_resamples=100)
    # Two strata drawn in turn: with one resample a block the same draws come in another order.
    monkeypatch.setattr(bootstrap, "_BLOCK_CELLS", 1)
    low, high = bootstrap_interval(auroc, scores, labels, n_resamples=2000)
    assert (low, high) == pytest.approx(whole, abs=0.03)


def test_a_higher_level_is_wider():
    scores, labels = made(5)
    narrow = bootstrap_interval(auroc, scores, labels, level=0.5)
    wide = bootstrap_interval(auroc, scores, labels, level=0.99)
    assert wide[0] < narrow[0] < auroc(scores, labels) < narrow[1] < wide[1]


@pytest.mark.parametrize("statistic", [average_precision, partial(recall, threshold=0.5)])
def test_any_statistic(statistic):
    scores, labels = made(6)
    low, high = bootstrap_interval(statistic, scores, labels, n_resamples=100)
    assert 0 < low < statistic(scores, labels) < high < 1


def test_every_resample_has_as_many_of_both_classes():
    scores, labels = made(7)
    seen = set()

    def count(resampled_scores: np.ndarray, resampled_labels: np.ndarray) -> float:
        seen.add((int(np.sum(resampled_labels == 0)), int(np.sum(resampled_labels == 1))))
        return float(len(resampled_scores))

    assert bootstrap_interval(count, scores, labels, n_resamples=50) == (80, 80)
    assert seen == {(53, 27)}


def test_whole_groups_are_drawn():
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 0, 1, 0])
    groups = ["a", "a", "b", "b", "c", "c", None, "d", "d", None]
    scores = np.arange(10)
    kinds = {(0, 1), (2, 3), (9,), (4, 5), (6,), (7, 8)}

    def check(resampled_scores: np.ndarray, _: np.ndarray) -> float:
        times = np.bincount(resampled_scores.astype(int), minlength=10)
        for members in kinds:
            assert len(set(times[list(members)].tolist())) == 1
        assert times[[0, 2, 9]].sum() == 3  # normal groups
        assert times[[4, 6]].sum() == 2  # anomalous ones
        assert times[7] == 1  # the only mixed one
        return 0.0

    bootstrap_interval(check, scores, labels, groups=groups, n_resamples=100)


def test_copies_of_an_image_are_no_evidence():
    scores, labels = made(8)
    alone = bootstrap_interval(auroc, scores, labels)
    copies = np.repeat(scores, 6), np.repeat(labels, 6)
    grouped = bootstrap_interval(auroc, *copies, groups=np.repeat(np.arange(80), 6))
    assert grouped == pytest.approx(alone, abs=0.02)
    low, high = bootstrap_interval(auroc, *copies)
    assert high - low < 0.6 * (alone[1] - alone[0])


def test_a_pair_of_detectors():
    scores, labels = made(9, n=200)
    noise = np.random.default_rng(9).normal(size=200)
    low, high = paired_difference_interval(scores, scores + noise, labels)
    assert 0 < low < auroc(scores, labels) - auroc(scores + noise, labels) < high
    own = bootstrap_interval(auroc, scores, labels)
    other = bootstrap_interval(auroc, scores + noise, labels)
    assert own[0] < other[1]  # the single intervals overlap
    mirrored = paired_difference_interval(scores + noise, scores, labels)
    assert mirrored == pytest.approx((-high, -low))


def test_a_detector_does_not_differ_from_itself():
    scores, labels = made(10)
    assert paired_difference_interval(scores, 3 * scores + 1, labels) == (0, 0)
    groups = np.arange(80) // 2
    assert paired_difference_interval(scores, scores, labels, groups=groups) == (0, 0)


def test_a_thousand_images_a_thousand_times():
    scores, labels = made(11, n=1000)
    start = time.process_time()
    bootstrap_interval(auroc, scores, labels, n_resamples=1000)
    assert time.process_time() - start < 2


def test_arguments_are_not_changed():
    scores, labels = made(12)
    before = scores.copy(), labels.copy()
    paired_difference_interval(scores, -scores, labels)
    np.testing.assert_array_equal(scores, before[0])
    np.testing.assert_array_equal(labels, before[1])


@pytest.mark.parametrize(
    ("scores", "labels", "options", "message"),
    [
        ([0.1, np.nan], [0, 1], {}, "finite scores"),
        ([0.1, 0.2], [0, 3], {}, "got 3"),
        ([0.1], [0, 1], {}, "as many labels"),
        ([0.1, 0.2], [0, 0], {}, "got 2 normal and 0 anomalous"),
        ([], [], {}, "images to resample, got none"),
        ([0.1, 0.2], [0, 1], {"n_resamples": 0}, "n_resamples to be at least 1, got 0"),
        ([0.1, 0.2], [0, 1], {"level": 1}, "level to be more than 0 and less than 1, got 1"),
        ([0.1, 0.2], [0, 1], {"groups": ["a"]}, "as many groups"),
    ],
)
def test_bad_input(scores, labels, options, message):
    with pytest.raises(InputError, match=message):
        bootstrap_interval(auroc, scores, labels, **options)
    with pytest.raises(InputError, match=message.replace("scores", "scores_a")):
        paired_difference_interval(scores, scores, labels, **options)


def test_pairs_of_different_length():
    with pytest.raises(InputError, match="scores of the same images, got 2 and 3. Score both"):
        paired_difference_interval([0.1, 0.2], [0.1, 0.2, 0.3], [0, 1])
    with pytest.raises(InputError, match="finite scores_b"):
        paired_difference_interval([0.1, 0.2], [0.1, np.inf], [0, 1])
