"""Options of a training, as they are checked before TensorFlow is loaded."""

import pytest

from embedsvc.errors import InputError
from embedsvc.jobs.train_options import (
    TrainOptions,
    parse_activity_penalties,
    parse_hidden,
    parse_unfreeze,
)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "regression"}, "Expected task to be one of auto, binary"),
        ({"on_error": "stop"}, "Expected on_error"),
        ({"resume": True, "overwrite": True}, "Expected resume or overwrite, got both"),
        ({"settings": {"epoch": 3}}, "got 'epoch'. Did you mean 'epochs'"),
        ({"settings": {"zzz": 3}}, "got 'zzz'.$"),
        ({"settings": {"weight_penalty": len}}, "settings that JSON can hold"),
        ({"settings": {"focal_gamma": 2.0}}, "Add --loss focal"),
        ({"settings": {"activity_penalties": {"layer_0": "l3:1"}}}, "got 'l3:1'"),
        ({"settings": {"weight_penalty": "l2"}}, "got 'l2'"),
    ],
)
def test_mistakes(options, message):
    with pytest.raises(InputError, match=message):
        TrainOptions(**options)


def test_good_settings():
    settings = {"loss": "focal", "focal_gamma": 1.5, "weight_penalty": "l1l2:1e-5,1e-4"}
    assert TrainOptions(settings=settings).settings == settings
    assert TrainOptions(settings={"activity_penalties": None, "weight_penalty": None})


def test_settings_are_those_of_the_classifier():
    import inspect

    from embedsvc.classify.classifier import TextClassifier
    from embedsvc.jobs.train_options import SETTINGS

    known = inspect.signature(TextClassifier).parameters
    others = {"encoder", "task", "class_weight", "extra_losses"}
    assert set(SETTINGS) == set(known) - others


def test_activity_penalties():
    found = parse_activity_penalties(["layer_0/a=b = l2:1e-4", "embedding=l1:1"])
    assert found == {"layer_0/a=b": "l2:1e-4", "embedding": "l1:1"}
    assert parse_activity_penalties([]) == {}
    for text, message in (("l2:1e-4", "Name a layer"), ("=l2:1", "Name a layer"),
                          ("a=l2", "such as l2:1e-4")):  # fmt: skip
        with pytest.raises(InputError, match=message):
            parse_activity_penalties([text])
    with pytest.raises(InputError, match="one activity penalty a layer, got two for 'a'"):
        parse_activity_penalties(["a=l2:1", "a=l1:1"])


def test_hidden_and_unfreeze():
    assert (parse_hidden("256,128"), parse_hidden(" 7 "), parse_hidden("")) == ([256, 128], [7], [])
    for text in ("0", "a", "256;128", "12,", "-3"):
        with pytest.raises(InputError, match="such as 256 or 256,128"):
            parse_hidden(text)
    assert [parse_unfreeze(text) for text in ("all", " ALL ", "0", "3")] == ["all", "all", 0, 3]
    for text in ("some", "-1", "1.5", ""):
        with pytest.raises(InputError, match="number of top layers to train"):
            parse_unfreeze(text)
