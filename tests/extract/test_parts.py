"""A window as a part."""

from dataclasses import replace

import numpy as np
import pytest
from fake_encoder import FakeEncoder

from embedsvc.errors import ArtifactError
from embedsvc.extract.embedders import TextEmbedder
from embedsvc.extract.parts import Summary, TextPart, VectorPart, summarize, to_part
from embedsvc.extract.rows import Reject, Row
from embedsvc.extract.windows import Window


def part(texts, columns=None, include=(), vectors=None):
    columns = columns or [{}] * len(texts)
    items = [
        Row(f"k{i}", text, values, "in.csv", i + 2)
        for i, (text, values) in enumerate(zip(texts, columns, strict=True))
    ]
    window = Window(3, [*items, Reject("in.csv", 99, "Broken.", "x")], "digest")
    (encoded,) = TextEmbedder(FakeEncoder()).embed([texts], lambda count: None)
    if vectors is not None:
        encoded = replace(encoded, vectors=np.float32(vectors))
    return to_part(window, encoded, include, TextPart)


def test_table_and_record():
    texts = ["one two", "", " ", "x " * 20]
    table, record = part(texts, [{"a": i, "b": "long"} for i in range(4)], ("a", "b"))
    assert table.column_names == ["id", "n_tokens", "truncated", "vector", "columns"]
    assert table["id"].to_pylist() == ["k0", "k1", "k2", "k3"]
    assert table["columns"][1].as_py() == b'{"a":1,"b":"long"}'
    assert np.array_equal(table["vector"].to_pylist(), FakeEncoder().vectors_of(texts))
    assert (record.index, record.digest, record.rows, record.rejects) == (3, "digest", 4, 1)
    assert (record.tokens, record.truncated, record.empty) == (22, 1, 2)
    assert record.longest == {"id": 2, "a": 1, "b": 4}
    assert record.kinds == {"a": ["int"], "b": ["str"]}
    assert record.largest == np.abs(FakeEncoder().vectors_of(texts)).max()


def test_a_window_of_nothing_but_rejects():
    table, record = part([], include=("a",))
    assert table.num_rows == 0
    assert table.schema.field("vector").type.list_size == 8
    assert (record.rows, record.largest, record.longest) == (0, 0.0, {"id": 0, "a": 0})


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_vectors_must_be_finite(bad):
    with pytest.raises(ArtifactError, match="for in.csv, line 3"):
        part(["a", "b"], vectors=[[0.0, 1.0], [bad, 0.0]])


def test_infinity_of_a_column_survives():
    values = [float("nan"), float("inf"), -float("inf"), 1.5]
    table, record = part(["a"] * 4, [{"x": value} for value in values], ("x",))
    assert table["columns"][1].as_py() == b'{"x":"inf"}'
    assert record.kinds == {"x": ["float"]}


def test_summary():
    common = {"index": 0, "digest": "", "rows": 5, "rejects": 3}
    common |= {"largest": 1.0, "longest": {}, "kinds": {}}
    record = TextPart(**common, tokens=50, truncated=1, empty=2)
    total = summarize([record, record], TextPart)
    counts = {"tokens": 100, "empty": 4, "truncated": 2}
    assert total == Summary(rows=10, counts=counts, rejects=6)
    assert summarize([VectorPart(**common)], VectorPart) == Summary(rows=5, rejects=3)
    assert total.rate == 0.0
    assert Summary(rows=10, resumed=4, seconds=2.0).rate == 3.0
    assert summarize([], VectorPart) == Summary()
