"""A pair of SavedModels that a classifier keeps."""

import json

import numpy as np
import pytest
from tiny_savedmodels import EncoderKind, write_pair

from embedsvc.encoders.registry import load_encoder
from embedsvc.encoders.text_loading import load_text_model
from embedsvc.errors import ArtifactError

TEXTS = ["the abc", "", "Th\u00e9 D!"]
SETTINGS = {"pooling": "mean", "normalize": True, "max_tokens": 7}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = write_pair(tmp_path_factory.mktemp("saved") / "pair", EncoderKind(activation="relu"))
    (folder / "pair.json").write_text(json.dumps(SETTINGS))
    return folder


def test_its_own_settings(pair):
    model = load_text_model(pair)
    assert model.config is None
    assert {name: getattr(model, name) for name in SETTINGS} == SETTINGS
    expected = load_encoder(f"tfhub:{pair}", **SETTINGS).encode(TEXTS)
    np.testing.assert_array_equal(load_encoder(pair).encode(TEXTS), expected)


def test_given_settings_win(pair):
    model = load_text_model(pair, pooling="cls", normalize=False, max_tokens=5)
    assert (model.pooling, model.normalize, model.max_tokens) == ("cls", False, 5)


@pytest.mark.parametrize(
    ("name", "value"),
    [("pooling", "sum"), ("pooling", None), ("normalize", 1), ("max_tokens", True)],
)
def test_broken_settings(pair, tmp_path, name, value):
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "pair.json").write_text(json.dumps(SETTINGS | {name: value}))
    with pytest.raises(ArtifactError, match=f"got {name} = "):
        load_text_model(folder)
