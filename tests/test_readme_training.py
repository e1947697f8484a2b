"""The README's examples of training, on tiny models."""

import re

import numpy as np
import pytest
from readme_examples import BLOCKS, run
from tiny_folders import HIDDEN, write_tiny_bert
from tiny_savedmodels import write_pair

# Keras 3.15 turns its variables into arrays in a way that NumPy 2 is about to drop.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"
)


def test_three_penalties(tmp_path):
    tiny = write_tiny_bert(tmp_path / "tiny")
    names = run("penalties", {'"minilm"': repr(str(tiny))})
    network = names["network"]
    ids = np.array([[2, 7, 8, 3], [2, 9, 3, 0]], np.int32)
    batch = {
        "token_ids": ids,
        "segment_ids": np.zeros_like(ids),
        "attention_mask": (ids > 0).astype(np.int32),
        "targets": np.array([0, 1]),
        "weights": np.ones(2, np.float32),
    }
    terms = network.terms(batch)
    outputs = network(batch)
    assert float(terms["add_loss"]) == pytest.approx(float(names["sparse"](batch, outputs)))


def test_a_loss_with_more_than_y_true(tmp_path):
    tiny = write_tiny_bert(tmp_path / "tiny")
    names = run(
        "losses",
        {"TextClassifier(": f"TextClassifier({str(tiny)!r}, "},
        texts=["the a", "b", "c d", "e"] * 5,
        labels=["x", "y", "x", "y"] * 5,
        teacher_vectors=np.ones((20, HIDDEN)),
    )
    assert set(names["classifier"].history_[0].terms) == {"data", "teacher", "total"}


@pytest.mark.slow
def test_the_tutorial(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pair = write_pair(tmp_path / "pair")
    handle = re.search(r'"(tfhub:[^"]+)"', BLOCKS["tutorial"]).group(1)
    names = run(
        "tutorial",
        {handle: f"tfhub:{pair}", "this is such an amazing movie!": "the a"},
        texts=["the a", "b", "c d", "e"] * 5,
        labels=[1, 0, 1, 0] * 5,
        held_out_texts=["the", "b c"],
        held_out_labels=[1, 0],
    )
    import tensorflow as tf

    served = tf.saved_model.load("imdb_served/1").signatures["classify"](tf.constant(["the a"]))
    np.testing.assert_allclose(
        served["probabilities"], names["classifier"].predict_proba(["the a"]), atol=1e-5
    )
    lines = [line for line in BLOCKS["tutorial"].splitlines() if line.strip()]
    assert len(lines) < 15
