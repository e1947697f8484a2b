"""A set of ids in little memory."""

import random
import tracemalloc

import pytest

from embedsvc.extract.ids import SeenIds


def test_first_occurrences_are_new():
    seen = SeenIds()
    assert seen.add_new(["a", "b", "a", "c", "b"]) == [True, True, False, True, False]
    assert seen.add_new(["c", "d", "a"]) == [False, True, False]
    assert len(seen) == 4


@pytest.mark.parametrize("ids", [[], ["a"], ["", "\ud800", "🎉", "a\0b", "x" * 10_000]])
def test_any_strings(ids):
    seen = SeenIds()
    assert seen.add_new(ids) == [True] * len(ids)
    assert seen.add_new(ids) == [False] * len(ids)
    assert seen.add_new([]) == []


@pytest.mark.parametrize("batch", [1, 7, 2048])
def test_agrees_with_a_set(batch):
    pick = random.Random(batch)
    ids = [str(pick.randrange(3000)) for _ in range(10_000 if batch > 1 else 1000)]
    seen, known = SeenIds(), set()
    for start in range(0, len(ids), batch):
        part = ids[start : start + batch]
        expected = []
        for one in part:
            expected.append(one not in known)
            known.add(one)
        assert seen.add_new(part) == expected
    assert len(seen) == len(known)


def test_memory_stays_near_eight_bytes_an_id():
    count, batch = 1 << 20, 2048
    seen = SeenIds()
    tracemalloc.start()
    try:
        for start in range(0, count, batch):
            seen.add_new([f"review-{at}" for at in range(start, start + batch)])
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(seen) == count
    assert now < 9 * count
    assert peak < 18 * count
