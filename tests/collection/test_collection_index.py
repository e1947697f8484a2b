"""The index: built when it pays, kept complete, and as good as it says."""

import numpy as np
import pytest

from embedsvc.collection import searching, tending


@pytest.fixture
def grown(same_database, encoder, monkeypatch):
    """2,000 rows around 40 middles, and an index from 1,500 rows on."""
    monkeypatch.setattr(tending, "INDEX_FROM", 1500)
    monkeypatch.setattr(searching, "INDEX_FROM", 100)
    monkeypatch.setattr(tending, "_MOST_UNINDEXED", 300)
    generator = np.random.default_rng(0)
    middles = generator.standard_normal((40, 8))
    vectors = middles[generator.integers(40, size=4000)] + 0.3 * generator.standard_normal(
        (4000, 8)
    )
    collection = same_database("grown", encoder)

    def add(first, last):
        ids = [str(at) for at in range(first, last)]
        collection.add(
            vectors=vectors[first:last],
            ids=ids,
            columns={"part": [at % 50 for at in range(first, last)]},
        )
        return collection.info()["index"]

    collection.add_some = add
    return collection


def test_it_is_built_when_it_pays_and_takes_new_rows(grown):
    assert grown.add_some(0, 1000) is None
    built = grown.add_some(1000, 2000)
    assert (built["rows"], built["lists"], built["rows_outside"]) == (2000, 45, 0)
    assert grown.add_some(2000, 2200)["rows_outside"] == 200
    assert grown.add_some(2200, 2400)["rows_outside"] == 0
    anew = grown.add_some(2400, 4000)
    assert (anew["rows"], anew["lists"], anew["rows_outside"]) == (4000, 63, 0)


def test_what_it_finds_is_checked(grown):
    grown.add_some(0, 2000)
    grown.add_some(2000, 2100)
    found = grown.info(check=True)["check"]
    assert found["recall_at_10"] >= 0.95
    assert (found["queries"], found["unique_ids"]) == (100, 1)
    assert grown.info(check=True)["check"] == found
    assert grown.info(check=True, seed=1)["check"]["seed"] == 1


def test_rows_outside_of_it_and_changed_ones_are_found(grown):
    grown.add_some(0, 2000)
    far = np.zeros((1, 8), np.float32)
    far[0, 3] = -50
    grown.add(vectors=far, ids=["far"])
    grown.add(vectors=far * 1.01, ids=["17"])
    assert set(grown.search(far[0], k=2).column("id").to_pylist()) == {"far", "17"}
    grown.remove(ids=["far"])
    assert grown.search(far[0], k=1).column("id").to_pylist() == ["17"]


@pytest.mark.parametrize("where", ["part = 7", "part < 25", "id = '3'"])
def test_with_a_filter_it_finds_k_rows_all_the_same(grown, where):
    grown.add_some(0, 2000)
    k = min(10, grown.count(where))
    query = np.ones(8, np.float32)
    found, exact = (grown.search(query, k=10, where=where, exact=one) for one in (False, True))
    assert len(found) == len(exact) == k
    shared = set(found.column("id").to_pylist()) & set(exact.column("id").to_pylist())
    assert len(shared) >= 0.8 * k
