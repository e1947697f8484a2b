"""Which settings of a classifier go through JSON, and what is told of the others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from embedsvc.classify.classifier import TextClassifier
from embedsvc.errors import ArtifactError
from embedsvc.store.classifier_settings import make_classifier, split_settings
from embedsvc.store.fields import Fields


def through_json(classifier: TextClassifier) -> tuple[TextClassifier, dict[str, Any]]:
    saved, left_out = json.loads(json.dumps(split_settings(classifier)))
    return make_classifier(Fields(saved, Path("model.json"), "settings.")), left_out


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"encoder": "minilm", "unfreeze": 2, "hidden": (8, 4), "normalize": True},
        {"class_weight": "balanced", "weight_penalty": "l2:1e-4", "patience": 3},
        {"class_weight": {"spam": 2.0, "ham": 1.0}},
        {"activity_penalties": {"layer_0": "l1:1e-5", "embedding": "l2:1e-4"}},
    ],
)
def test_settings_come_back(settings: dict[str, Any]):
    made = TextClassifier(**settings)
    read, left_out = through_json(made)
    assert read.get_params() == made.get_params()
    assert left_out == {}


def test_numbers_of_numpy_paths_and_lists():
    made = TextClassifier(Path("a") / "b", hidden=[np.int64(8)], dropout=np.float32(0.25))
    read, left_out = through_json(made)
    assert left_out == {}
    assert (read.encoder, read.hidden, read.dropout) == (str(Path("a") / "b"), (8,), 0.25)


def test_weights_of_labels_that_are_numbers_are_named_by_text():
    read, _ = through_json(TextClassifier(class_weight={0: 1.0, 1: 2.5}))
    assert read.class_weight == {"0": 1.0, "1": 2.5}


def test_what_json_cannot_hold_is_described():
    def sparse(activations: Any) -> Any:
        return activations

    made = TextClassifier(
        extra_losses={"distance": len},
        activity_penalties={"layer_0": "l2:1e-4", "layer_1": sparse},
        weight_penalty=keras.regularizers.L2(0.1),
        hidden=np.array([8]),
        dropout=float("nan"),
        seed=3,
    )
    read, left_out = through_json(made)
    assert left_out.pop("activity_penalties") == {
        "layer_0": "l2:1e-4",
        "layer_1": f"{test_what_json_cannot_hold_is_described.__name__}.<locals>.sparse",
    }
    assert left_out == {
        "extra_losses": {"distance": "len"},
        "weight_penalty": "L2",
        "hidden": "ndarray",
        "dropout": "float",
    }
    assert read.get_params() == TextClassifier(seed=3).get_params()


def test_settings_of_another_version():
    with pytest.raises(ArtifactError, match="got 'magic'. Save the classifier again with this"):
        make_classifier(Fields({"magic": 1}, Path("model.json")))
