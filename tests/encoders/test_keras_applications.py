"""Backbones of Keras: names, files, caches, and no network ever."""

import hashlib
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from embedsvc.encoders import image_network, keras_applications
from embedsvc.encoders.image import ImageEncoder
from embedsvc.encoders.image_network import load_image_network
from embedsvc.encoders.keras_applications import load_keras_backbone, parse
from embedsvc.errors import ArtifactError, InputError, OfflineError, WeightsError

# Keras hands NumPy its variables in a way that NumPy 2 wants done otherwise, when it saves them.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def mobilenet():
    network = keras.applications.MobileNet(include_top=False, weights=None, name="saved")
    generator = np.random.default_rng(0)
    for layer in network.layers:
        for variable in layer.weights[:1]:
            if len(variable.shape) == 4:  # kernels after which maps keep their size
                fan_in = variable.shape[0] * variable.shape[1]
                fan_in *= 1 if variable.shape[3] == 1 else variable.shape[2]
                kernel = generator.normal(scale=(2 / fan_in) ** 0.5, size=variable.shape)
                variable.assign(kernel.astype(np.float32))
    return network


@pytest.fixture(scope="module")
def file(mobilenet, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "mobilenet.weights.h5"
    mobilenet.save_weights(path)
    return path


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Keras' cache, empty, and nothing that could be fetched."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def build_with(monkeypatch, answer):
    def build(name, weights):
        assert weights == "imagenet"
        return answer()

    monkeypatch.setattr(keras_applications, "_build", build)


# Weights from a file


def test_maps_are_those_of_keras(mobilenet, file):
    network = load_image_network(f"keras:MobileNet@{file}", taps=["stride8", "last"])
    assert network.strides == {"stride8": 8, "last": 32}
    assert network.channels == {"stride8": 256, "last": 1024}
    prepared = keras.applications.mobilenet.preprocess_input(PIXELS.astype(np.float32))
    outputs = [mobilenet.get_layer("conv_pw_5_relu").output, mobilenet.output]
    expected = keras.Model(mobilenet.input, outputs)(prepared, training=False)
    maps = network.maps(PIXELS)
    for tap, values in zip(network.taps, expected, strict=True):
        assert maps[tap].dtype == np.float32
        assert 0.1 < maps[tap].max() <= 6
        np.testing.assert_allclose(maps[tap], values.numpy(), atol=1e-5)


def test_the_sha256_is_that_of_the_arrays(mobilenet, file):
    described = load_image_network(f"keras:MobileNet@{file}", taps=["last"]).describe()
    digest = hashlib.sha256(b"".join(array.tobytes() for array in mobilenet.get_weights()))
    assert described == {
        "model": "keras:MobileNet@mobilenet.weights.h5",
        "model_sha256": digest.hexdigest(),
        "taps": ["last"],
    }


def test_vectors_are_the_pooled_last_map(file):
    model = f"keras:MobileNet@{file}"
    encoder = ImageEncoder(model, size=(64, 96), normalize=True)
    maps = load_image_network(model, taps=["last"]).maps(PIXELS)["last"].mean(axis=(1, 2))
    expected = maps / np.linalg.norm(maps, axis=1, keepdims=True)
    np.testing.assert_allclose(encoder.encode(PIXELS), expected, atol=1e-6)
    assert ImageEncoder(model).describe()["size"] == [224, 224]
    assert encoder.dim == 1024


def test_another_file_of_the_same_name_is_loaded_again(mobilenet, tmp_path):
    path = tmp_path / "w.weights.h5"
    mobilenet.save_weights(path)
    first = load_image_network(f"keras:MobileNet@{path}", taps=["stride2"])
    assert load_image_network(f"keras:MobileNet@{path}", taps=["stride2"]) is first
    other = keras.models.clone_model(mobilenet)
    other.save_weights(path)
    second = load_image_network(f"keras:MobileNet@{path}", taps=["stride2"])
    assert second.describe()["model_sha256"] != first.describe()["model_sha256"]


def test_a_layer_of_its_own_and_an_unknown_one(file):
    model = f"keras:MobileNet@{file}"
    assert load_image_network(model, taps=["conv_dw_3"]).strides == {"conv_dw_3": 4}
    with pytest.raises(
        InputError, match=r"a tap of keras:MobileNet@mobilenet.* stride4, .*'conv_dw"
    ):
        load_image_network(model, taps=["conv_dw_33"])


def test_a_file_of_another_network(file):
    with pytest.raises(
        ArtifactError, match=r"weights of VGG16 without its classifier in .*, got: "
    ):
        load_keras_backbone(f"keras:VGG16@{file}", ["last"])


def test_a_file_that_is_no_hdf5(tmp_path):
    for name in ("w.h5", "w.weights.h5"):
        (tmp_path / name).write_bytes(b"nothing" * 100)
        with pytest.raises(ArtifactError, match="Save them with keras.applications.MobileNet"):
            load_keras_backbone(f"keras:MobileNet@{tmp_path / name}", ["last"])


@pytest.mark.parametrize("name", ["model.keras", "weights.npz", "weights", ""])
def test_other_kinds_of_files_are_refused(tmp_path, name):
    if name:
        (tmp_path / name).touch()
    text = str(tmp_path / name) if name else ""
    with pytest.raises(InputError, match=r"in a .h5 file after keras:VGG16@.*can hold code"):
        parse(f"keras:VGG16@{text}")


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match="which is none. Check the path"):
        parse(f"keras:VGG16@{tmp_path / 'w.h5'}")
    assert parse("keras:VGG16") == ("VGG16", None)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("keras:ResNet5", r"ConvNeXtBase, .*, got 'keras:ResNet5'. Did you mean 'keras:ResNet50'"),
        ("keras:mobilenetv2", "Did you mean 'keras:MobileNetV2'"),
        ("keras:", "got 'keras:'.$"),
        ("keras:vgg16@w.h5", "Did you mean 'keras:VGG16'"),
        ("keras:imagenet_utils", "Expected keras:NAME"),
    ],
)
def test_unknown_networks(model, message):
    with pytest.raises(InputError, match=message):
        load_image_network(model, taps=["last"])


# ImageNet weights by Keras


def test_offline_without_the_file(cache, monkeypatch):
    monkeypatch.setenv("EMBEDSVC_OFFLINE", "1")
    build_with(monkeypatch, lambda: pytest.fail("Keras was asked"))
    (cache / "resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5").touch()
    (cache / "resnet50_weights_tf_dim_ordering_tf_kernels.h5").touch()
    message = r"weights of keras:ResNet50 in .*models, found none, .*keras:ResNet50@FILE"
    with pytest.raises(OfflineError, match=message):
        load_keras_backbone("keras:ResNet50", ["last"])


def test_offline_with_the_file(cache, monkeypatch, mobilenet):
    monkeypatch.setenv("EMBEDSVC_OFFLINE", "1")
    build_with(monkeypatch, lambda: mobilenet)
    (cache / "mobilenet_1_0_224_tf_no_top.h5").touch()
    backbone = load_keras_backbone("keras:MobileNet", ["last"])
    assert (backbone.name, backbone.any_size, backbone.input_size) == ("keras:MobileNet", True, 224)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("MobileNetV2", "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"),
        ("MobileNetV3Small", "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5"),
        ("ResNet50V2", "resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5"),
        ("EfficientNetV2B0", "efficientnetv2-b0_notop.h5"),
        ("EfficientNetB0", "efficientnetb0_notop.h5"),
        ("ConvNeXtTiny", "convnext_tiny_notop.h5"),
        ("NASNetMobile", "nasnet_mobile_no_top.h5"),
        ("VGG16", "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"),
    ],
)
def test_names_in_the_cache_of_keras(cache, name, file):
    assert not keras_applications._is_cached(name)
    (cache / file).touch()
    assert keras_applications._is_cached(name)
    assert not keras_applications._is_cached("MobileNet")
    assert not keras_applications._is_cached("ResNet50")


@pytest.mark.parametrize(
    "error",
    [
        Exception("URL fetch failure on https://example.org: None -- refused"),
        OSError("No space left on device"),
        ValueError("Incomplete or corrupted file detected."),
    ],
)
def test_a_failed_download(cache, monkeypatch, error):
    def fail():
        raise error

    monkeypatch.delenv("EMBEDSVC_OFFLINE", raising=False)
    build_with(monkeypatch, fail)
    reason = str(error).rstrip(".")
    with pytest.raises(WeightsError, match=f"of keras:VGG16, got: {reason}. Check the network"):
        load_keras_backbone("keras:VGG16", ["last"])


def test_a_mistake_is_no_failed_download(cache, monkeypatch):
    def fail():
        raise ZeroDivisionError

    monkeypatch.delenv("EMBEDSVC_OFFLINE", raising=False)
    build_with(monkeypatch, fail)
    with pytest.raises(ZeroDivisionError):
        load_keras_backbone("keras:VGG16", ["last"])


def test_a_download_leaves_stdout_alone(cache, monkeypatch, capsys, mobilenet):
    def download():
        sys.stdout.write("42 %\n")
        return mobilenet

    monkeypatch.delenv("EMBEDSVC_OFFLINE", raising=False)
    build_with(monkeypatch, download)
    load_keras_backbone("keras:MobileNet", ["last"])
    assert capsys.readouterr() == ("", "42 %\n")


def test_a_network_of_one_size(cache, monkeypatch):
    # It is not the network of that name: nobody else may find it.
    monkeypatch.setattr(image_network, "_in_use", {})
    pixels = keras.Input((48, 48, 3))
    fixed = keras.Model(pixels, keras.layers.Conv2D(8, 3, strides=4, name="end")(pixels))
    monkeypatch.delenv("EMBEDSVC_OFFLINE", raising=False)
    build_with(monkeypatch, lambda: fixed)
    encoder = ImageEncoder("keras:NASNetMobile")
    assert encoder.describe()["size"] == [48, 48]
    assert encoder.encode(PIXELS).shape == (2, 8)
    with pytest.raises(InputError, match="of 48 x 48 pixels, the only size .* Use size=48"):
        ImageEncoder("keras:NASNetMobile", size=64).encode(PIXELS)


def test_the_cache_is_where_keras_looks(cache, monkeypatch):
    origin = (cache.parent / "weights.h5").as_uri()
    (cache.parent / "weights.h5").write_bytes(b"weights")
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(cache.parent))
    fetched = keras.utils.get_file("here.h5", origin, cache_subdir="models")
    assert Path(fetched).parent == keras_applications._cache() == cache
    monkeypatch.setattr(keras_applications.os, "access", lambda path, mode: False)
    assert keras_applications._cache().parts[-2:] == (".keras", "models")
