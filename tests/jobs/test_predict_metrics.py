"""How good predictions are, against true labels that may be missing or unheard of."""

import numpy as np
import pytest

from embedsvc.evaluation.classification import classification_metrics
from embedsvc.jobs.predict_metrics import Measurement, in_words, named, notes_about
from embedsvc.jobs.predict_rows import PartRows

THREE = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.3, 0.5], [0.9, 0.1, 0]], np.float32)


def measure(task, labels, *parts, thresholds=None):
    measurement = Measurement(task, labels, thresholds)
    for probabilities, truth in parts:
        measurement.add(PartRows(None, np.asarray(probabilities, np.float32), [], truth))
    return measurement


def test_parts_are_measured_as_one():
    whole = measure("multiclass", "abc", (THREE, ["a", "b", "a", "c"])).metrics()
    parts = measure("multiclass", "abc", (THREE[:3], ["a", "b", "a"]), (THREE[3:], ["c"]))
    assert parts.n_measured == 4
    assert parts.metrics() == whole
    expected = classification_metrics([0, 1, 0, 2], THREE, task="multiclass")
    assert whole["accuracy"] == expected.accuracy == 0.5
    assert [one["label"] for one in whole["labels"]] == [*"abc"]
    assert whole["labels"][0]["recall"] == expected.labels[0].recall == 0.5


def test_rows_that_cannot_be_measured_are_counted():
    truth = ["a", None, "zebra", ("a", "b")]
    found = measure("multiclass", "abc", (THREE, truth), (THREE[:2], ["zebra", "yak"])).metrics()
    assert (found["n_measured"], found["n_unlabelled"], found["n_unknown"]) == (1, 2, 3)
    assert found["unknown_labels"] == ["zebra", "yak"]
    assert found["accuracy"] == 1
    assert notes_about(found) == [
        "3 texts are not measured: the classifier never learned their labels, 'zebra', 'yak'.",
        "2 texts are not measured: no true label.",
    ]


def test_a_list_of_one_is_a_label():
    found = measure("multiclass", "abc", (THREE[:2], [("a",), ()])).metrics()
    assert (found["n_measured"], found["n_unlabelled"], found["accuracy"]) == (1, 1, 1)


@pytest.mark.parametrize(("labels", "truth"), [((False, True), ["false", "true"]),
                                               ((-1, 7), ["-1", "7"])])  # fmt: skip
def test_labels_that_are_no_text_are_compared_as_text(labels, truth):
    probabilities = [[0.6, 0.4], [0.1, 0.9]]
    found = measure("binary", labels, (probabilities, truth)).metrics()
    assert (found["accuracy"], found["auroc"]) == (1, 1)
    assert [one["label"] for one in found["labels"]] == truth


def test_thresholds_decide():
    rows = ([[0.6, 0.4], [0.4, 0.6]], ["no", "no"])
    for limit, accuracy in ((0.3, 0), (0.5, 0.5), (0.7, 1)):
        found = measure("binary", ("no", "yes"), rows, thresholds=np.full(2, limit)).metrics()
        assert found["accuracy"] == accuracy


def test_several_labels():
    probabilities = [[0.9, 0.1], [0.2, 0.8], [0.1, 0.2], [0.9, 0.9], [0.3, 0.3]]
    truth = [("a",), "b", (), ("a", "x"), None]
    found = measure("multilabel", "ab", (probabilities, truth)).metrics()
    assert (found["n_measured"], found["n_unknown"], found["n_unlabelled"]) == (3, 1, 1)
    assert (found["accuracy"], found["unknown_labels"]) == (1, ["x"])
    assert [one["support"] for one in found["labels"]] == [1, 1]


def test_nothing_to_measure():
    found = measure("binary", "ab", (THREE[:1, :2], [None])).metrics()
    assert found == {"n_measured": 0, "n_unlabelled": 1, "n_unknown": 0, "unknown_labels": []}
    assert notes_about(found)[-1] == "No text could be measured."
    assert in_words(found) == ""


def test_only_the_most_frequent_unknown_labels_are_told():
    truth = [f"u{i % 30:02}" for i in range(40)]
    found = measure("multiclass", "abc", (np.tile(THREE[:1], (40, 1)), truth)).metrics()
    assert found["unknown_labels"] == [f"u{i:02}" for i in range(20)]
    assert notes_about(found)[0].endswith("'u00', 'u01', 'u02', 'u03', 'u04' and others.")


def test_in_words():
    metrics = classification_metrics([0, 1], [[0.9, 0.1], [0.6, 0.4]], task="binary")
    told = in_words(named(metrics, ["no", "yes"]))
    assert told == "accuracy 0.5000, macro-F1 0.3333, AUROC 1.0000, average precision 1.0000"
    alone = classification_metrics([0], [[0.9, 0.1]], task="binary")
    assert in_words(named(alone, ["no", "yes"])) == "accuracy 1.0000, macro-F1 1.0000"
