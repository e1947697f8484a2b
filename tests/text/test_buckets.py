"""Every text once, none over budget."""

import numpy as np
import pytest

from embedsvc.text.buckets import pad, plan_batches


@pytest.mark.parametrize("budget", [1, 7, 64, 512, 10_000])
@pytest.mark.parametrize("n_texts", [0, 1, 2, 333])
def test_plan_batches(budget, n_texts):
    lengths = np.random.default_rng(n_texts).integers(2, 257, n_texts)
    batches = plan_batches(lengths, batch_tokens=budget)
    assert sorted(i for batch in batches for i in batch) == list(range(n_texts))
    longest = [lengths[batch].max() for batch in batches]
    assert longest == sorted(longest, reverse=True)
    for batch, length in zip(batches, longest, strict=True):
        assert len(batch) == 1 or len(batch) * length <= budget


def test_a_text_over_budget_is_alone_and_equal_lengths_keep_their_order():
    lengths = np.array([4, 30, 4, 4])
    batches = plan_batches(lengths, batch_tokens=8)
    assert [batch.tolist() for batch in batches] == [[1], [0, 2], [3]]


def test_pad():
    padded = pad([[5, 6, 7], [], [8]], pad_id=9)
    assert padded.dtype == np.int32
    assert padded.tolist() == [[5, 6, 7], [9, 9, 9], [8, 9, 9]]


def test_pad_nothing():
    assert pad([]).shape == (0, 0)
    assert pad([[], []]).shape == (2, 0)
