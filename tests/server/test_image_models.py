"""Image models and detectors behind the queue: the same numbers as offline, whatever the batch."""

import asyncio
import json
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from request_images import blotted, encoded, png_bomb, rotated_jpeg, striped

from embedsvc.detectors import Gaussian, Hog
from embedsvc.images.decode import decode_image
from embedsvc.images.prepare import Preparation
from embedsvc.jobs.pictures import shown_range
from embedsvc.report.heatmap import overlay
from embedsvc.server.image_data import Picture
from embedsvc.server.image_models import HostedDetector, HostedImageEncoder, ScoredImage
from embedsvc.server.problems import BadRequest, Problem
from embedsvc.server.settings import ServeSettings
from embedsvc.store.detectors import load_detector, save_detector

SETTINGS = ServeSettings()
GOOD = [encoded(striped(seed)) for seed in range(20)]


class Silent:
    def image_batch(self, n_images, seconds):
        pass

    def waiting(self, n_items, n_tokens):
        pass


def pictures(*files):
    return [Picture(data, f"images[{i}]", f"images[{i}]", 64 * 64) for i, data in enumerate(files)]


def asked(hosted, coroutine):
    """What a call gives, and the end of what it was asked of."""

    async def scenario():
        async with asyncio.timeout(300):
            result = await coroutine
            await hosted.close()
            return result

    return asyncio.run(scenario())


def hosted_detector(detector, **options):
    return HostedDetector("gears", detector, settings=SETTINGS, metrics=Silent(), **options)


@pytest.fixture(scope="module")
def hog():
    return Hog(size=64).fit(GOOD)


# Pictures of every kind, and what offline scoring takes as well.
def odd_files():
    deep = (striped(3)[..., 0].astype(np.uint16) << 8) + 7
    return {
        "png": encoded(striped(30)),
        "blotted": encoded(blotted(31)),
        "rotated": rotated_jpeg(striped(32)[:, :40]),
        "cmyk": encoded(Image.fromarray(blotted(33)).convert("CMYK"), "JPEG"),
        "deep": encoded(deep),
        "gif": encoded(Image.fromarray(blotted(34)).quantize(64), "GIF"),
        "wide": encoded(striped(35, size=200)[:50]),
        "one pixel": encoded(Image.new("L", (1, 1), 90)),
    }


# Detectors


def test_scores_are_those_of_the_detector(hog, tmp_path):
    save_detector(hog, tmp_path / "gears")
    loaded = load_detector(tmp_path / "gears")
    files = list(odd_files().values())
    expected = loaded.anomaly_score(files)
    hosted = hosted_detector(loaded)
    results = asked(hosted, hosted.score(pictures(*files), heatmap=False))
    np.testing.assert_allclose([one.score for one in results], expected, rtol=0, atol=1e-5)
    assert [one.is_anomaly for one in results] == loaded.label(expected).astype(bool).tolist()
    np.testing.assert_allclose([one.p_value for one in results], loaded.p_value(expected))
    sizes = [decode_image(data).shape[:2] for data in files]
    assert [(one.height, one.width) for one in results] == sizes
    assert all(one.heatmap is None for one in results)
    assert {type(one.score) for one in results} == {float}
    assert {type(one.is_anomaly) for one in results} == {bool}


def test_the_width_is_that_of_the_upright_picture(hog):
    file = rotated_jpeg(striped(0)[:, :40])
    hosted = hosted_detector(hog)
    (one,) = asked(hosted, hosted.score(pictures(file), heatmap=False))
    assert (one.width, one.height) == (64, 40)


def test_bad_images_fail_alone_and_by_name(hog):
    truncated = GOOD[0][: len(GOOD[0]) // 2]
    files = [GOOD[0], truncated, *GOOD[1:13], b"<svg/>", GOOD[13]]
    named = pictures(*files)
    named[1] = Picture(truncated, "half \u00fc.png", "image[1]", 4096)
    hosted = hosted_detector(hog)
    results = asked(hosted, hosted.score(named, heatmap=False))
    assert [i for i, one in enumerate(results) if isinstance(one, Problem)] == [1, 14]
    assert str(results[1]).startswith(
        "Expected a sound PNG file, got a broken or unusual one: half ü"
    )
    assert results[1].param == "image[1]"
    assert "got something else: images[14]" in str(results[14])
    assert results[14].status == 400
    good = [one.score for one in results if isinstance(one, ScoredImage)]
    np.testing.assert_allclose(good, hog.anomaly_score(GOOD[:14]), atol=1e-5)


def test_concurrent_requests_get_their_own_scores(hog):
    files = [encoded(blotted(seed)) for seed in range(24)]
    expected = hog.anomaly_score(files)
    hosted = hosted_detector(hog)

    async def all_at_once():
        parts = [pictures(*files[at : at + 3]) for at in range(0, 24, 3)]
        scored = await asyncio.gather(*(hosted.score(part, heatmap=True) for part in parts))
        return [one.score for part in scored for one in part]

    np.testing.assert_allclose(asked(hosted, all_at_once()), expected, atol=1e-5)


def test_a_detector_without_maps_has_no_heat_maps(hog):
    hosted = hosted_detector(hog)
    hosted.warm()
    (one,) = asked(hosted, hosted.score(pictures(GOOD[0]), heatmap=True))
    assert one.heatmap is None
    assert hosted.about()["heatmap"] is False


def test_about_is_plain_json(hog):
    about = hosted_detector(hog).about()
    assert json.loads(json.dumps(about)) == {
        "method": "hog",
        "threshold": hog.threshold_,
        "heatmap": False,
        "size": [64, 64],
    }


def test_a_bomb_that_came_past_the_header_is_still_refused(hog):
    hosted = hosted_detector(hog)
    (one,) = asked(hosted, hosted.score(pictures(png_bomb()), heatmap=False))
    assert isinstance(one, BadRequest)
    assert "50,000 x 50,000" in str(one)


# Maps


class Mapped:
    """A detector with maps that needs no network: brightness in cells."""

    kind = "made"
    threshold_, map_range_ = 0.6, (0.2, 0.8)
    calibration_scores_ = np.array([0.1, 0.2, 0.3])

    def __init__(self, **options):
        self.preparation = Preparation(32, 32, **options)

    label, p_value = Hog.label, Hog.p_value

    def _check_fitted(self):
        pass

    def score_stream(self, images, *, with_maps, on_error, on_failure):
        assert on_error == "skip"
        from embedsvc.detectors.base import ScoredBatch

        for index, data in enumerate(images):
            image = decode_image(data)
            pixels = self.preparation.apply(image)
            maps = pixels.mean(axis=2).reshape(1, 8, 4, 8, 4).mean(axis=(2, 4)) / 255
            yield ScoredBatch(
                np.array([index]),
                np.array([maps.max()]),
                np.array([image.shape[:2]]),
                maps.astype(np.float32) if with_maps else None,
            )


@pytest.mark.parametrize("resize", ["stretch", "fit", "crop"])
@pytest.mark.parametrize("shape", [(64, 64), (40, 90), (1500, 700), (1, 3000)])
def test_heat_maps_show_what_reports_show(resize, shape):
    rng = np.random.default_rng(0)
    levels = Image.fromarray(rng.integers(0, 256, (4, 5), np.uint8)).resize(shape[::-1])
    image = np.asarray(levels.convert("RGB"))
    detector = Mapped(resize=resize)
    hosted = hosted_detector(detector)
    (one,) = asked(hosted, hosted.score(pictures(encoded(image)), heatmap=True))
    scale = min(1, 1024 / max(shape))
    expected_shape = tuple(max(1, round(side * scale)) for side in shape)
    with Image.open(BytesIO(one.heatmap)) as heat:
        rgba = np.asarray(heat.convert("RGBA")).astype(float)
    assert rgba.shape == (*expected_shape, 4)
    assert (one.height, one.width) == shape
    small = np.asarray(Image.fromarray(image).resize(expected_shape[::-1]))
    (batch,) = detector.score_stream(
        [encoded(image)], with_maps=True, on_error="skip", on_failure=None
    )
    low, high = shown_range(detector.map_range_)
    restored = detector.preparation.restore_map(batch.maps[0], expected_shape)
    expected = overlay(small, restored, low=low, high=high)
    opacity = rgba[..., 3:] / 255
    assert np.abs(rgba[..., :3] * opacity + small * (1 - opacity) - expected).max() <= 1.5


def test_maps_are_computed_only_for_who_asks():
    hosted = hosted_detector(Mapped())
    files = [encoded(blotted(seed)) for seed in range(4)]

    async def both():
        return await asyncio.gather(
            hosted.score(pictures(*files), heatmap=True),
            hosted.score(pictures(*files), heatmap=False),
        )

    with_maps, without = asked(hosted, both())
    assert all(one.heatmap for one in with_maps)
    assert not any(one.heatmap for one in without)
    assert [one.score for one in with_maps] == [one.score for one in without]


def test_maps_of_a_real_network(lite0):
    del lite0  # its weights are there
    detector = Gaussian(size=64).fit(GOOD)
    files = [encoded(striped(50)), encoded(blotted(51)), rotated_jpeg(blotted(52)[:, :48])]
    hosted = hosted_detector(detector)
    hosted.warm()
    results = asked(hosted, hosted.score(pictures(*files, b"no"), heatmap=True))
    expected = detector.anomaly_score(files)
    np.testing.assert_allclose([one.score for one in results[:3]], expected, rtol=1e-5, atol=1e-5)
    assert isinstance(results[3], Problem)
    shown = []
    for one in results[:3]:
        with Image.open(BytesIO(one.heatmap)) as heat:
            assert heat.size == (one.width, one.height)
            shown.append(float(np.asarray(heat.convert("RGBA"))[..., 3].mean()))
    assert shown[1] > 2 * shown[0]


# Encoders


def test_vectors_are_those_of_the_encoder(lite0):
    files = [odd for name, odd in odd_files().items() if name != "one pixel"]
    hosted = HostedImageEncoder("lite0", lite0, settings=SETTINGS, metrics=Silent())
    hosted.warm()
    assert hosted.about() == {"dim": 1280, "size": [224, 224]}

    async def all_at_once():
        return await asyncio.gather(
            hosted.embed(pictures(*files)),
            *(hosted.embed(pictures(data)) for data in files),
            hosted.embed([]),
        )

    together, *alone, nothing = asked(hosted, all_at_once())
    assert together.dtype == np.float32
    assert together.shape == (len(files), 1280)
    np.testing.assert_allclose(together, lite0.encode(files), atol=1e-5)
    np.testing.assert_allclose(np.concatenate(alone), together, atol=1e-5)
    assert nothing.shape == (0, 1280)


def test_the_first_bad_image_is_what_a_request_fails_of(lite0):
    hosted = HostedImageEncoder("lite0", lite0, settings=SETTINGS, metrics=Silent())
    truncated = GOOD[0][: len(GOOD[0]) // 2]

    async def both():
        good, bad = pictures(GOOD[0]), pictures(GOOD[1], truncated, b"no")
        return await asyncio.gather(hosted.embed(good), hosted.embed(bad), return_exceptions=True)

    good, bad = asked(hosted, both())
    assert good.shape == (1, 1280)
    assert isinstance(bad, BadRequest)
    assert "sound PNG file" in str(bad)
    assert "images[1]" in str(bad)
    assert bad.param == "images[1]"
