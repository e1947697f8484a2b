"""Encoders of both kinds behind one face."""

import numpy as np
import pytest
from fake_encoder import FakeEncoder, FakeImageEncoder

from embedsvc.extract.embedders import embedder_of
from embedsvc.extract.kinds import IMAGES, TEXTS
from embedsvc.extract.parts import TextPart, VectorPart

LONG = "word " * 17


def embed(kind, encoder, windows, **options):
    counts = []
    embedder = embedder_of(kind, encoder, **options)
    return list(embedder.embed(iter(windows), counts.append)), counts


def test_texts():
    windows = [["one two", "", LONG], ["three"]]
    (first, second), counts = embed(TEXTS, FakeEncoder(), windows)
    np.testing.assert_array_equal(first.vectors, FakeEncoder().vectors_of(windows[0]))
    assert {name: values.tolist() for name, values in first.info.items()} == {
        "n_tokens": [2, 0, 17],
        "truncated": [False, False, True],
    }
    assert first.counts == {"tokens": 19, "empty": 1, "truncated": 1}
    assert (first.failures, second.counts["tokens"], counts) == ({}, 1, [3, 1])


def test_long_texts_are_failures():
    windows = [["", LONG, "one two"]]
    ((only,), _) = embed(TEXTS, FakeEncoder(), windows, refuse_long=True)
    np.testing.assert_array_equal(only.vectors, FakeEncoder().vectors_of(["", "one two"]))
    assert only.info["n_tokens"].tolist() == [0, 2]
    assert only.counts == {"tokens": 2, "empty": 1, "truncated": 0}
    assert only.failures.keys() == {1}
    assert "got 17 tokens. Shorten it" in only.failures[1]


def test_images(tmp_path):
    paths = [tmp_path / name for name in ("a", "b", "c")]
    for path, content in zip(paths, [b"\3\4x", b"\0", b"\5\6y"], strict=True):
        path.write_bytes(content)
    ((only, empty), counts) = embed(IMAGES, FakeImageEncoder(), [paths, [paths[1]]])
    np.testing.assert_array_equal(only.vectors, FakeImageEncoder().vectors_of([b"\3\4x", b"\5\6y"]))
    assert (only.info["height"].tolist(), only.info["width"].tolist()) == ([3, 5], [4, 6])
    assert (only.counts, only.failures.keys(), counts) == ({}, {1}, [3, 1])
    assert (empty.vectors.shape, empty.failures.keys()) == ((0, 8), {0})


def test_what_the_vectors_depend_on():
    assert embedder_of(TEXTS, FakeEncoder()).describe() == FakeEncoder().describe()
    refusing = embedder_of(TEXTS, FakeEncoder(), refuse_long=True)
    assert refusing.describe() == {**FakeEncoder().describe(), "on_long": "error"}
    images = embedder_of(IMAGES, FakeImageEncoder())
    assert images.describe() == FakeImageEncoder().describe()


@pytest.mark.parametrize(("kind", "part"), [(TEXTS, TextPart), (IMAGES, VectorPart)])
def test_types_of_records(kind, part):
    assert embedder_of(kind, None).part is part
