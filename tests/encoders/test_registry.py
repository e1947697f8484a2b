"""Names, folders and settings."""

import pytest

from embedsvc.encoders.image import ImageEncoder
from embedsvc.encoders.registry import load_encoder
from embedsvc.encoders.text import TextEncoder
from embedsvc.errors import ArtifactError, EmbedsvcError, InputError


def test_a_folder_loads_at_once(tiny_bert_folder):
    encoder = load_encoder(tiny_bert_folder(), pooling="cls")
    assert isinstance(encoder, TextEncoder)
    assert encoder.describe()["model"] == "tiny-bert"
    assert encoder.describe()["pooling"] == "cls"


def test_text_and_path_are_the_same(tiny_bert_folder):
    folder = tiny_bert_folder()
    a, b = load_encoder(folder), load_encoder(str(folder))
    assert (a.encode(["abc"]) == b.encode(["abc"])).all()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("minilmm", "Did you mean 'minilm'"),
        ("no/such/folder", "'no/such/folder', which is no folder"),
        ("./minilm", "which is no folder"),
        ("../minilm", "which is no folder"),
        ("a\0b", "Expected"),
        ("keras:MobileNetV22", "Did you mean 'keras:MobileNetV2'"),
    ],
)
def test_unknown_models(model, message):
    with pytest.raises(InputError, match=message):
        load_encoder(model)


def test_a_path_is_never_a_name(tmp_path):
    with pytest.raises(InputError, match="which is no folder"):
        load_encoder(tmp_path / "minilm")


def test_a_folder_that_is_no_model(tmp_path):
    with pytest.raises(ArtifactError, match="without config.json, model.safetensors, tokenizer"):
        load_encoder(tmp_path)


def test_the_kind_of_the_model_decides(lite0):
    encoder = load_encoder("efficientnet-lite0", size=64, pooling="max")
    assert isinstance(encoder, ImageEncoder)
    assert encoder.network is lite0.network
    assert (encoder.describe()["size"], encoder.describe()["pooling"]) == ([64, 64], "max")


def test_each_kind_refuses_models_of_the_other():
    with pytest.raises(InputError, match="for texts, got 'efficientnet-lite0', which is for imag"):
        _ = TextEncoder("efficientnet-lite0").network
    with pytest.raises(InputError, match="for images, got 'minilm', which is for texts"):
        _ = ImageEncoder("minilm").network


@pytest.mark.parametrize(
    ("model", "setting", "message"),
    [
        ("minilm", "poolin", r"for texts \(pooling, .*on_long, .*\), got poolin for 'minilm'"),
        ("minilm", "size", r"for texts .* got size"),
        ("efficientnet-lite0", "on_long", r"for images \(pooling, .*size, .*\), got on_long"),
        ("keras:ResNet50", "max_tokens", r"for images .*, got max_tokens for 'keras:ResNet50'"),
    ],
)
def test_unknown_settings_are_refused_before_anything_is_loaded(model, setting, message):
    with pytest.raises(InputError, match=message):
        load_encoder(model, **{setting: 1})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pooling": "median"}, "pooling to be one of mean, cls, max, pooled, got 'median'"),
        ({"on_long": "cut"}, "on_long to be one of truncate, error, split, got 'cut'"),
        ({"batch_tokens": 0}, "batch_tokens to be at least 1 or None, got 0"),
        ({"workers": -1}, "workers to be at least 1 or None, got -1"),
        ({"max_tokens": 0}, "max_tokens from 3 to 32, the model's position embeddings, got 0"),
        ({"max_tokens": 2}, "got 2"),
        ({"max_tokens": 33}, "got 33"),
    ],
)
def test_bad_settings(tiny_bert_folder, settings, message):
    with pytest.raises(InputError, match=message) as caught:
        load_encoder(tiny_bert_folder(), **settings)
    assert isinstance(caught.value, EmbedsvcError)
