"""Detectors by name: the table, made ones, and what a misspelt name gets."""

from __future__ import annotations

import subprocess
import sys

import pytest

from embedsvc import detectors
from embedsvc.detectors.registry import DETECTORS, detector_class, make_detector
from embedsvc.errors import InputError


@pytest.mark.parametrize("kind", DETECTORS)
def test_every_kind_is_public_and_knows_its_name(kind: str):
    found = detector_class(kind)
    assert found.kind == kind
    assert getattr(detectors, found.__name__) is found


def test_every_public_detector_has_a_kind():
    others = {"AnomalyDetector", "VectorOutliers"}
    assert {name for _, name in DETECTORS.values()} == set(detectors.__all__) - others
    assert dir(detectors) == sorted(detectors.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = detectors.Nothing


def test_settings_reach_the_detector():
    made = make_detector("hog", cell=8, size=(64, 96))
    assert made.get_params()["cell"] == 8
    assert made.get_params()["size"] == (64, 96)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            "patchcor",
            "Expected a detector out of ocsvm, .*got 'patchcor'. Did you mean 'patchcore'",
        ),
        ("HOG", "Did you mean 'hog'?"),
        ("", r"got ''\.$"),
    ],
)
def test_unknown_kinds(kind: str, message: str):
    with pytest.raises(InputError, match=message):
        make_detector(kind)


def test_unknown_settings():
    with pytest.raises(InputError, match=r"settings of hog: nu, cell, .*got 'cels'.*mean 'cell'"):
        make_detector("hog", cels=8)


def test_the_table_loads_nothing_heavy():
    code = "import sys, embedsvc.detectors.registry; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"tensorflow", "keras", "sklearn", "numpy"} & set(done.stdout.split())
