"""From files and arrays to vectors: golden values, faults, streams, memory."""

import copy
import io
import itertools
import json
import threading
import time

import numpy as np
import pytest
from PIL import Image
from skimage import data
from sklearn.base import clone

from embedsvc.catalogue.cards import get_model
from embedsvc.encoders import image as image_module
from embedsvc.encoders.image import EncodedImages, ImageEncoder, ImageInfo
from embedsvc.errors import InputError


def picture(seed, height=40, width=56):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def small(lite0):
    """The real network on small pictures, so that tests are quick."""
    del lite0
    return ImageEncoder(size=64, batch_images=3)


@pytest.fixture
def files(tmp_path):
    paths = []
    for i in range(7):
        paths.append(tmp_path / f"{i}.png")
        Image.fromarray(picture(i, 30 + i, 50)).save(paths[-1])
    return paths


@pytest.mark.golden
def test_golden_values(lite0):
    golden = json.loads(get_model("efficientnet-lite0").golden.read_text())["results"][:2]
    pictures = [
        np.asarray(Image.fromarray(one).resize((224, 224), Image.Resampling.BICUBIC))
        for one in (data.chelsea(), data.coffee())
    ]
    vectors = lite0.encode(pictures)
    for vector, expected in zip(vectors, golden, strict=True):
        np.testing.assert_allclose(vector[:8], expected["features_first_8"], atol=2e-5)
        assert vector.sum() == pytest.approx(expected["features_sum"], rel=1e-5)
    assert lite0.describe() == {
        "model": "efficientnet-lite0",
        "model_sha256": lite0.network.describe()["model_sha256"],
        "dim": 1280,
        "pooling": "mean",
        "normalize": False,
        "size": [224, 224],
        "resize": "stretch",
        "lighting": "keep",
    }


def test_files_bytes_and_arrays_are_the_same(small, files):
    arrays = [picture(i, 30 + i, 50) for i in range(7)]
    expected = small.encode(arrays)
    assert np.array_equal(small.encode(files), expected)
    assert np.array_equal(small.encode(map(str, files)), expected)
    contents = (io.BytesIO(path.read_bytes()).getvalue() for path in files)
    assert np.array_equal(small.encode(contents), expected)


def test_settings_change_the_vectors_and_the_description(small):
    images = [picture(0), picture(1)]
    plain = small.encode(images)
    for settings in (
        {"pooling": "gem"},
        {"pooling": "max"},
        {"normalize": True},
        {"size": (96, 64)},
        {"resize": "fit"},
        {"resize": "crop"},
        {"lighting": "normalize"},
    ):
        other = clone(small).set_params(**settings)
        assert not np.allclose(other.encode(images), plain), settings
        assert other.describe() != small.describe()
        assert other.network is small.network
    unit = ImageEncoder(size=64, normalize=True).encode(images)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-5)
    assert clone(small).set_params(batch_images=1, workers=1).describe() == small.describe()


@pytest.mark.parametrize("settings", [{"batch_images": 1}, {"workers": 1}, {"batch_images": 50}])
def test_speed_settings_do_not_change_the_vectors(small, settings):
    images = [picture(i) for i in range(10)]
    other = clone(small).set_params(**settings).encode(images)
    assert np.abs(other - small.encode(images)).max() <= 1e-5


def test_return_info(small):
    images = [picture(0, 20, 30), picture(1, 70, 10)]
    vectors, info = small.encode(images, return_info=True)
    assert isinstance(info, ImageInfo)
    assert vectors.shape == (2, 1280)
    assert (info.heights.tolist(), info.widths.tolist()) == ([20, 70], [30, 10])
    assert info.heights.dtype == info.widths.dtype == np.int32
    _, info = small.encode([], return_info=True)
    assert info.heights.shape == info.widths.shape == (0,)


# Faults


def broken(tmp_path):
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    return path


def test_an_unusable_image_is_an_error_that_names_it(small, files, tmp_path):
    bad = broken(tmp_path)
    before = threading.active_count()
    for images in ([*files, bad], [bad], [*files[:4], tmp_path / "broken.png", *files]):
        with pytest.raises(InputError, match=r"broken\.png"):
            small.encode(images)
        with pytest.raises(InputError, match=r"broken\.png"):
            list(small.encode_stream(images, window=3))
    assert threading.active_count() == before


def test_an_unusable_array_is_named_by_its_number_in_all(small):
    images = [picture(0), picture(1), np.zeros((2, 2, 7), np.uint8)]
    for window in (1, 2, 3):
        with pytest.raises(InputError, match="image 2"):
            list(small.encode_stream(images, window=window))


def test_skipped_images_are_listed_with_their_reason(small, files, tmp_path):
    images = [files[0], broken(tmp_path), files[1], tmp_path / "none.png", files[2]]
    (encoded,) = small.encode_windows([images], on_error="skip")
    assert isinstance(encoded, EncodedImages)
    assert list(encoded.failures) == [1, 3]
    assert "broken.png" in encoded.failures[1]
    assert "missing" in encoded.failures[3]
    assert np.array_equal(encoded.vectors, small.encode(files[:3]))
    assert encoded.heights.tolist() == [30, 31, 32]
    first, second = small.encode_stream(images, window=3, on_error="skip")
    assert (list(first.failures), list(second.failures)) == ([1], [0])


def test_windows_without_any_readable_image(small, tmp_path):
    empty, bad = small.encode_windows([[], [broken(tmp_path)]], on_error="skip")
    for encoded in (empty, bad):
        assert encoded.vectors.shape == (0, 1280)
        assert encoded.heights.shape == encoded.widths.shape == (0,)
    assert (empty.failures, list(bad.failures)) == ({}, [0])


@pytest.mark.parametrize("one", ["a.png", b"bytes", picture(0)])
def test_one_image_is_refused(small, one):
    for call in (small.encode, small.transform, small.encode_stream):
        with pytest.raises(InputError, match=r"several images, got one .*[Pp]ut .* in a list"):
            call(one)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pooling": "cls"}, "pooling to be one of mean, gem, max or None, got 'cls'"),
        ({"size": 0}, "from 1 to 8192, got 0 x 0"),
        ({"size": "224"}, "a number of pixels or .height, width., got '224'"),
        ({"size": (1, 2, 3)}, r"got \(1, 2, 3\)"),
        ({"size": (32.0, 32)}, r"got \(32.0, 32\)"),
        ({"size": True}, "got True"),
        ({"resize": "pad"}, "resize to be one of stretch, fit, crop, got 'pad'"),
        ({"lighting": "off"}, "lighting to be one of"),
        ({"batch_images": 0}, "batch_images to be at least 1 or None, got 0"),
        ({"workers": -1}, "workers to be at least 1"),
    ],
)
def test_bad_settings(settings, message):
    encoder = ImageEncoder(**settings)  # the constructor only stores
    for call in (encoder.fit, lambda: encoder.encode([picture(0)]), lambda: encoder.network):
        with pytest.raises(InputError, match=message):
            call()


def test_bad_options(small):
    with pytest.raises(InputError, match="on_error to be one of error, skip, got 'stop'"):
        small.encode_windows([], on_error="stop")
    with pytest.raises(InputError, match="window to be at least 1, got 0"):
        small.encode_stream([], window=0)


# Streams


def test_a_stream_is_lazy_and_bounded(small):
    read = []
    endless = (read.append(i) or picture(i % 5) for i in itertools.count())
    stream = small.encode_stream(endless, window=4)
    assert read == []
    windows = list(itertools.islice(stream, 3))
    assert len(read) <= 20
    stream.close()
    expected = small.encode([picture(i % 5) for i in range(12)])
    got = np.concatenate([window.vectors for window in windows])
    assert np.abs(got - expected).max() <= 1e-5


def test_a_window_ends_early_at_many_bytes(small, monkeypatch):
    monkeypatch.setattr(image_module, "WINDOW_BYTES", 2 * picture(0).nbytes)
    windows = list(small.encode_stream([picture(i) for i in range(5)], window=100))
    assert [len(window.vectors) for window in windows] == [2, 2, 1]


def test_few_decoded_batches_wait_for_a_slow_network(small, files, monkeypatch):
    encoder = clone(small).set_params(batch_images=1, workers=2)
    network, waiting, most = encoder.network, [0], [0]
    maps = network.maps
    load = image_module.load_batches

    def counted(*args, **options):
        for batch in load(*args, **options):
            waiting[0] += 1
            most[0] = max(most[0], waiting[0])
            yield batch

    def slow(pixels):
        time.sleep(0.01)
        waiting[0] -= 1
        return maps(pixels)

    monkeypatch.setattr(network, "maps", slow)
    monkeypatch.setattr(image_module, "load_batches", counted)
    list(encoder.encode_windows([files * 5]))
    assert most[0] <= 6


def test_the_same_window_gives_the_same_bits(small):
    window = [picture(i) for i in range(8)]
    other = [picture(i) for i in range(20, 25)]
    (alone,) = small.encode_windows([window])
    _, after = small.encode_windows([other, window])
    assert np.array_equal(alone.vectors, after.vectors)


def test_an_error_of_the_network_comes_through(small, monkeypatch):
    def fail(pixels):
        raise ZeroDivisionError

    monkeypatch.setattr(small.network, "maps", fail)
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        small.encode([picture(i) for i in range(40)])
    assert threading.active_count() == before


def test_advance_counts_every_image_once(small, files, tmp_path):
    counts = []
    images = [*files, broken(tmp_path), *files]
    list(small.encode_stream(images, window=4, on_error="skip", advance=counts.append))
    assert sum(counts) == 15


def test_a_progress_bar_is_drawn_on_stderr(small, capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich then takes stderr for a terminal
    small.encode([picture(0)], show_progress=True)
    out, err = capsys.readouterr()
    assert (out, "Embedding" in err) == ("", True)


def test_a_stream_has_no_total(small):
    assert small.encode(picture(i) for i in range(2)).shape == (2, 1280)


# As a scikit-learn transformer


def test_parameters():
    encoder = ImageEncoder("keras:VGG16", size=[64, 32], workers=2)
    assert encoder.get_params() == {
        "model": "keras:VGG16",
        "pooling": None,
        "normalize": None,
        "size": [64, 32],
        "resize": "stretch",
        "lighting": "keep",
        "batch_images": None,
        "workers": 2,
    }
    assert clone(encoder).get_params() == encoder.get_params()
    assert "_network" not in vars(encoder.fit())
    assert encoder.__sklearn_is_fitted__()


def test_a_copy_finds_the_same_network(small):
    vectors = small.encode([picture(3)])
    copied = copy.deepcopy(small)
    assert "_network" not in vars(copied)
    assert np.array_equal(copied.encode([picture(3)]), vectors)
    assert copied.network is small.network


def test_another_model_is_loaded(small):
    other = clone(small)
    assert other.network is small.network
    with pytest.raises(InputError, match="for images, got 'minilm'"):
        _ = other.set_params(model="minilm").network
