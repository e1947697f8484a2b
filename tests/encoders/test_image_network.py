"""Maps of the real network: their shapes, and what they may depend on."""

import gc
import threading
import weakref
from collections import deque

import numpy as np
import pytest

from embedsvc.encoders import image_network
from embedsvc.encoders.image_network import (
    ImageNetwork,
    _stamp,
    is_image_model,
    load_image_network,
)
from embedsvc.errors import InputError

TAPS = ("stride4", "stride8", "stride16", "stride32", "last", "block5_expand")
PIXELS = np.random.default_rng(0).integers(0, 256, (9, 96, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def network(lite0):
    del lite0  # skips where there are no weights
    return load_image_network(taps=TAPS)


def test_shapes(network):
    assert isinstance(network, ImageNetwork)
    assert network.taps == TAPS
    assert network.strides == dict(zip(TAPS, (4, 8, 16, 32, 32, 8), strict=True))
    assert network.channels == dict(zip(TAPS, (24, 40, 112, 192, 1280, 240), strict=True))
    maps = network.maps(PIXELS)
    assert list(maps) == list(TAPS)
    for tap, values in maps.items():
        stride = network.strides[tap]
        assert values.shape == (9, 96 // stride, 64 // stride, network.channels[tap])
        assert values.dtype == np.float32


def test_maps_do_not_depend_on_the_batch(network):
    together = network.maps(PIXELS)
    for first, n in ((3, 1), (2, 4)):
        apart = network.maps(PIXELS[first : first + n])
        for tap, values in apart.items():
            scale = max(1.0, float(np.abs(values).max()))
            assert np.abs(values - together[tap][first : first + n]).max() <= 1e-5 * scale


def test_the_same_batch_gives_the_same_bits_in_any_thread(network):
    expected = network.maps(PIXELS)
    results = []

    def compute():
        results.extend(network.maps(PIXELS) for _ in range(3))

    threads = [threading.Thread(target=compute) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 9
    for maps in results:
        assert all(np.array_equal(maps[tap], expected[tap]) for tap in TAPS)


@pytest.mark.parametrize("side", [1, 31, 33, 100])
def test_any_size(network, side):
    maps = network.maps(np.zeros((1, side, side, 3), np.uint8))
    for tap, values in maps.items():
        assert values.shape[1] == -(-side // network.strides[tap])


def test_no_images(network):
    maps = network.maps(PIXELS[:0])
    assert maps["stride8"].shape == (0, 12, 8, 40)


@pytest.mark.parametrize(
    "pixels",
    [PIXELS[0], PIXELS.astype(np.float32), PIXELS[..., :1], PIXELS.astype(np.int64)],
)
def test_other_arrays_are_refused(network, pixels):
    with pytest.raises(InputError, match=r"\(n_images, height, width, 3\), uint8, got \("):
        network.maps(pixels)


def test_pixels_are_not_changed_and_may_be_a_view(network):
    before = PIXELS.copy()
    flipped = network.maps(PIXELS[:, ::-1, ::-1])["stride32"]
    assert np.array_equal(PIXELS, before)
    again = network.maps(np.ascontiguousarray(PIXELS[:, ::-1, ::-1]))["stride32"]
    assert np.array_equal(flipped, again)


def test_one_object_for_one_request(network):
    assert load_image_network("efficientnet-lite0", taps=list(TAPS)) is network
    assert load_image_network(taps=TAPS[::-1]) is not network


def test_what_is_held_is_shared_and_what_is_not_goes(network, monkeypatch):
    monkeypatch.setattr(image_network, "_recent", deque(maxlen=1))
    held = load_image_network(taps=["stem"])
    gone = weakref.ref(load_image_network(taps=["block0"]))
    assert gone() is not None
    assert load_image_network(taps=["stem"]) is held
    assert load_image_network(taps=TAPS) is network
    gc.collect()
    assert gone() is None


def test_generic_names_are_blocks(network):
    del network
    maps = load_image_network(taps=["stride4", "block2", "stride16", "block10"]).maps(PIXELS[:1])
    assert np.array_equal(maps["stride4"], maps["block2"])
    assert np.array_equal(maps["stride16"], maps["block10"])


def test_describe(network):
    described = network.describe()
    assert described["model"] == "efficientnet-lite0"
    assert described["taps"] == list(TAPS)
    assert len(described["model_sha256"]) == 64


@pytest.mark.parametrize(
    ("model", "taps", "message"),
    [
        ("minilm", ["last"], "for images, got 'minilm', which is for texts"),
        ("efficientnet-lite1", ["last"], "Did you mean 'efficientnet-lite0'"),
        ("./models/mine", ["last"], "Folders are taken of descriptors"),
        ("efficientnet-lite0", ["logits"], "got 'logits'"),
        ("efficientnet-lite0", ["block22"], "stride4, .*; got 'block22'. Did you mean 'block2' or"),
        ("efficientnet-lite0", [], "one or more different taps"),
        ("efficientnet-lite0", "last", "one or more different taps"),
    ],
)
def test_requests_that_are_refused(model, taps, message):
    with pytest.raises(InputError, match=message):
        load_image_network(model, taps=taps)


def test_folders_are_refused(tmp_path):
    with pytest.raises(InputError, match="other weights of your own go with keras:NAME@"):
        load_image_network(tmp_path, taps=["last"])


def test_pictures_too_small_for_a_network(network, monkeypatch):
    import tensorflow as tf

    def refuse(pixels):
        raise tf.errors.InvalidArgumentError(None, None, "computed output size would be negative")

    monkeypatch.setattr(network, "_compute", refuse)
    with pytest.raises(InputError, match=r"got 96 x 64 pixels, which are too small .* 224 x 224"):
        network.maps(PIXELS)


def test_is_image_model(tmp_path):
    names = ("efficientnet-lite0", "keras:VGG16", "minilm", "no such", tmp_path)
    assert [is_image_model(name) for name in names] == [True, True, False, False, False]


def test_only_files_have_a_stamp():
    assert _stamp("efficientnet-lite0") == _stamp("keras:VGG16") == ()
