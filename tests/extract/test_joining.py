"""Parts as an output."""

import json

import numpy as np
import pyarrow as pa
import pytest
from fake_encoder import FakeEncoder

from embedsvc.extract.embedders import TextEmbedder
from embedsvc.extract.joining import column_types, input_digest, to_output
from embedsvc.extract.kinds import TEXTS
from embedsvc.extract.parts import TextPart, VectorPart, to_part
from embedsvc.extract.rows import Row
from embedsvc.extract.windows import Window


def record(**kinds):
    common = {"index": 0, "digest": "", "rows": 1, "rejects": 0}
    return VectorPart(**common, largest=1.0, longest={}, kinds=kinds)


def test_types_come_from_all_parts():
    types = column_types([record(a=["int"], b=["null"]), record(a=["float"], b=["bool"])])
    assert types == {"a": pa.float64(), "b": pa.bool_()}
    assert column_types([record(), record()]) == {}


def test_a_type_that_only_a_later_part_tells(job):
    values = [None] * 20 + [1] * 20 + [0.5] * 20
    job.run(job.lines(60, score=values), "out.jsonl", include_columns=("score",))
    lines = (job.folder / "out.jsonl").read_text().splitlines()
    assert [json.loads(line)["score"] for line in lines] == values


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
def test_to_output(dtype):
    texts = ["a", "b"]
    items = [Row(text, text, {"n": i}, "in.csv", i) for i, text in enumerate(texts)]
    (encoded,) = TextEmbedder(FakeEncoder()).embed([texts], lambda count: None)
    part, _ = to_part(Window(0, items, ""), encoded, ("n",), TextPart)
    scale = 0.5 if dtype == "int8" else None
    out = to_output(part, TEXTS, {"n": pa.int64()}, dtype=dtype, scale=scale)
    expected = np.rint(encoded.vectors / 0.5) if scale else encoded.vectors
    assert out.vectors.dtype == dtype
    np.testing.assert_array_equal(out.vectors, expected.astype(dtype))
    assert out.rows.to_pylist()[1] == {"id": "b", "n_tokens": 1, "truncated": False, "n": 1}


def test_input_digest_depends_on_order():
    assert input_digest(["a", "b"]) != input_digest(["b", "a"])
