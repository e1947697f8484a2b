"""Cutting rows into windows."""

import pytest

from embedsvc.extract.rows import Reject, Row
from embedsvc.extract.windows import cut_windows


def row(i, text="text", row_id=None, **columns):
    return Row(row_id or str(i), text, columns, "in.csv", i + 2)


def reject(i):
    return Reject("in.csv", i + 2, "Broken.", "x")


def cut(items, *, unique_ids=False, max_rows=2048):
    return list(cut_windows(items, unique_ids=unique_ids, max_rows=max_rows))


def test_nothing_gives_no_window():
    assert cut([]) == []


@pytest.mark.parametrize(("n", "sizes"), [(1, [1]), (2048, [2048]), (2049, [2048, 1])])
def test_windows_end_at_2048_rows(n, sizes):
    found = cut(row(i) for i in range(n))
    assert [len(window.rows) for window in found] == sizes
    assert [window.index for window in found] == list(range(len(sizes)))


def test_rejects_count_too():
    found = cut([row(0), reject(1), reject(2), row(3), reject(4)], max_rows=4)
    assert [(len(w.rows), len(w.rejects)) for w in found] == [(2, 2), (0, 1)]
    assert found[0].inputs == ["text", "text"]


@pytest.mark.parametrize("where", ["text", "column"])
def test_windows_end_at_4_million_characters(where):
    long = "x" * 1_500_000
    rows = [row(i, long) if where == "text" else row(i, page=long) for i in range(7)]
    assert [len(window.rows) for window in cut(rows)] == [3, 3, 1]


def test_memory_holds_one_window():
    taken = []
    rows = (taken.append(i) or row(i) for i in range(10_000))
    stream = cut_windows(rows, unique_ids=True, max_rows=2048)
    next(stream)
    assert len(taken) == 2048


def test_rejects_stand_in_input_order():
    items = [row(0, row_id="a"), reject(1), row(2, row_id="a"), row(3, row_id="b"), reject(4)]
    (window,) = cut(items, unique_ids=True)
    assert [r.line for r in window.rejects] == [3, 4, 6]
    assert [r.id for r in window.rows] == ["a", "b"]
    (window,) = [window.without({1: "Too long."})]
    assert [(r.line, r.reason[:9]) for r in window.rejects] == [
        (3, "Broken."),
        (4, "Expected "),
        (5, "Too long."),
        (6, "Broken."),
    ]


def test_repeated_ids_are_found_across_windows():
    found = cut([row(i, row_id=f"k{i % 3}") for i in range(6)], unique_ids=True, max_rows=2)
    assert [[r.id for r in w.rows] for w in found] == [["k0", "k1"], ["k2"], []]
    assert "'k0' again" in found[1].rejects[0].reason


def test_the_digest_tells_inputs_apart():
    def digest(*items):
        return cut(items)[0].digest

    rows = [row(0), row(1, "b"), row(2, row_id="c"), row(0, k=1), row(0, k="1"), row(0, k=None)]
    assert len({digest(one) for one in rows} | {digest(reject(0)), digest(row(0), row(0))}) == 8
    assert digest(row(0)) == digest(row(0))
    (window,) = cut([row(0), row(1)])
    assert window.without({0: "Too long."}).digest == window.digest
