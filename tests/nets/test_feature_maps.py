"""Which layer stands for which stride, on small drawings and on Keras' own networks."""

import keras
import numpy as np
import pytest

from embedsvc.nets.feature_maps import MapShape, generic_taps, map_outputs, map_shapes

layers = keras.layers


def conv(channels, kernel=3, stride=1, name=None):
    return layers.Conv2D(channels, kernel, strides=stride, padding="same", name=name)


def taps_of(network):
    shapes = map_shapes(network)
    return shapes, generic_taps(network, shapes)


def test_the_last_layer_that_everything_passes():
    pixels = keras.Input((None, None, 3))
    x = conv(8, stride=2, name="down")(pixels)
    inside = conv(8, name="inside")(x)
    x = layers.Add(name="sum")([x, inside])
    left = conv(4, stride=2, name="left")(x)
    late = conv(4, name="late")(x)  # stride 2, but only one of two ways
    right = layers.MaxPooling2D(name="right")(late)
    x = layers.Concatenate(name="both")([left, right])
    shapes, taps = taps_of(keras.Model(pixels, x))
    assert taps == {"stride2": "sum", "stride4": "both", "last": "both"}
    assert shapes["sum"] == MapShape(stride=2, channels=8)
    assert shapes["late"] == MapShape(stride=2, channels=4)


def test_padding_and_widening_are_left_out():
    pixels = keras.Input((None, None, 3))
    x = layers.Rescaling(1 / 255)(pixels)
    x = conv(8, stride=2, name="block")(x)
    x = conv(48, kernel=1, name="expand")(x)
    x = layers.ReLU(name="expand_relu")(x)
    x = layers.ZeroPadding2D(((0, 1), (0, 1)), name="pad")(x)
    x = layers.DepthwiseConv2D(3, strides=2, name="depthwise")(x)
    x = conv(16, kernel=1, name="project")(x)
    x = layers.ReLU(name="end")(x)
    assert taps_of(keras.Model(pixels, x))[1] == {
        "stride2": "block",
        "stride4": "end",
        "last": "end",
    }


def test_operations_and_nested_models():
    pixels = keras.Input((None, None, 3))
    stem = keras.Sequential([conv(8, stride=4)], name="stem")
    x = stem(pixels)
    x = x + conv(8, name="inside")(x)  # no layer to Keras
    pooled = layers.GlobalAveragePooling2D(keepdims=True)(x)  # a map of one position
    network = keras.Model(pixels, x * pooled)
    shapes, taps = taps_of(network)
    assert "stem" not in shapes
    assert {shape.stride for shape in shapes.values()} == {4}
    assert taps["stride4"] == taps["last"] == network.operations[-1].name
    assert set(shapes) < set(map_outputs(network))


def test_paths_that_never_meet_in_one_layer():
    pixels = keras.Input((64, 64, 3))
    a = conv(8, stride=2, name="a")(pixels)
    b = conv(8, stride=2, name="b")(pixels)
    merged = layers.Concatenate(name="merged")([a, b])
    x = layers.Concatenate(name="end")(
        [conv(8, stride=2, name="c")(merged), conv(8, stride=2, name="d")(b)]
    )
    shapes, taps = taps_of(keras.Model(pixels, x))
    assert taps == {"stride2": "merged", "stride4": "end", "last": "end"}
    assert shapes["merged"] == MapShape(2, 16)


def test_borders_without_padding_do_not_change_the_stride():
    pixels = keras.Input((None, None, 3))
    x = pixels
    for i in range(5):
        x = layers.Conv2D(8, 3, strides=2, name=f"down{i}")(x)
    _, taps = taps_of(keras.Model(pixels, x))
    assert taps == {f"stride{2 ** (i + 1)}": f"down{i}" for i in range(5)} | {"last": "down4"}


# Taps of Keras' networks, looked up in their drawings: blocks, not what is inside them.
NETWORKS = {
    "MobileNetV2": ["block_2_add", "block_5_add", "block_12_add", "block_16_project_BN"],
    "VGG16": ["block3_conv3", "block4_conv3", "block5_conv3", "block5_pool"],
    "ResNet50": ["conv2_block3_out", "conv3_block4_out", "conv4_block6_out", "conv5_block3_out"],
    "EfficientNetB0": ["block2b_add", "block3b_add", "block5c_add", "block7a_project_bn"],
    "DenseNet121": ["pool2_conv", "pool3_conv", "pool4_conv", "relu"],
}
SLOW = ("ResNet50", "EfficientNetB0", "DenseNet121")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in NETWORKS],
)
def test_networks_of_keras(name):
    network = getattr(keras.applications, name)(include_top=False, weights=None)
    shapes, taps = taps_of(network)
    strides = (4, 8, 16, 32)
    assert [taps[f"stride{stride}"] for stride in strides] == NETWORKS[name]
    assert [shapes[taps[f"stride{stride}"]].stride for stride in strides] == list(strides)
    assert np.all([shapes[own].channels > 3 for own in taps.values()])


@pytest.mark.slow
def test_convnext_has_sums_that_are_no_layers():
    network = keras.applications.ConvNeXtTiny(include_top=False, weights=None)
    shapes, taps = taps_of(network)
    channels = [shapes[taps[f"stride{stride}"]].channels for stride in (4, 8, 16, 32)]
    assert channels == [96, 192, 384, 768]
    assert taps["stride4"].startswith("add")
