"""The network's drawing, and its numbers against another implementation."""

import hashlib
import json

import keras
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file
from skimage import data

from embedsvc.catalogue.cards import get_model
from embedsvc.catalogue.pull import pull
from embedsvc.errors import ArtifactError, OfflineError
from embedsvc.nets.efficientnet_lite import BLOCKS, TAPS, build_efficientnet_lite0
from embedsvc.nets.efficientnet_lite_weights import load_efficientnet_lite0_weights

CARD = get_model("efficientnet-lite0")
GOLDEN = json.loads(CARD.golden.read_text())["results"]


@pytest.fixture(scope="module")
def tensors():
    try:
        return load_file(pull(CARD) / "model.safetensors")
    except OfflineError as err:
        pytest.skip(str(err))


@pytest.fixture(scope="module")
def network(tensors):
    network = build_efficientnet_lite0(["head", "logits"])
    load_efficientnet_lite0_weights(network, tensors, epsilon=CARD.batch_norm_epsilon)
    return network


def pixels_of(name):
    if name == "pattern":
        row, column, channel = np.ogrid[:224, :224, :3]
        levels = 7 * row + 13 * column + 29 * channel + row * column // 32
        return (levels % 256).astype(np.uint8)
    picture = {"chelsea": data.chelsea, "coffee": data.coffee}[name.split(".")[-1].rstrip("()")]()
    return np.asarray(Image.fromarray(picture).resize((224, 224), Image.Resampling.BICUBIC))


@pytest.mark.golden
@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden["image"])
def test_golden_values(network, golden):
    pixels = pixels_of(golden["image"])
    if hashlib.sha256(pixels.tobytes()).hexdigest() != golden["pixels_sha256"]:
        pytest.skip("this Pillow resizes the picture in another way")
    maps = network(pixels[np.newaxis].astype(np.float32), training=False)
    logits, features = maps["logits"].numpy()[0], maps["head"].numpy()[0].mean(axis=(0, 1))
    largest = golden["largest_logits"]
    assert logits.argmax() == golden["top1"]
    assert logits.argsort()[::-1][: len(largest)].tolist() == [one["index"] for one in largest]
    for one in largest:
        assert logits[one["index"]] == pytest.approx(one["logit"], abs=2e-4)
    np.testing.assert_allclose(features[:8], golden["features_first_8"], atol=2e-5)
    assert features.sum() == pytest.approx(golden["features_sum"], rel=1e-5)
    assert np.linalg.norm(features) == pytest.approx(golden["features_norm"], rel=1e-5)


def test_every_tap_has_its_shape():
    network = build_efficientnet_lite0(TAPS)
    spec = network.compute_output_spec(keras.KerasTensor((2, 64, 96, 3)))
    assert spec["stem"].shape == (2, 32, 48, 32)
    height, width = 32, 48
    for i, block in enumerate(BLOCKS):
        if block.expand > 1:
            inside = (2, height, width, block.inputs * block.expand)
            assert spec[f"block{i}_expand"].shape == inside
        height, width = -(-height // block.stride), -(-width // block.stride)
        assert spec[f"block{i}"].shape == (2, height, width, block.outputs)
    assert spec["head"].shape == (2, 2, 3, 1280)
    assert spec["logits"].shape == (2, 1000)
    # Batch normalization is folded: of its 4 numbers a channel, the bias is left.
    n_channels = sum(
        layer.bias.shape[0] for layer in network.layers if "conv" in type(layer).__name__.lower()
    )
    assert network.count_params() == CARD.parameters - n_channels


@pytest.mark.parametrize(("taps", "last"), [(["stem"], "stem"), (["block3_expand"], "block3")])
def test_nothing_is_built_beyond_the_last_tap(taps, last):
    names = [layer.name for layer in build_efficientnet_lite0(taps).layers]
    assert names[-1].startswith(last)
    assert "block4_depthwise" not in names


@pytest.mark.parametrize("taps", [[], ["block16"], ["stem", "head "]])
def test_unknown_taps(taps):
    with pytest.raises(ValueError, match=r"Expected taps out of stem, block0, .*, got \["):
        build_efficientnet_lite0(taps)


# Weights that do not fit; none are read from a file


def made_tensors():
    tensors = {}

    def add(conv, norm, shape):
        tensors[f"{conv}.weight"] = np.ones(shape, np.float32)
        for part in ("running_mean", "running_var", "weight", "bias"):
            tensors[f"{norm}.{part}"] = np.full(shape[0], 0.5, np.float32)

    add("_conv_stem", "_bn0", (32, 3, 3, 3))
    add("_blocks.0._depthwise_conv", "_blocks.0._bn1", (32, 1, 3, 3))
    add("_blocks.0._project_conv", "_blocks.0._bn2", (16, 32, 1, 1))
    return tensors


def load(tensors):
    network = build_efficientnet_lite0(["block0"])
    load_efficientnet_lite0_weights(network, tensors)
    return network


def test_batch_normalization_is_folded():
    tensors = made_tensors()
    tensors["_conv_stem.weight"] = np.random.default_rng(0).normal(size=(32, 3, 3, 3))
    stem = load(tensors).get_layer("stem")
    scale = 0.5 / np.sqrt(0.5 + 1e-3)
    expected = tensors["_conv_stem.weight"].transpose(2, 3, 1, 0) * scale
    np.testing.assert_allclose(stem.kernel.numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(stem.bias.numpy(), 0.5 - 0.5 * scale, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("_bn0.bias", None, "a tensor '_bn0.bias', got none"),
        ("_conv_stem.weight", np.ones((32, 27)), "to have 4 axes, got shape"),
        ("_conv_stem.weight", np.ones((31, 3, 3, 3)), "_bn0 to have 31 channels"),
        ("_conv_stem.weight", np.ones((32, 4, 3, 3)), r"shape \(3, 3, 3, 32\), got \(3, 3, 4, 32"),
    ],
)
def test_weights_that_do_not_fit(name, value, message):
    tensors = made_tensors()
    del tensors[name]
    if value is not None:
        tensors[name] = value
    with pytest.raises(ArtifactError, match=f"{message}.*Check that these are the weights"):
        load(tensors)
