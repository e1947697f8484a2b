"""Batches: every text once, of similar length, the same for the same seed."""

import numpy as np
import pytest
import tensorflow as tf

from embedsvc.classify.batches import TrainingTexts, TrainingVectors

rng = np.random.default_rng(0)
LENGTHS = rng.integers(3, 40, 500)
TEXTS = TrainingTexts(
    [list(range(1, n + 1)) for n in LENGTHS],
    {"targets": np.arange(500), "weights": np.ones(500, np.float32)},
)
VECTORS = TrainingVectors({"embedding": np.zeros((500, 4), np.float32), "targets": np.arange(500)})


@pytest.mark.parametrize("data", [TEXTS, VECTORS])
def test_every_row_once_an_epoch(data):
    rows = np.arange(0, 500, 2)
    batches = list(data.plan(rows, batch_size=32, seed=0, epoch=1))
    np.testing.assert_array_equal(np.sort(np.concatenate(batches)), rows)
    assert max(map(len, batches)) == 32


@pytest.mark.parametrize("data", [TEXTS, VECTORS])
def test_order_is_of_seed_and_epoch(data):
    def plan(seed, epoch):
        return np.concatenate(
            list(data.plan(np.arange(500), batch_size=32, seed=seed, epoch=epoch))
        )

    np.testing.assert_array_equal(plan(0, 1), plan(0, 1))
    assert not np.array_equal(plan(0, 1), plan(0, 2))
    assert not np.array_equal(plan(0, 1), plan(1, 1))


def test_little_is_padded():
    padded = sum(
        LENGTHS[rows].max() * len(rows)
        for rows in TEXTS.plan(np.arange(500), batch_size=16, seed=0, epoch=1)
    )
    assert padded < 1.15 * LENGTHS.sum()


def test_a_batch():
    batch = TrainingTexts([[5, 6, 7], [8]], {"targets": np.array([1, 0])}).batch(np.array([1, 0]))
    np.testing.assert_array_equal(batch["token_ids"], [[8, 0, 0], [5, 6, 7]])
    np.testing.assert_array_equal(batch["attention_mask"], [[1, 0, 0], [1, 1, 1]])
    np.testing.assert_array_equal(batch["segment_ids"], 0)
    np.testing.assert_array_equal(batch["targets"], [0, 1])


@pytest.mark.parametrize("data", [TEXTS, VECTORS])
def test_the_signature_fits_any_batch(data):
    signature = data.signature()
    for size in (1, 7):
        batch = data.batch(np.arange(size))
        assert batch.keys() == signature.keys()
        for name, values in batch.items():
            assert signature[name].is_compatible_with(tf.convert_to_tensor(values))
