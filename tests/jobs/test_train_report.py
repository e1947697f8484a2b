"""From a trained classifier to what the page about it is made from."""

import copy

import numpy as np
import pytest
from tiny_training import make_plan, make_rows, write_rows, write_small_bert

from embedsvc.classify.classifier import TextClassifier
from embedsvc.evaluation.classification import classification_metrics
from embedsvc.jobs.train_report import (
    HELD_OUT,
    learned_rows,
    measure,
    measure_test,
    measure_validation,
    to_report,
)

ROWS = [row | {"w": 1 + i % 3} for i, row in enumerate(make_rows(30))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def model(folder):
    return write_small_bert(folder / "small")


@pytest.fixture(scope="module")
def train(folder, model):
    """A plan and the classifier of it; only the head is trained. `given` are other settings."""

    def run(rows=ROWS, *, validation=None, test=None, **options):
        files = {"data": rows, "validation": validation, "test": test}
        paths = {
            name: write_rows(folder / f"{name}.jsonl", rows)
            for name, rows in files.items()
            if rows is not None
        }
        data = paths.pop("data")
        sets = {name: [path] for name, path in paths.items()}
        plan = make_plan(data, folder / "out", model=str(model), **sets, **options)
        held = plan.validation
        classifier = TextClassifier(
            model, unfreeze=0, epochs=2, task=plan.codec.task, class_weight=plan.class_weight
        ).fit(
            plan.training.texts,
            plan.training.labels,
            plan.training.weights,
            validation=None if held is None else (held.texts, held.labels),
        )
        return plan, classifier

    return run


@pytest.fixture(scope="module")
def trained(train):
    return train(weight="w", class_weight="balanced", test=make_rows(9, seed=5))


def test_held_out_texts_are_measured(trained):
    plan, classifier = trained
    found = measure_validation(plan, classifier)
    held = classifier.validation_
    assert found.source == HELD_OUT
    assert found.metrics.n_texts == len(held.indices) == 3
    assert found.metrics == classification_metrics(
        held.targets, held.probabilities, task="multiclass"
    )
    wrong = held.probabilities.argmax(axis=1) != held.targets
    assert found.n_mistakes == len(found.mistakes) == wrong.sum()
    assert {one.text for one in found.mistakes} == {
        plan.training.texts[i] for i in held.indices[wrong]
    }
    assert found.reliability.counts.sum() == 3


def test_test_texts_are_measured(trained):
    plan, classifier = trained
    found = measure_test(plan, classifier)
    assert (found.source, found.metrics.n_texts) == ("test.jsonl", 9)
    expected = classifier.score(plan.test.texts, plan.test.labels)
    assert found.metrics.accuracy == pytest.approx(expected)


def test_a_validation_file_is_measured_by_its_own_texts(train):
    rows = [{"text": f"{row['text']} the", "label": row["label"]} for row in make_rows(6, seed=2)]
    plan, classifier = train(validation=rows)
    found = measure_validation(plan, classifier)
    assert (found.source, found.metrics.n_texts) == ("validation.jsonl", 6)
    assert {one.text for one in found.mistakes} <= {row["text"] for row in rows}
    assert learned_rows(plan, classifier).tolist() == list(range(30))
    assert measure_test(plan, classifier) is None


def test_nothing_to_measure(trained):
    plan, classifier = trained
    nothing = np.empty((0, 3), np.float32)
    assert measure(plan, classifier, [], np.empty(0, int), nothing, source="none") is None


def test_several_labels_are_reliable_one_by_one(train):
    rows = [{"text": row["text"], "label": [row["label"]]} for row in ROWS]
    rows[0]["label"] = []
    plan, classifier = train(rows)
    found = measure_validation(plan, classifier)
    assert found.metrics.confusion is None
    assert found.reliability.counts.sum() == found.metrics.n_texts * 3
    balance = to_report(plan, classifier, validation=found, test=None, notes=()).balance
    assert [one.count for one in balance] == [9, 10, 10]
    assert [one.weight for one in balance] == [1, 1, 1]


def test_rows_that_the_kept_weights_have_seen(trained):
    plan, classifier = trained
    assert learned_rows(plan, classifier).tolist() == list(range(30))
    fine_tuned = copy.copy(classifier)
    fine_tuned.unfreeze = "all"
    rows, held = learned_rows(plan, fine_tuned), classifier.validation_.indices
    assert sorted([*rows, *held]) == list(range(30)) and len(held) == 3


def test_balance_before_and_after_weights(train, trained):
    plain, weighted = train(ROWS[:20]), trained
    report = to_report(*plain, validation=None, test=None, notes=())
    assert [one.count for one in report.balance] == [7, 7, 6]
    assert [one.weighted_share for one in report.balance] == [0.35, 0.35, 0.3]
    plan, classifier = weighted
    balance = to_report(plan, classifier, validation=None, test=None, notes=()).balance
    # Row i has the label i % 3 and the weight 1 + i % 3, and balanced weights are 1 here.
    assert [one.share for one in balance] == pytest.approx([1 / 3] * 3)
    assert [one.weighted_share for one in balance] == pytest.approx([1 / 6, 2 / 6, 3 / 6])
    assert [one.weight for one in balance] == pytest.approx([1, 1, 1])


def test_weights_that_are_0_where_it_was_learned(trained):
    plan, classifier = trained
    fine_tuned = copy.copy(classifier)
    fine_tuned.unfreeze = "all"
    plan.training.weights[learned_rows(plan, fine_tuned)], before = 0, plan.training.weights.copy()
    try:
        balance = to_report(plan, fine_tuned, validation=None, test=None, notes=()).balance
    finally:
        plan.training.weights[:] = before
    assert [one.weighted_share for one in balance] == pytest.approx([1 / 3] * 3)


def test_the_report(trained, model):
    plan, classifier = trained
    test = measure_test(plan, classifier)
    report = to_report(plan, classifier, validation=None, test=test, notes=("Mind this.",))
    assert (report.title, report.task, report.encoder) == ("data.jsonl", "multiclass", "small")
    assert (report.trained, report.n_training, report.n_validation) == ("the head only", 30, 3)
    assert report.best_epoch == classifier.best_epoch_ and len(report.history) == 2
    assert list(report.notes) == [plan.chosen, "Mind this."]
    assert report.settings["class weight"] == "balanced"
    assert (report.settings["epochs"], report.settings["batch size"]) == ("2", "by the data")
    assert report.settings["patience"] == "none" and "encoder" not in report.settings
    assert report.encoder_about == "" and report.test is test


@pytest.mark.parametrize(
    ("unfreeze", "told"),
    [("all", "the head and all 1 layers"), (1, "the head and the top 1 of 1 layers")],
)
def test_what_was_trained(trained, unfreeze, told):
    plan, classifier = trained
    other = copy.copy(classifier)
    other.unfreeze = unfreeze
    assert to_report(plan, other, validation=None, test=None, notes=()).trained == told
