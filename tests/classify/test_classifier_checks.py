"""Settings that cannot be."""

import pytest

from embedsvc.classify.checks import check_settings, penalties_of
from embedsvc.classify.classifier import TextClassifier
from embedsvc.errors import InputError


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"task": "ranking"}, "task to be one of auto, binary"),
        ({"loss": "mse"}, "loss to be one of cross_entropy"),
        ({"pooling": "gem"}, "pooling to be one of"),
        ({"unfreeze": "some"}, "'all' or a number of layers"),
        ({"unfreeze": -1}, "'all' or a number of layers"),
        ({"unfreeze": True}, "'all' or a number of layers"),
        ({"epochs": 0}, "epochs to be a whole number from 1 or None, got 0"),
        ({"batch_size": 1.5}, "batch_size"),
        ({"patience": 0}, "patience"),
        ({"max_tokens": 2}, "max_tokens"),
        ({"seed": -1}, "seed"),
        ({"seed": None}, "seed"),
        ({"dropout": 1}, "dropout from 0 to below 1 or None, got 1"),
        ({"dropout": "much"}, "dropout"),
        ({"warmup": "a"}, "warmup"),
        ({"validation_fraction": float("nan")}, "validation_fraction"),
        ({"learning_rate": 0}, "learning_rate above 0 and at most 3e38 or None, got 0"),
        ({"learning_rate": 1e39}, "learning_rate"),
        ({"clip_norm": float("inf")}, "clip_norm"),
        ({"weight_decay": -0.1}, "weight_decay"),
        ({"focal_gamma": -1}, "focal_gamma"),
        ({"activity_penalties": {"layer_0": "l9:1"}}, "a penalty such as"),
        ({"activity_penalties": {"layer_0": 3}}, "function of activations, got 3"),
        ({"weight_penalty": "x"}, "a penalty such as"),
    ],
)
def test_refused(settings, message):
    with pytest.raises(InputError, match=message):
        check_settings(TextClassifier(**settings).get_params())


def test_defaults_are_fine():
    settings = TextClassifier().get_params()
    check_settings(settings)
    assert penalties_of(settings) == ({}, None)
