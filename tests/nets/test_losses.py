"""Losses and weights against values and gradients computed by hand."""

import numpy as np
import pytest
import tensorflow as tf

from embedsvc.errors import InputError
from embedsvc.nets.losses import classification_loss

rng = np.random.default_rng(0)


def evaluate(task, logits, targets, weights, **options):
    """Value and gradient by TensorFlow."""
    loss = classification_loss(task, **options)
    z = tf.constant(logits, tf.float32)
    batch = {"targets": tf.constant(targets), "weights": tf.constant(weights, tf.float32)}
    with tf.GradientTape() as tape:
        tape.watch(z)
        value = loss(batch, {"logits": z})
    return float(value), tape.gradient(value, z).numpy()


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def test_multiclass_by_hand():
    z, y, w = rng.normal(size=(5, 3)), np.array([0, 2, 1, 1, 0]), np.array([1, 0.5, 0, 2, 3.0])
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)

    value, gradient = evaluate("multiclass", z, y, w)

    # L = 1/B sum w_i * -log p_i, dL/dz_i = w_i / B * (p_i - onehot_i)
    assert value == pytest.approx(np.sum(w * -np.log(p[np.arange(5), y])) / 5, abs=1e-6)
    np.testing.assert_allclose(gradient, w[:, None] / 5 * (p - np.eye(3)[y]), atol=1e-6)


def test_binary_by_hand():
    z, y, w = rng.normal(size=(4, 1)), np.array([0, 1, 1, 0]), np.array([1, 2, 0.5, 1])
    p = sigmoid(z[:, 0])

    value, gradient = evaluate("binary", z, y, w)

    expected = np.sum(w * -np.where(y == 1, np.log(p), np.log(1 - p))) / 4
    assert value == pytest.approx(expected, abs=1e-6)
    np.testing.assert_allclose(gradient[:, 0], w / 4 * (p - y), atol=1e-6)


def test_positive_weights_act_on_positives_alone():
    z, w = rng.normal(size=(3, 2)), np.array([1, 2, 0.5])
    y = np.array([[1, 0], [0, 0], [1, 1]], np.float32)
    c, p = np.array([3.0, 5.0]), sigmoid(z)

    value, gradient = evaluate("multilabel", z, y, w, positive_weights=c)

    losses = -(c * y * np.log(p) + (1 - y) * np.log(1 - p)).mean(1)
    assert value == pytest.approx(np.sum(w * losses) / 3, abs=1e-6)
    expected = (c * y * (p - 1) + (1 - y) * p) / 2 * w[:, None] / 3
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


@pytest.mark.parametrize("task", ["multiclass", "binary", "multilabel"])
def test_focal_by_hand(task):
    z = rng.normal(size=(4, 1 if task == "binary" else 3))
    w = np.array([1, 2, 0.5, 1])
    if task == "multiclass":
        y = np.array([0, 2, 1, 1])
        right = (np.exp(z) / np.exp(z).sum(1, keepdims=True))[np.arange(4), y][:, None]
    elif task == "binary":
        y = np.array([0, 1, 1, 0])
        right = np.where(y[:, None] == 1, sigmoid(z), sigmoid(-z))
    else:
        y = np.eye(3, dtype=np.float32)[[0, 2, 1, 1]]
        right = np.where(y == 1, sigmoid(z), sigmoid(-z))

    value, _ = evaluate(task, z, y, w, kind="focal", gamma=2.0)

    losses = ((1 - right) ** 2 * -np.log(right)).mean(1)
    assert value == pytest.approx(np.sum(w * losses) / 4, abs=1e-6)


def test_focal_without_focus_is_cross_entropy():
    z, y, w = rng.normal(size=(4, 3)), np.array([0, 2, 1, 1]), np.ones(4)
    plain = evaluate("multiclass", z, y, w)
    focal = evaluate("multiclass", z, y, w, kind="focal", gamma=0.0)
    assert plain[0] == focal[0]
    np.testing.assert_array_equal(plain[1], focal[1])


def test_focal_is_finite_where_all_is_right_or_wrong():
    z = np.array([[200.0, -200.0], [-200.0, 200.0]])
    value, gradient = evaluate("multiclass", z, np.array([0, 0]), np.ones(2), kind="focal")
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_a_text_counts_the_same_whatever_its_neighbours_weigh():
    z, y = rng.normal(size=(2, 3)), np.array([0, 1])
    _, light = evaluate("multiclass", z, y, np.array([1.0, 0.1]))
    _, heavy = evaluate("multiclass", z, y, np.array([1.0, 9.0]))
    np.testing.assert_array_equal(light[0], heavy[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [({"kind": "hinge"}, "cross_entropy, focal, got 'hinge'"), ({"gamma": -1}, "at least 0")],
)
def test_refused(options, message):
    with pytest.raises(InputError, match=message):
        classification_loss("binary", **options)
