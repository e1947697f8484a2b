"""What every encoder promises, whatever it encodes; a new encoder adds a line to `ENCODERS`."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone


def _picture(seed: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


TEXTS = ["one", "two words", "", "a somewhat longer text, with a comma", "one", "😀 émoji"]
IMAGES = [
    _picture(0, 90, 120),
    _picture(1, 300, 40),
    np.zeros((1, 1, 3), np.uint8),
    np.full((64, 64), 255, np.uint8),  # grey
    _picture(0, 90, 120),
    _picture(2, 224, 224).astype(np.float32) / 255,
]
# Fixture name of an encoder -> items it encodes, the first of them twice.
ENCODERS = {"minilm": TEXTS, "tiny": TEXTS, "lite0": IMAGES}


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
