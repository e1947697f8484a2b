"""Thresholds for independent labels: the best for frequent ones, no luck for rare ones."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from embedsvc.errors import InputError
from embedsvc.evaluation.decisions import decide
from embedsvc.evaluation.label_thresholds import tune_thresholds
from embedsvc.evaluation.scores import best_f1_threshold

PREVALENCES = np.geomspace(0.3, 0.005, 24)


def drawn(generator: np.random.Generator, n_texts: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels from frequent to rare; the probabilities of a rare one lie low, as learned ones do."""
    targets = generator.random((n_texts, len(PREVALENCES))) < PREVALENCES
    logits = np.log(PREVALENCES / (1 - PREVALENCES)) + generator.normal(size=targets.shape)
    return targets.astype(np.float32), 1 / (1 + np.exp(-logits - 2 * targets))


def macro_f1(targets: np.ndarray, values: np.ndarray, thresholds: np.ndarray) -> float:
    decided = decide(values, task="multilabel", thresholds=thresholds)
    return float(f1_score(targets, decided, average="macro", zero_division=0))


def own_best(targets: np.ndarray, values: np.ndarray) -> np.ndarray:
    seen = targets.any(axis=0)
    pairs = zip(values.T, targets.T, seen, strict=True)
    return np.array([best_f1_threshold(p, t)[0] if s else 0.5 for p, t, s in pairs])


def test_halfway_between_neighbours():
    values = np.array([[0.4, 0.9], [0.3, 0.1], [0.2, 0.8], [0.1, 0.2]])
    targets = [[1, 1], [1, 0], [0, 1], [0, 0]]
    np.testing.assert_allclose(tune_thresholds(targets, values), [0.25, 0.5])
    for column, threshold in zip(values.T, tune_thresholds(targets, values), strict=True):
        above, below = column[column > threshold].min(), column[column <= threshold].max()
        assert threshold == pytest.approx((above + below) / 2)


def test_frequent_labels_have_their_own_best_f1():
    targets, values = drawn(np.random.default_rng(0), 20_000)
    found, own = tune_thresholds(targets, values), own_best(targets, values)
    frequent = targets.sum(axis=0) > 2000
    assert frequent.any()
    pairs = [macro_f1(targets[:, frequent], values[:, frequent], t[frequent]) for t in (found, own)]
    assert pairs[0] == pytest.approx(pairs[1], abs=2e-3)


def test_rare_labels_do_better_on_other_texts_than_with_their_own_best():
    generator = np.random.default_rng(1)
    other_targets, other_values = drawn(generator, 8000)
    figures = []
    for _ in range(5):
        targets, values = drawn(generator, 300)
        rules = (np.full(24, 0.5), own_best(targets, values), tune_thresholds(targets, values))
        figures.append([macro_f1(other_targets, other_values, rule) for rule in rules])
    half, own, found = np.mean(figures, axis=0)
    assert found > own + 0.02 > half + 0.04


def test_one_lucky_text_does_not_move_a_label_far():
    generator = np.random.default_rng(2)
    targets, values = drawn(generator, 1000)
    targets[:, -1] = 0
    targets[np.argsort(values[:, -1])[500], -1] = 1  # half of all texts lie above it
    given = decide(values, task="multilabel", thresholds=tune_thresholds(targets, values))
    assert own_best(targets, values)[-1] < np.quantile(values[:, -1], 0.6)
    assert given[:, -1].sum() <= 3


def test_labels_whose_probabilities_all_lie_low_are_found():
    targets = np.zeros((1000, 2))
    targets[:100, 0] = targets[:5, 1] = 1
    values = np.column_stack([0.1 + 0.8 * targets[:, 0], 0.004 + 0.002 * targets[:, 1]])
    values += np.linspace(0, 1e-3, 1000)[:, np.newaxis]
    found = tune_thresholds(targets, values)
    assert macro_f1(targets, values, found) == 1
    assert found[1] < 0.01


def test_a_label_that_validation_never_shows():
    targets, values = drawn(np.random.default_rng(3), 500)
    targets[:, -1] = 0
    given = decide(values, task="multilabel", thresholds=tune_thresholds(targets, values))
    assert given[:, -1].sum() == 1
    values[:, -1] = 0.02  # nothing to choose one by
    threshold = tune_thresholds(targets, values)[-1]
    assert threshold == 0.51
    values[:, -1] = 1.0
    assert 0.5 < tune_thresholds(targets, values)[-1] < 1


def test_a_label_of_every_text():
    values = np.array([[0.9], [0.4], [0.2]])
    assert tune_thresholds(np.ones((3, 1)), values).tolist() == [0.1]


@pytest.mark.parametrize("values", [[[0.0], [0.0]], [[1.0], [1.0]], [[0.0], [1.0]]])
def test_thresholds_lie_inside(values):
    for targets in ([[1], [1]], [[0], [1]], [[1], [0]]):
        assert 0 < tune_thresholds(targets, values)[0] < 1


@pytest.mark.parametrize("n_texts", [0, 3])
def test_nothing_to_tune_on(n_texts):
    zeros = np.zeros((n_texts, 2))
    assert tune_thresholds(zeros, zeros + 0.1).tolist() == [0.5, 0.5]


def test_float32_and_arguments_are_not_changed():
    targets, values = drawn(np.random.default_rng(4), 100)
    values = values.astype(np.float32)
    before = targets.copy(), values.copy()
    assert tune_thresholds(targets, values).dtype == np.float64
    np.testing.assert_array_equal(targets, before[0])
    np.testing.assert_array_equal(values, before[1])


@pytest.mark.parametrize(
    ("targets", "values", "message"),
    [
        ([[1]], [[0.5], [0.5]], "as many targets as rows of probabilities, got 1 and 2"),
        ([[1, 0]], [[0.5]], "Expected targets of shape"),
        ([[2]], [[0.5]], "got 2 for text 0"),
        ([[1]], [[np.nan]], "got nan"),
    ],
)
def test_bad_input(targets, values, message):
    with pytest.raises(InputError, match=message):
        tune_thresholds(targets, values)
