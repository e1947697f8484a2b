"""What every encoder promises, whatever it encodes; a new encoder adds a line to `ENCODERS`."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

TEXTS = ["one", "two words", "", "a somewhat longer text, with a comma", "one", "😀 émoji"]
# Fixture name of an encoder -> items it encodes, one of them twice.
ENCODERS = {"minilm": TEXTS, "tiny": TEXTS}


@pytest.fixture(params=ENCODERS)
def encoder(request: pytest.FixtureRequest):
    return request.getfixturevalue(request.param)


@pytest.fixture
def items(request: pytest.FixtureRequest):
    return ENCODERS[request.node.callspec.params["encoder"]]


def test_vectors_are_float32_rows_of_dim(encoder, items):
    vectors = encoder.encode(items)
    assert vectors.shape == (len(items), encoder.dim)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()


def test_no_items_give_no_rows(encoder):
    assert encoder.encode([]).shape == (0, encoder.dim)


def test_order_and_neighbours_do_not_matter(encoder, items):
    together = encoder.encode(items)
    backwards = encoder.encode(items[::-1])[::-1]
    alone = np.concatenate([encoder.encode([item]) for item in items])
    assert np.abs(together - backwards).max() <= 1e-5
    assert np.abs(together - alone).max() <= 1e-5


def test_encoding_twice_gives_the_same_bits(encoder, items):
    assert np.array_equal(encoder.encode(items), encoder.encode(items))


def test_equal_items_have_equal_vectors_and_others_differ(encoder, items):
    vectors = encoder.encode(items)
    assert np.array_equal(vectors[0], vectors[4])
    assert not np.allclose(vectors[0], vectors[1])


def test_the_stream_gives_the_same_rows(encoder, items):
    windows = list(encoder.encode_stream(iter(items), window=2))
    streamed = np.concatenate([window.vectors for window in windows])
    assert np.abs(streamed - encoder.encode(items)).max() <= 1e-5


def test_the_description_names_model_and_dimension(encoder):
    described = encoder.describe()
    assert described["dim"] == encoder.dim
    assert len(described["model_sha256"]) == 64


def test_it_is_a_scikit_learn_transformer(encoder, items):
    copy = clone(encoder)
    assert copy.get_params() == encoder.get_params()
    assert len(copy.get_feature_names_out()) == encoder.dim
    assert np.abs(copy.fit(items).transform(items) - encoder.encode(items)).max() <= 1e-5
