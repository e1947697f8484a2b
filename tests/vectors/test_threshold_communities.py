"""Groups within a threshold, compared with sentence-transformers."""

import numpy as np
import pytest

from embedsvc.vectors.checks import unit_rows
from embedsvc.vectors.threshold_communities import threshold_communities

# Made with sentence_transformers 6.2.0: util.community_detection(vectors, threshold=...,
# min_community_size=3) on the vectors of `rows`; ids sorted.
GOLDEN = {
    0.75: [
        [0, 1, 3, 4, 5, 6, 7, 9, 10, 11, 12],
        [14, 15, 16, 17, 18, 19, 20, 21, 22],
        [23, 24, 28],
    ],
    0.8: [[14, 15, 16, 17, 18, 19, 20, 21, 22], [0, 1, 3, 5, 6, 7, 10, 12]],
}


def rows():
    generator = np.random.default_rng(0)
    middles = generator.standard_normal((4, 8))
    owners = np.repeat(np.arange(4), [14, 9, 6, 5])
    return unit_rows(middles[owners] + 0.55 * generator.standard_normal((34, 8)))


@pytest.mark.golden
@pytest.mark.parametrize("threshold", GOLDEN)
def test_the_groups_of_sentence_transformers(threshold):
    vectors = rows()
    labels = threshold_communities(
        vectors, np.ones(len(vectors), np.int64), threshold=threshold, min_size=3
    )
    found = [np.flatnonzero(labels == one).tolist() for one in range(labels.max() + 1)]
    assert sorted(found, key=len, reverse=True) == GOLDEN[threshold]


def test_a_row_that_is_there_often_is_a_group():
    counts = np.array([5, 1], np.int64)
    labels = threshold_communities(np.eye(2, dtype=np.float32), counts, threshold=0.9, min_size=3)
    assert labels.tolist() == [0, -1]


def test_blocks_make_no_difference():
    vectors = unit_rows(np.random.default_rng(1).standard_normal((700, 3)))
    labels = threshold_communities(vectors, np.ones(700, np.int64), threshold=0.98, min_size=4)
    assert labels.max() > 10
    cosines = vectors @ vectors.T
    for one in range(labels.max() + 1):
        members = np.flatnonzero(labels == one)
        assert len(members) >= 4
        # All within the threshold of one row, which another group may have taken.
        assert (cosines[members] >= 0.98 - 1e-6).all(axis=0).any()
