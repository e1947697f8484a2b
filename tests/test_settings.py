"""Types of settings: what fits, how it is called, and the way through JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from embedsvc.detectors.registry import DETECTORS, detector_class
from embedsvc.settings import fits, from_json, in_words, setting_types, to_json

SIZE = int | tuple[int, int]
PENALTIES = Mapping[str, str | Callable[[float], float]]
WEIGHTS = str | Mapping[int, float] | None


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (3, int),
        (np.int64(3), int),
        (3, float),
        (0.5, float),
        (np.float32(0.5), float),
        (True, bool),
        ("a", str),
        (None, float | None),
        (Path("a"), str | Path),
        ((2, 3), SIZE),
        ([2, 3], SIZE),
        (("a", "b"), Sequence[str]),
        ([], Sequence[str]),
        ({0: 1, 1: 2.5}, WEIGHTS),
        ({}, dict),
        (object(), Any),
        (None, Any),
        (len, Callable[[str], int]),
        ("all", Literal["all", 0]),
        (0, Literal["all", 0]),
        ({"a": len, "b": "c"}, PENALTIES),
        ({True: 1.0, "a": 2}, Mapping[Any, float]),
    ],
)
def test_what_fits(value: object, hint: Any):
    assert fits(value, hint)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (True, int),
        (True, float),
        (3.0, int),
        ("3", int),
        (None, int),
        (float("nan"), float),
        (float("inf"), float),
        (10**400, float),
        (10**400, int),
        (1, bool),
        (b"a", str),
        ((2,), SIZE),
        ((2, 3, 4), SIZE),
        ((2, 3.5), SIZE),
        ("ab", Sequence[str]),
        (("a", 1), Sequence[str]),
        ({"0": 1.0}, WEIGHTS),
        ({0: "a"}, WEIGHTS),
        ([], dict),
        ("len", Callable[[str], int]),
        (False, Literal["all", 0]),
        ("a", Literal["all"] | None),
        ({"a": 1}, PENALTIES),
        ({1: "a"}, Mapping[Any, float]),
    ],
)
def test_what_does_not_fit(value: object, hint: Any):
    assert not fits(value, hint)


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (SIZE, "a whole number or a list of 2: a whole number, a whole number"),
        (float | None, "a number or None"),
        (Sequence[str], "a list, each a text"),
        (Mapping[int, float], "a dict of a whole number to a number"),
        (bool, "true or false"),
        (Literal["all"] | int, "'all' or a whole number"),
        (PENALTIES, "a dict of a text to a text or a function"),
        (Mapping[Any, float], "a dict of anything to a number"),
    ],
)
def test_words(hint: Any, words: str):
    assert in_words(hint) == words


@pytest.mark.parametrize(
    ("value", "hint", "back"),
    [
        ((2, 3), SIZE, (2, 3)),
        (np.int64(2), SIZE, 2),
        (np.float32(0.5), float, 0.5),
        (0.1, float, 0.1),
        ({0: 1.0, 1: 2}, WEIGHTS, {0: 1.0, 1: 2}),
        (["a"], Sequence[str], ("a",)),
        (Path("a/b"), str | Path, "a/b"),
        (None, WEIGHTS, None),
        (True, bool, True),
        ("balanced", WEIGHTS, "balanced"),
    ],
)
def test_through_json(value: object, hint: Any, back: object):
    found = from_json(json.loads(json.dumps(to_json(value))), hint)
    assert found == back
    assert type(found) is type(back)


def test_what_is_no_whole_number_stays_a_text():
    assert from_json({"a": 1, "9" * 5000: 2}, WEIGHTS) == {"a": 1, "9" * 5000: 2}
    assert from_json({"1": 2}, Mapping[str, int]) == {"1": 2}


@pytest.mark.parametrize("kind", DETECTORS)
def test_every_default_fits_its_type(kind: str):
    detector = detector_class(kind)
    hints = setting_types(detector)
    defaults = detector().get_params()
    assert set(hints) == set(defaults)
    for name, hint in hints.items():
        assert fits(defaults[name], hint), name
        assert fits(from_json(to_json(defaults[name]), hint), hint), name
        assert in_words(hint)
