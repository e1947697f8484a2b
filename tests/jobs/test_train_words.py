"""What a training says of its data before it begins."""

import numpy as np
import pytest

from embedsvc.jobs.train_words import (
    balance_line,
    balance_notes,
    empty_note,
    several_meant,
    shared_note,
    unlabelled_note,
)

LONG = "x" * 50


def notes(counts, *, weighted=False, task="multiclass"):
    names = [f"l{k}" for k in range(len(counts))]
    return balance_notes(names, np.array(counts), weighted=weighted, task=task)


def test_a_few_labels_are_all_told_by_how_frequent_they_are():
    line = balance_line(["ham", "spam", LONG], np.array([1, 1234, 1]), 1236)
    assert line == f"Labels: spam 1,234 (99.8 %), ham 1 (0.081 %), {'x' * 37}... 1 (0.081 %)"
    assert balance_line(["a", "b"], np.array([2, 1]), 2) == "Labels: a 2 (100 %), b 1 (50 %)"
    assert balance_line(["a"], np.array([0]), 0) == "Labels: a 0 (0 %)"


def test_of_many_labels_the_extremes_are_told():
    line = balance_line([f"l{k}" for k in range(7)], np.array([5, 40, 5, 3, 7, 20, 20]), 100)
    assert line == ("7 labels: the most frequent is l1 40 (40 %), the rarest l3 3 (3 %), median 7")


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ([187, 35], "has 5 times as many"),
        ([50, 10], "has 5 times as many"),
        ([1000, 40, 2], "has 500 times as many"),
        ([3000, 2], "has 1,500 times as many"),
        ([49, 10], None),
        ([16, 16, 16], None),
        ([9, 0], None),
    ],
)
def test_how_unbalanced_labels_are(counts, told):
    found = notes(counts)
    if told is None:
        assert found == []
    else:
        (note,) = found
        assert told in note and "--class-weight balanced" in note


@pytest.mark.parametrize("settings", [{"weighted": True}, {"task": "multilabel"}])
def test_balance_is_not_asked_for_where_it_is_there_or_means_nothing(settings):
    assert notes([187, 2], **settings) == []


def test_labels_with_a_single_text():
    single, unbalanced = notes([9, 1])
    assert single == "1 label with a single text (l1): learned from, but not measured."
    assert "has 9 times as many" in unbalanced
    assert notes([1, 1, 4, 1, 1])[0].startswith("4 labels with a single text (l0, l1, l3, ...):")


@pytest.mark.parametrize(
    ("labels", "option"),
    [
        (["joy", "anger", "anger,joy"], " --task multilabel."),
        (["joy;anger", "anger; fear", "fear;joy"], "--task multilabel --label-separator ';'."),
        (["a|b", "a", "b"], "--label-separator '|'."),
        (["Berlin, Germany", "Paris, France"], None),
        (["a", "b"], None),
        ([("a", "b"), ("a",)], None),
        ([], None),
    ],
)
def test_several_labels_in_a_cell_are_suspected(labels, option):
    found = several_meant(labels)
    if option is None:
        assert found is None
    else:
        assert "look like several labels at once" in found and found.endswith(option)


def test_texts_that_are_measured_and_learned_from():
    assert shared_note(["a", "b"], {"c"}, "test") is None
    assert shared_note(["a", "b"], {"a"}, "test").startswith("1 test text is also among those")
    assert shared_note(["a", "a"], {"a"}, "test").startswith("2 test texts are also among those")


def test_texts_without_a_label():
    assert unlabelled_note(["a"]) is None
    assert unlabelled_note([(), ("a",)]) == "1 text has no label: it teaches that none applies."
    assert unlabelled_note([(), ()]) == "2 texts have no label: they teach that none applies."


def test_empty_texts():
    assert empty_note(["a"]) is None
    assert empty_note(["", " \n", "a"]) == "2 texts of nothing but white space."
