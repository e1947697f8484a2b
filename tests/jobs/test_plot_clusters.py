"""Clusters for a map that has none."""

import numpy as np
import pytest

from embedsvc.jobs.plot_clusters import found_clusters
from embedsvc.tables.contents import Contents


@pytest.fixture
def vectors():
    rng = np.random.default_rng(0)
    rows = 5 * np.eye(6)[np.arange(40) % 2] + rng.normal(size=(40, 6)) * 0.2
    return rows.astype(np.float32)


def test_names_are_keywords(vectors):
    texts = Contents("texts", [["late parcel", "old password"][i % 2] for i in range(40)], "here")
    found = found_clusters(vectors, texts, name="cluster")
    assert found.noun == "cluster"
    assert len(found.names) == 2
    assert {"parcel", "password"} <= set(" ".join(found.names).replace(",", "").split())
    assert len(set(found.codes[::2])) == 1


def test_names_are_numbers_without_texts_and_numbered_where_they_repeat(vectors):
    assert found_clusters(vectors, None, name="c").names == ["cluster 0", "cluster 1"]
    images = Contents("images", ["a.jpg"] * 40, "here")
    assert found_clusters(vectors, images, name="c").names == ["cluster 0", "cluster 1"]
    same = Contents("texts", ["parcel"] * 40, "here")
    names = found_clusters(vectors, same, name="c").names
    assert len(set(names)) == 2


@pytest.mark.parametrize("rows", [[[1, 2]], [[1, 2], [1, 2]], [[0, 0]] * 5])
def test_nothing_to_find(rows):
    assert found_clusters(np.array(rows, np.float32), None, name="cluster") is None
