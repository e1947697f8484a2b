"""Which labels there are, which task they make, and what the user is told."""

import numpy as np
import pytest

from embedsvc.classify.labels import TASKS, LabelCodec, learn_labels
from embedsvc.errors import InputError


def test_two_labels_are_binary():
    codec, told = learn_labels(["spam", "ham", "spam"])
    assert codec == LabelCodec("binary", ("ham", "spam"))
    assert told == (
        "Two labels: task \"binary\", 'spam' is the positive one. "
        "Name the task to choose otherwise."
    )
    assert learn_labels([1.0, 0.0])[0] == LabelCodec("binary", (0, 1))
    bools = learn_labels(np.array([True, False]))[0]
    assert [type(label) for label in bools.labels] == [bool, bool]


def test_more_labels_are_multiclass():
    codec, told = learn_labels(np.array([10, 2, 5, 2]))
    assert codec == LabelCodec("multiclass", (2, 5, 10))
    assert told == '3 labels, one a text: task "multiclass". Name the task to choose otherwise.'


def test_lists_are_multilabel():
    codec, told = learn_labels([["b"], [], ["a", "c"], ["a"]])
    assert codec == LabelCodec("multilabel", ("a", "b", "c"))
    assert told == (
        '3 labels, any number a text: task "multilabel". For one label a text, give a flat list.'
    )


def test_indicators_are_multilabel():
    codec, told = learn_labels(np.array([[0, 1], [1, 0]]))
    assert codec == LabelCodec("multilabel", (0, 1))
    assert "Every text has exactly one" in told


@pytest.mark.parametrize(
    ("y", "task", "labels"),
    [
        (["b", "a"], "multiclass", ("a", "b")),
        (["b", "a"], "binary", ("a", "b")),
        (["b", "a", "c"], "multiclass", ("a", "b", "c")),
        (["b", "a", "c"], "multilabel", ("a", "b", "c")),
        ([["b"], ["a", "c"]], "multilabel", ("a", "b", "c")),
        (np.array([[0], [1]]), "multilabel", (0,)),
        ([["a"], [], ["a"]], "multilabel", ("a",)),
    ],
)
def test_a_task_that_was_given_needs_no_words(y, task, labels):
    assert learn_labels(y, task=task) == (LabelCodec(task, labels), "")


def test_texts_without_labels_and_labels_with_one_text_are_fine():
    y = np.zeros((50, 3), int)
    y[:9, 0] = y[9, 1] = y[5:20, 2] = 1
    assert learn_labels(y, task="multilabel") == (LabelCodec("multilabel", (0, 1, 2)), "")
    assert learn_labels(["a"] * 9 + ["b"], task="binary")[1] == ""


def test_labels_that_never_or_always_apply_are_told():
    y = np.array([[0, 1, 1, 0], [1, 1, 0, 0]])
    codec, told = learn_labels(y, task="multilabel")
    assert codec.labels == (0, 1, 2, 3)
    assert told == (
        "Label (3) applies to no text: nothing can be learned there. "
        "Label (1) applies to every text: nothing can be learned there."
    )
    wide = np.zeros((4, 9), int)
    wide[0, 0] = 1
    assert "8 labels (1, 2, 3, 4, 5 and 3 more) apply to no text" in learn_labels(wide)[1]
    assert "Label ('a') applies to every text" in learn_labels([["a"], ["a", "b"]])[1]


def test_more_than_two_hundred_labels():
    y = [f"intent {i % 240:03}" for i in range(2400)]
    codec, told = learn_labels(y)
    assert len(codec.labels) == 240
    assert "few" not in told
    rows = [[label, y[i - 7]] for i, label in enumerate(y)]
    assert len(learn_labels(rows)[0].labels) == 240


def test_few_texts_a_label_are_told():
    codec, told = learn_labels([i % 77 for i in range(231)])  # three each
    assert codec.task == "multiclass"
    assert told.endswith("77 labels for 231 texts are few texts a label.")
    assert learn_labels([i % 77 for i in range(231)], task="multiclass")[1] == (
        "77 labels for 231 texts are few texts a label."
    )


def test_few_texts_with_a_label_each_are_allowed():
    assert len(learn_labels([f"class {i}" for i in range(50)])[0].labels) == 50


@pytest.mark.parametrize("task", ["auto", "multiclass", "multilabel"])
def test_free_text_and_numbers_to_predict_are_refused(task):
    generator = np.random.default_rng(0)
    texts = [f"sentence {i}" for i in range(900)] + ["sentence 0"] * 100
    with pytest.raises(InputError, match="got 900 different ones in 1,000 .* free text"):
        learn_labels(texts, task=task)
    with pytest.raises(InputError, match="group numbers into ranges"):
        learn_labels(generator.integers(0, 1_000_000, 100), task=task)


def test_words_instead_of_labels_in_lists_are_refused():
    with pytest.raises(InputError, match="Expected labels that repeat"):
        learn_labels([[f"word {3 * i}", f"word {3 * i + 1}"] for i in range(100)])


def test_free_text_is_refused_before_it_fills_the_memory():
    y = [[f"word {i}"] for i in range(200_000)]  # as an indicator 160 GB
    with pytest.raises(InputError, match="got 200,000 different ones"):
        learn_labels(y)


@pytest.mark.parametrize(
    ("y", "task", "message"),
    [
        (["a", "b"], "multi", "'auto', 'binary', 'multiclass' or 'multilabel', got 'multi'"),
        ([], "auto", "Expected labels to learn from, got none"),
        (np.zeros((0, 3)), "auto", "got none"),
        (["a"] * 12, "auto", "at least two labels to tell apart, got only 'a' for all 12 texts"),
        (["a"], "binary", "got only 'a'"),
        (["a", "b", "c"], "binary", "two labels for task 'binary', got 3: 'a', 'b', 'c'"),
        ([["a"], ["b"]], "multiclass", "one label a text for task 'multiclass'"),
        (np.eye(3), "binary", r"y.argmax\(axis=1\)"),
        (np.zeros((3, 2)), "auto", "got no label for any of them"),
        (np.zeros((3, 0)), "auto", "got no label"),
        ([[], []], "auto", "got no label"),
        ([["a"], ["a"]], "auto", "some of the 2 texts, got 'a' for all of them"),
        (np.ones((3, 2)), "auto", "got 0, 1 for all of them"),
        (["a", "a"], "multilabel", "got 'a' for all of them"),
        (["a", None, "b"], "auto", "got none at position 1"),
        (["a", 3], "auto", "of one type"),
        ([0.1, 0.2], "auto", "Group numbers into ranges"),
    ],
)
def test_labels_nothing_can_be_learned_from(y, task, message):
    with pytest.raises(InputError, match=message):
        learn_labels(y, task=task)


def test_the_tasks():
    assert TASKS == ("binary", "multiclass", "multilabel")
