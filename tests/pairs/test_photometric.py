"""Light, colour, blur and noise."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from embedsvc.errors import InputError
from embedsvc.pairs.photometric import PhotometricOptions, random_light

IMAGE = tf.constant(np.random.default_rng(0).uniform(0, 255, (32, 40, 3)).astype(np.float32))
NOTHING = {"strength": 0, "blur": 0, "noise": 0, "grey": 0}


def lit(number, **options):
    found = random_light(IMAGE, tf.constant([7, number]), PhotometricOptions(**options))
    return found.numpy()


def test_nothing_changes_nothing():
    np.testing.assert_allclose(lit(0, **NOTHING), IMAGE, atol=0.01)


def test_values_stay_in_range_and_differ_by_seed():
    made = [lit(number) for number in range(8)]
    for one in made:
        assert one.shape == IMAGE.shape
        assert one.min() >= 0 and one.max() <= 255
    assert len({float(one.mean()) for one in made}) == 8
    np.testing.assert_array_equal(made[3], lit(3))


def test_grey_has_three_equal_channels():
    grey = lit(1, **{**NOTHING, "grey": 1})
    np.testing.assert_allclose(grey, grey[..., :1].repeat(3, axis=2))


def test_blur_is_a_gaussian():
    """Of some deviation from 0.3 to 2.5 pixels, found again by trying."""
    blurred = lit(2, **{**NOTHING, "blur": 1})
    inner = (slice(8, -8), slice(8, -8))
    errors = [
        np.abs(ndimage.gaussian_filter(IMAGE.numpy(), (width, width, 0)) - blurred)[inner].max()
        for width in np.linspace(0.3, 2.5, 221)
    ]
    assert min(errors) < 1.5


def test_noise_is_small_and_centred():
    difference = lit(3, **{**NOTHING, "noise": 1}) - IMAGE.numpy()
    assert 0.5 < difference.std() < 9
    assert abs(difference.mean()) < 1


@pytest.mark.parametrize(("name", "value"), [("strength", 3), ("blur", 1.5), ("grey", -1)])
def test_options_out_of_range(name, value):
    with pytest.raises(InputError, match=f"Expected {name} from 0 to"):
        PhotometricOptions(**{name: value})
