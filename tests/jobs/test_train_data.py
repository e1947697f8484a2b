"""Labelled texts compared with what is learned from."""

import numpy as np
import pytest

from embedsvc.classify.label_codec import LabelCodec
from embedsvc.errors import InputError
from embedsvc.jobs.label_columns import LabelColumns
from embedsvc.jobs.labelled_reading import LabelledReading
from embedsvc.jobs.labelled_texts import LabelledTexts
from embedsvc.jobs.train_data import check_label_columns, known_labels

CODEC = LabelCodec("multiclass", ("ham", "other", "spam"))
SEVERAL = LabelCodec("multilabel", ("ham", "spam"))


def texts(labels):
    names = [f"text {i}" for i in range(len(labels))]
    where = [f"in.csv, line {i + 2}" for i in range(len(labels))]
    weights = np.arange(len(labels), dtype=np.float32)
    return LabelledTexts(names, labels, weights, where, "0" * 64, name="in.csv")


def test_label_columns_that_are_never_1():
    reading = LabelledReading(LabelColumns(("a", "b", "c")))
    check_label_columns(texts([("a", "b"), ("c",)]), reading)
    with pytest.raises(InputError, match="1 in some row of in.csv, got 0 in all rows of b, c"):
        check_label_columns(texts([("a",), ()]), reading)
    check_label_columns(texts([("a",), ()]), LabelledReading(LabelColumns(("labels",), ",")))


@pytest.mark.parametrize(
    ("codec", "labels"),
    [
        (CODEC, ["spam", "ham"]),
        (SEVERAL, [("spam", "ham"), (), ("ham",)]),
        (LabelCodec("binary", (False, True)), []),
    ],
)
def test_all_labels_are_known(codec, labels):
    found = texts(labels or ["x"])
    if not labels:
        with pytest.raises(InputError, match="Expected texts in in.csv"):
            known_labels(found, codec, on_error="skip")
        return
    left = known_labels(found, codec, on_error="error")
    assert (left.texts, left.labels, left.rejects) == (found.texts, labels, [])


@pytest.mark.parametrize(
    ("codec", "labels", "message"),
    [
        (CODEC, ["ham", "spma"], "line 3: .*got 'spma'.*Did you mean 'spam'.*--on-error skip"),
        (CODEC, ["zzz"], "line 2: .*no text to learn from has. Correct it"),
        (SEVERAL, [("ham",), ("ham", "spa")], "line 3: .*got 'spa'.*Did you mean 'spam'"),
        (CODEC, [("ham",)], "in.csv: Expected one label a text for task 'multiclass'"),
    ],
)
def test_labels_that_are_not_learned(codec, labels, message):
    with pytest.raises(InputError, match=message):
        known_labels(texts(labels), codec, on_error="error")


def test_they_are_skipped():
    left = known_labels(texts(["ham", "spma", "spam"]), CODEC, on_error="skip")
    assert (left.texts, left.weights.tolist()) == (["text 0", "text 2"], [0, 2])
    (reject,) = left.rejects
    assert reject["where"] == "in.csv, line 3" and "Did you mean 'spam'" in reject["reason"]
    with pytest.raises(InputError, match="learned, got none. The first: in.csv, line 2: .*'x'"):
        known_labels(texts(["x", "y"]), CODEC, on_error="skip")
