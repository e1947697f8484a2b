"""Options that check themselves, and what is known of the methods without loading them."""

import pytest

from embedsvc.detectors.registry import DETECTORS, detector_class
from embedsvc.errors import InputError
from embedsvc.jobs.detect_options import METHODS, DetectOptions
from embedsvc.settings import setting_types


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"method": "gausian"}, "Did you mean 'gaussian'"),
        ({"resize": "zoom"}, "resize to be one of stretch, fit, crop"),
        ({"lighting": "dark"}, "lighting to be one of keep, normalize"),
        ({"on_error": "stop"}, "on_error to be one of error, skip"),
        ({"tiles": 0}, "tiles to be at least 1"),
        ({"seed": -1}, "seed to be at least 0"),
        ({"size": 0}, "size of 1 to 16,384"),
        ({"size": (64, 20_000)}, "size of 1 to 16,384"),
        ({"false_alarm_rate": 5.0}, "Write 5 % as 0.05"),
        ({"maps": "top:0"}, "top:N"),
        ({"maps": "top:20001"}, "N up to 20,000"),
    ],
)
def test_wrong_values_are_refused(given, message):
    with pytest.raises(InputError, match=message):
        DetectOptions(**given)


def test_options_of_other_methods_are_refused_by_name():
    with pytest.raises(InputError, match="no model with the method autoencoder.*ocsvm, gaussian"):
        DetectOptions(method="autoencoder", model="efficientnet-lite0").for_new()
    with pytest.raises(InputError, match="no maps with the method hog.*patchcore"):
        DetectOptions(method="hog", maps="top:3").for_new()
    with pytest.raises(InputError, match="at least 64 for the method ocsvm"):
        DetectOptions(method="ocsvm", size=(64, 32)).for_new()
    with pytest.raises(InputError, match="no maps with the method hog"):
        DetectOptions(maps="all").for_saved("hog")


@pytest.mark.parametrize(
    ("method", "maps", "expected"),
    [
        ("patchcore", None, 50),
        ("patchcore", "top:7", 7),
        ("patchcore", "all", None),
        ("patchcore", "none", 0),
        ("hog", None, 0),
        ("ocsvm", "none", 0),
    ],
)
def test_how_many_maps_there_are(method, maps, expected):
    assert DetectOptions(maps=maps).n_maps(method) == expected


def test_settings_are_those_that_were_given():
    options = DetectOptions(size=(64, 96), lighting="normalize", tiles=2, model="keras:ResNet50")
    assert options.settings("ocsvm") == {
        "size": (64, 96),
        "lighting": "normalize",
        "tiles": 2,
        "model": "keras:ResNet50",
        "seed": 0,
    }
    assert options.baseline_settings() == {"lighting": "normalize", "seed": 0}


@pytest.mark.parametrize("kind", list(DETECTORS))
def test_what_is_known_of_the_methods_is_true(kind):
    known, found = METHODS[kind], detector_class(kind)
    assert known.has_maps == found.has_maps
    assert known.has_backbone == ("model" in setting_types(found))
    assert found(size=known.smallest).check_settings() is None or known.smallest == 1
    if known.smallest > 1:
        with pytest.raises(InputError):
            found(size=known.smallest - 1).check_settings()
