"""Figures of classifiers: by hand, and beside scikit-learn."""

import json

import numpy as np
import pytest
from sklearn import metrics

from embedsvc.errors import InputError
from embedsvc.evaluation.classification import classification_metrics


def multiclass_case(seed: int, n_labels: int = 5) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    targets = np.append(np.arange(n_labels), generator.integers(0, n_labels, 80))
    logits = generator.normal(size=(len(targets), n_labels))
    logits[np.arange(len(targets)), targets] += 1
    powers = np.exp(logits)
    return targets, (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def multilabel_case(seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    targets = (generator.random((90, 6)) < [0.5, 0.3, 0.2, 0.1, 0.1, 0.05]).astype(np.float32)
    targets[0], targets[1] = 1, 0  # every label applies somewhere, and not everywhere
    return targets, (0.6 * generator.random((90, 6)) + 0.4 * targets).astype(np.float32)


def test_binary_by_hand():
    found = classification_metrics(
        [0, 0, 1, 1], [[0.9, 0.1], [0.6, 0.4], [0.65, 0.35], [0.2, 0.8]], task="binary"
    )
    assert (found.n_texts, found.accuracy, found.micro_f1) == (4, 0.75, 0.75)
    negative, positive = found.labels
    assert (negative.precision, negative.recall, negative.threshold) == (2 / 3, 1.0, None)
    assert (positive.precision, positive.recall, positive.threshold) == (1.0, 0.5, 0.5)
    assert found.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2)
    assert found.macro_recall == 0.75
    assert found.auroc == positive.auroc == 0.75  # the example of scikit-learn's documentation
    assert found.average_precision == pytest.approx(0.8333333)
    assert found.log_loss == pytest.approx(-np.mean(np.log([0.9, 0.6, 0.35, 0.8])))
    assert found.confusion.tolist() == [[2, 0], [1, 1]]
    lower = classification_metrics(
        [0, 1], [[0.9, 0.1], [0.65, 0.35]], task="binary", thresholds=[0.5, 0.3]
    )
    assert lower.accuracy == 1
    assert lower.labels[1].threshold == 0.3


@pytest.mark.golden
@pytest.mark.parametrize("seed", range(5))
def test_multiclass_beside_scikit_learn(seed):
    targets, values = multiclass_case(seed)
    decided = values.argmax(axis=1)
    found = classification_metrics(targets, values, task="multiclass")
    report = metrics.classification_report(targets, decided, output_dict=True, zero_division=0)
    assert found.accuracy == found.micro_f1 == pytest.approx(report["accuracy"])
    assert found.macro_f1 == pytest.approx(report["macro avg"]["f1-score"])
    assert found.macro_recall == pytest.approx(report["macro avg"]["recall"])
    for k, label in enumerate(found.labels):
        own = report[str(k)]
        expected = [own["precision"], own["recall"], own["f1-score"], own["support"]]
        assert [label.precision, label.recall, label.f1, label.support] == pytest.approx(expected)
        assert label.threshold is None
    one_hot = np.eye(values.shape[1])[targets]
    assert found.auroc == pytest.approx(metrics.roc_auc_score(one_hot, values, average="macro"))
    assert found.average_precision == pytest.approx(
        metrics.average_precision_score(one_hot, values, average="macro")
    )
    doubled = values.astype(float) / values.astype(float).sum(axis=1, keepdims=True)
    assert found.auroc == pytest.approx(metrics.roc_auc_score(targets, doubled, multi_class="ovr"))
    assert found.log_loss == pytest.approx(metrics.log_loss(targets, doubled), rel=1e-5)
    np.testing.assert_array_equal(found.confusion, metrics.confusion_matrix(targets, decided))


@pytest.mark.golden
@pytest.mark.parametrize("seed", range(5))
def test_multilabel_beside_scikit_learn(seed):
    targets, values = multilabel_case(seed)
    thresholds = np.linspace(0.3, 0.8, 6)
    decided = values > thresholds
    found = classification_metrics(targets, values, task="multilabel", thresholds=thresholds)
    report = metrics.classification_report(targets, decided, output_dict=True, zero_division=0)
    assert found.accuracy == pytest.approx(metrics.accuracy_score(targets, decided))
    assert found.macro_f1 == pytest.approx(report["macro avg"]["f1-score"])
    assert found.micro_f1 == pytest.approx(report["micro avg"]["f1-score"])
    assert found.macro_recall == pytest.approx(report["macro avg"]["recall"])
    assert found.auroc == pytest.approx(metrics.roc_auc_score(targets, values))
    assert found.average_precision == pytest.approx(
        metrics.average_precision_score(targets, values)
    )
    assert [label.support for label in found.labels] == targets.sum(axis=0).tolist()
    assert [label.threshold for label in found.labels] == thresholds.tolist()
    losses = [metrics.log_loss(targets[:, k], values[:, k]) for k in range(6)]
    assert found.log_loss == pytest.approx(np.mean(losses), rel=1e-5)
    assert found.confusion is None


@pytest.mark.golden
def test_labels_that_never_appear_count_in_no_mean():
    # Label 3 is neither true nor predicted, label 2 predicted only.
    targets = np.array([0, 0, 1, 1])
    values = np.eye(4)[[0, 1, 1, 2]] * 0.88 + 0.03
    decided = values.argmax(axis=1)
    found = classification_metrics(targets, values, task="multiclass")
    options = {"average": "macro", "zero_division": np.nan}
    assert found.macro_f1 == pytest.approx(
        metrics.f1_score(targets, decided, labels=range(4), **options)
    )
    assert found.macro_f1 == pytest.approx(metrics.f1_score(targets, decided, average="macro"))
    # As balanced_accuracy_score has it, which warns of classes that are predicted only.
    assert found.macro_recall == 0.5
    assert found.labels[3].f1 == found.labels[3].recall == found.labels[2].recall == 0
    assert found.labels[3].auroc is found.labels[2].average_precision is None
    assert found.auroc == pytest.approx(np.mean([label.auroc for label in found.labels[:2]]))
    assert found.confusion.tolist()[0] == [1, 1, 0, 0]


def test_one_class_only():
    found = classification_metrics([1, 1], [[0.4, 0.6], [0.9, 0.1]], task="binary")
    assert found.auroc is found.average_precision is None
    assert found.accuracy == 0.5
    assert found.macro_recall == 0.5


def test_texts_without_any_label():
    found = classification_metrics(np.zeros((2, 3)), np.full((2, 3), 0.1), task="multilabel")
    assert (found.accuracy, found.macro_f1, found.micro_f1, found.macro_recall) == (1, 0, 0, 0)
    assert found.auroc is None
    assert found.log_loss == pytest.approx(-np.log(0.9))


def test_certain_and_wrong_is_a_finite_loss():
    found = classification_metrics([0], [[0.0, 1.0]], task="binary")
    assert found.log_loss == pytest.approx(-np.log(np.finfo(np.float32).eps))
    certain = np.array([[1.0, 0.0]], np.float32)
    found = classification_metrics([[0, 1]], certain, task="multilabel")
    assert np.isfinite(found.log_loss)


@pytest.mark.parametrize("task", ["multiclass", "multilabel"])
def test_as_dict_is_ready_for_json(task):
    case = multiclass_case(0) if task == "multiclass" else multilabel_case(0)
    found = classification_metrics(*case, task=task)
    plain = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert plain["macro_f1"] == found.macro_f1
    assert plain["labels"][1]["recall"] == found.labels[1].recall
    confusion = None if found.confusion is None else found.confusion.tolist()
    assert plain["confusion"] == confusion
    assert found == classification_metrics(*case, task=task)


def test_two_hundred_labels():
    generator = np.random.default_rng(0)
    targets = generator.random((300, 200)) < 0.02
    found = classification_metrics(targets, generator.random((300, 200)), task="multilabel")
    assert len(found.labels) == 200


def test_arguments_are_not_changed():
    targets, values = multilabel_case(0)
    before = targets.copy(), values.copy()
    classification_metrics(targets, values, task="multilabel")
    np.testing.assert_array_equal(targets, before[0])
    np.testing.assert_array_equal(values, before[1])


@pytest.mark.parametrize(
    ("targets", "values", "task", "message"),
    [
        ([], np.zeros((0, 2)), "binary", "Expected texts to measure, got none"),
        ([0], [[0.5, 0.5]] * 2, "binary", "as many targets as rows of probabilities, got 1 and 2"),
        ([0, 2], [[0.5, 0.5]] * 2, "binary", "got 2 at position 1"),
        ([0, 1], [[0.5, 0.5]] * 2, "multilabel", "shape"),
        ([[0, 1]], [[0.5, 0.5]] * 2, "multilabel", "got 1 and 2"),
        ([0], [[0.5, 0.5]], "regression", "Expected task to be"),
    ],
)
def test_bad_input(targets, values, task, message):
    with pytest.raises(InputError, match=message):
        classification_metrics(targets, values, task=task)
