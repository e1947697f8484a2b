"""Settings of a training on pairs: what is refused before TensorFlow is loaded."""

import pytest

from embedsvc.errors import InputError
from embedsvc.jobs.train_pairs_options import SETTINGS, PairTrainOptions, parse_numbers


def test_what_can_be_asked_for():
    PairTrainOptions()
    PairTrainOptions({"loss": "triplet", "margin": 0.5, "crop": 96, "rotations": [0, 90]})
    PairTrainOptions({"activity_penalties": {"block2": "l2:1e-4"}}, validation=0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"settings": {"temprature": 1}}, ["got 'temprature'", "Did you mean 'temperature'?"]),
        ({"settings": {"loss": "hinge"}}, ["infonce, triplet, contrastive", "'hinge'"]),
        ({"settings": {"loss": "triplet", "temperature": 1}}, ["Add --loss infonce"]),
        ({"settings": {"margin": 1}}, ["--margin with the loss triplet or contrastive"]),
        ({"settings": {"backbone": "keras:VGG16"}}, ["efficientnet-lite0, small", "keras:VGG16"]),
        ({"settings": {"crop": 100}}, ["a multiple of 32", "got 100", "Take 96"]),
        ({"settings": {"crop": 2048}}, ["from 64 to 1,024", "Take 1024"]),
        ({"settings": {"crop": 32}}, ["Take 64"]),
        ({"settings": {"scales": [9.0]}}, ["scales from 0.25 to 4", "9.0"]),
        ({"settings": {"rotations": list(range(65))}}, ["1 to 64 views"]),
        ({"settings": {"activity_penalties": {"a": "l3:1"}}}, ["got 'l3:1'"]),
        ({"settings": {"loss": print}}, ["that JSON can hold", "embedsvc.PointDescriptor"]),
        ({"validation": 1}, ["from 0 to below 1, got 1"]),
        ({"validation": float("nan")}, ["got nan"]),
        ({"resume": True, "overwrite": True}, ["resume or overwrite, got both"]),
        ({"on_error": "ignore"}, ["got 'ignore'"]),
    ],
)
def test_mistakes(options, words):
    with pytest.raises(InputError) as found:
        PairTrainOptions(**options)
    assert all(word in str(found.value) for word in words), found.value


def test_numbers_are_parsed():
    assert parse_numbers("-30, 0,1e1", option="--x", example="1") == [-30, 0, 10]
    for text in ("", "1,,2", "a", "nan", "inf"):
        with pytest.raises(InputError, match="commas for --x, such as 1,2, got"):
            parse_numbers(text, option="--x", example="1,2")


def test_each_setting_is_one_of_the_descriptor():
    from embedsvc.jobs.train_pairs_options import BACKBONES, CROPS, LOSSES, VIEWS
    from embedsvc.nets.descriptor import TOWERS
    from embedsvc.nets.pair_losses import PAIR_LOSSES
    from embedsvc.pairs.point_descriptor import PointDescriptor
    from embedsvc.settings import setting_types

    own = set(setting_types(PointDescriptor)) - {"taps", "views"}
    assert set(SETTINGS) - {*CROPS, *VIEWS} == own - {"crop"}
    assert tuple(TOWERS) == BACKBONES and tuple(PAIR_LOSSES) == LOSSES
