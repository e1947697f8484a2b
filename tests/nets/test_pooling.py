"""Pooling by hand."""

import numpy as np
import pytest
import tensorflow as tf

from embedsvc.nets.pooling import POOLINGS, l2_normalize, pool

GENERATOR = np.random.default_rng(3)
STATES = GENERATOR.normal(size=(3, 5, 4)).astype(np.float32)
POOLED = GENERATOR.normal(size=(3, 4)).astype(np.float32)
LENGTHS = [5, 1, 3]
MASK = np.array([[1, 1, 1, 1, 1], [1, 0, 0, 0, 0], [1, 1, 1, 0, 0]], np.float32)
BY_HAND = {
    "mean": np.stack([s[:n].mean(0) for s, n in zip(STATES, LENGTHS, strict=True)]),
    "max": np.stack([s[:n].max(0) for s, n in zip(STATES, LENGTHS, strict=True)]),
    "cls": STATES[:, 0],
    "pooled": POOLED,
}


@pytest.mark.parametrize("pooling", POOLINGS)
def test_pool(pooling):
    outputs = {
        "sequence_output": tf.constant(STATES),
        "pooled_output": tf.constant(POOLED),
    }
    vectors = pool(outputs, tf.constant(MASK), pooling=pooling)
    np.testing.assert_allclose(vectors, BY_HAND[pooling], atol=1e-6)


def test_max_of_negative_states_is_negative():
    outputs = {"sequence_output": tf.constant(-1 - np.abs(STATES))}
    assert (pool(outputs, tf.constant(MASK), pooling="max").numpy() < 0).all()


def test_l2_normalize():
    vectors = l2_normalize(tf.constant([[3.0, 4.0], [0.0, 0.0], [0.0, -1e-3]])).numpy()
    np.testing.assert_allclose(vectors, [[0.6, 0.8], [0, 0], [0, -1]], atol=1e-6)
