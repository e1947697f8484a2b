"""Figures on image scores: by hand, by counting, and beside scikit-learn."""

import dataclasses

import numpy as np
import pytest
from sklearn import metrics

from embedsvc.errors import InputError
from embedsvc.evaluation import scores as figures
from embedsvc.evaluation.scores import (
    ImageMetrics,
    auroc,
    average_precision,
    best_f1_threshold,
    f1_at,
    false_alarm_rate,
    image_metrics,
    is_anomalous,
    precision,
    recall,
    roc_points,
)

SCORES = np.array([0.1, 0.4, 0.35, 0.8])
LABELS = np.array([0, 0, 1, 1])
BOTH_CLASSES = [auroc, average_precision, best_f1_threshold, roc_points]
AT_THRESHOLD = [f1_at, precision, recall, false_alarm_rate]


def random_case(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores with ties, and both labels."""
    generator = np.random.default_rng(seed)
    n = int(generator.integers(2, 60))
    labels = generator.permutation(np.append([0, 1], generator.integers(0, 2, n - 2)))
    return np.round(generator.normal(size=n) + labels, int(generator.integers(0, 4))), labels


def test_by_hand():
    # The example of scikit-learn's own documentation.
    assert auroc(SCORES, LABELS) == 0.75
    assert average_precision(SCORES, LABELS) == pytest.approx(0.8333333)
    assert f1_at(SCORES, LABELS, 0.35) == 0.5
    assert precision(SCORES, LABELS, 0.1) == pytest.approx(2 / 3)
    assert recall(SCORES, LABELS, 0.35) == 0.5
    assert false_alarm_rate(SCORES, LABELS, 0.1) == 0.5


def test_a_score_equal_to_the_threshold_is_normal():
    assert is_anomalous([0.2, 0.3, 0.4], 0.3).tolist() == [False, False, True]
    assert recall([1.0, 2.0], [0, 1], 2.0) == 0
    assert false_alarm_rate([1.0, 2.0], [0, 1], 1.0) == 0


def test_a_threshold_between_neighbouring_float32_scores_parts_them():
    low = np.float32(0.1)
    scores = np.array([low, np.nextafter(low, np.float32(1))])
    threshold, f1 = best_f1_threshold(scores, [0, 1])
    assert f1 == 1
    assert is_anomalous(scores, threshold).tolist() == [False, True]


def counted_f1(scores: np.ndarray, labels: np.ndarray, threshold: float) -> float:
    above = scores > threshold
    return 2 * np.sum(above & (labels == 1)) / (np.sum(above) + np.sum(labels))


@pytest.mark.parametrize("seed", range(20))
def test_best_f1_is_the_best_of_all_thresholds(seed):
    scores, labels = random_case(seed)
    threshold, best = best_f1_threshold(scores, labels)
    tried = np.append(scores.min() - 1, scores)
    assert best == pytest.approx(max(counted_f1(scores, labels, value) for value in tried))
    assert f1_at(scores, labels, threshold) == pytest.approx(best)
    below, above = scores[scores <= threshold], scores[scores > threshold]
    if len(below):
        assert threshold == (below.max() + above.min()) / 2
    higher = [counted_f1(scores, labels, value) for value in tried if value > threshold]
    assert max(higher, default=0) < best - 1e-12


@pytest.mark.parametrize(
    ("low", "high"), [(1.0, np.nextafter(1.0, 2)), (-1.7e308, 1.7e308), (1e308, 1.7e308)]
)
def test_best_f1_between_extreme_neighbours(low, high):
    threshold, f1 = best_f1_threshold([low, high], [0, 1])
    assert low <= threshold < high
    assert f1 == 1


def test_best_f1_may_call_everything_anomalous():
    threshold, f1 = best_f1_threshold([1.0, 1.0, 1.0], [0, 1, 1])
    assert threshold < 1
    assert f1 == f1_at([1.0, 1.0, 1.0], [0, 1, 1], threshold) == 0.8


@pytest.mark.golden
@pytest.mark.parametrize("seed", range(10))
def test_beside_scikit_learn(seed):
    scores, labels = random_case(seed)
    assert auroc(scores, labels) == metrics.roc_auc_score(labels, scores)
    assert average_precision(scores, labels) == metrics.average_precision_score(labels, scores)
    pairs = scores[labels == 1][:, None] - scores[labels == 0]  # (n_anomalous, n_normal)
    assert auroc(scores, labels) == pytest.approx(np.mean((pairs > 0) + 0.5 * (pairs == 0)))
    found = scores > 0.5
    alarms = int(np.sum(found & (labels == 0)))
    hits = int(np.sum(found & (labels == 1)))
    assert false_alarm_rate(scores, labels, 0.5) == pytest.approx(alarms / np.sum(labels == 0))
    assert recall(scores, labels, 0.5) == pytest.approx(hits / np.sum(labels == 1))
    assert precision(scores, labels, 0.5) == pytest.approx(hits / max(1, hits + alarms))


def test_nothing_above_the_threshold():
    assert f1_at(SCORES, LABELS, 9.0) == precision(SCORES, LABELS, 9.0) == 0


def test_roc_points_are_few_and_near_the_whole_curve():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 20_000)
    scores = generator.normal(size=20_000) + labels
    fpr, tpr = roc_points(scores, labels)
    assert len(fpr) == len(tpr) <= 200
    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)
    assert (np.diff(fpr) >= 0).all()
    assert (np.diff(tpr) >= 0).all()
    assert metrics.auc(fpr, tpr) == pytest.approx(auroc(scores, labels), abs=1e-3)
    whole = np.stack(metrics.roc_curve(labels, scores)[:2], axis=1)
    distances = np.linalg.norm(whole[:, None] - np.stack([fpr, tpr], axis=1), axis=2)
    assert distances.min(axis=1).max() < 0.011


def test_roc_points_of_few_images_are_all_corners():
    fpr, tpr = roc_points(SCORES, LABELS)
    assert list(zip(fpr, tpr, strict=True)) == [(0, 0), (0, 0.5), (0.5, 0.5), (0.5, 1), (1, 1)]


def test_image_metrics_are_the_single_figures():
    found = image_metrics(SCORES.astype(np.float32), LABELS, 0.37)
    expected = ImageMetrics(
        auroc=auroc(SCORES, LABELS),
        average_precision=average_precision(SCORES, LABELS),
        f1=f1_at(SCORES, LABELS, 0.37),
        precision=precision(SCORES, LABELS, 0.37),
        recall=recall(SCORES, LABELS, 0.37),
        false_alarm_rate=false_alarm_rate(SCORES, LABELS, 0.37),
        threshold=0.37,
        n_normal=2,
        n_anomalous=2,
    )
    assert found == expected
    for value in dataclasses.asdict(found).values():
        assert type(value) in (int, float)  # plain numbers, ready for JSON


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([0, 0], ImageMetrics(None, None, None, None, None, 0.5, 1.5, 2, 0)),
        ([1, 1], ImageMetrics(None, None, None, None, 0.5, None, 1.5, 0, 2)),
    ],
)
def test_image_metrics_of_one_class(labels, expected):
    assert image_metrics([1.0, 2.0], labels, 1.5) == expected


def test_image_metrics_of_nothing():
    assert image_metrics([], [], 1.5) == ImageMetrics(*[None] * 6, 1.5, 0, 0)


def test_arguments_are_not_changed():
    scores, labels = SCORES.copy(), LABELS.copy()
    image_metrics(scores, labels, 0.3)
    best_f1_threshold(scores, labels)
    roc_points(scores, labels)
    np.testing.assert_array_equal(scores, SCORES)
    np.testing.assert_array_equal(labels, LABELS)


@pytest.mark.parametrize("figure", BOTH_CLASSES)
@pytest.mark.parametrize("label", [0, 1])
def test_figures_that_need_both_classes(figure, label):
    with pytest.raises(InputError, match="Expected normal and anomalous images for the"):
        figure([0.1, 0.2], [label, label])


@pytest.mark.parametrize("figure", [f1_at, precision])
def test_figures_at_a_threshold_that_need_both_classes(figure):
    with pytest.raises(InputError, match="got 0 normal and 2 anomalous"):
        figure([0.1, 0.2], [1, 1], 0.1)


def test_figures_that_need_one_class():
    with pytest.raises(InputError, match="anomalous images for the recall, got 2 normal ones"):
        recall([0.1, 0.2], [0, 0], 0.1)
    with pytest.raises(InputError, match="for the false alarm rate, got 2 anomalous ones"):
        false_alarm_rate([0.1, 0.2], [1, 1], 0.1)


@pytest.mark.parametrize("figure", [*BOTH_CLASSES, *AT_THRESHOLD, image_metrics])
def test_every_figure_checks_its_input(figure):
    rest = () if figure in BOTH_CLASSES else (0.5,)
    with pytest.raises(InputError, match="finite scores, got nan"):
        figure([np.nan, 1.0], [0, 1], *rest)
    with pytest.raises(InputError, match="as many labels as images"):
        figure([0.0, 1.0], [0, 1, 1], *rest)
    with pytest.raises(InputError, match="got 2"):
        figure([0.0, 1.0], [0, 2], *rest)


@pytest.mark.parametrize("figure", [*AT_THRESHOLD, image_metrics])
def test_a_threshold_that_is_no_number(figure):
    with pytest.raises(InputError, match="Expected a threshold, got nan"):
        figure(SCORES, LABELS, float("nan"))


def test_an_infinite_threshold_is_one():
    assert figures.is_anomalous([1e300], float("inf")).tolist() == [False]
