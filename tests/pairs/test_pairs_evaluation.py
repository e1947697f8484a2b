"""Means of pairs by sequence and over sequences, and what programs read."""

import json

import pytest
from made_evaluations import made_evaluation

SHARES = {"a": {"graf": [0.2, 0.4], "bikes": [0.9]}, "b": {"graf": [0.1, 0.1], "bikes": [1.0]}}


def test_each_sequence_counts_the_same():
    found = made_evaluation(SHARES)
    assert found.mean("a", "graf").accuracy[5] == pytest.approx(0.3)
    assert found.mean("a").accuracy[5] == pytest.approx((0.3 + 0.9) / 2)
    assert found.mean("b").accuracy[1] == pytest.approx(0.55)
    assert found.mean("b").ms == 21.0
    assert found.sequences == {"graf": 2, "bikes": 1}
    assert (found.models, found.n_pairs) == (("a", "b"), 3)


def test_milliseconds_are_a_median_which_one_slow_picture_does_not_move():
    found = made_evaluation({"a": {"s": [0.5, 0.5, 0.5]}})
    slow = found.rows[0].__class__(**{**_fields(found.rows[0]), "ms": (9000.0, 20.0)})
    assert found.__class__(**{**_fields(found), "rows": (slow, *found.rows[1:])}).mean("a").ms == 20


def test_measurements_come_in_the_order_of_the_pairs():
    found = made_evaluation({"a": {"s": [0.1], "t": [0.2]}})
    mixed = (*found.rows, *found.rows)
    found = found.__class__(**{**_fields(found), "rows": mixed})
    assert [row.sequence for row in found.of("a")] == ["s", "t", "s", "t"]
    assert [row.sequence for row in found.of("a", "t")] == ["t", "t"]
    assert found.sequences == {"s": 2, "t": 2}


def test_the_best_and_the_threshold_that_is_spoken_of():
    found = made_evaluation(SHARES)
    assert found.best(["a", "b"]) == "a"
    assert found.best([]) is None
    assert found.main_threshold == 5
    assert made_evaluation({"a": {"s": [0.1]}}, thresholds=(2, 4)).main_threshold == 4


def test_the_pair_with_the_median_gain():
    shares = {"b": {"s": [0.5, 0.5, 0.5, 0.5]}, "a": {"s": [0.9, 0.5, 0.6, 0.7]}}
    assert made_evaluation(shares).median_gain("a", "b") == 2  # gains of 0.4, 0, 0.1 and 0.2
    assert made_evaluation({"b": {"s": [0]}, "a": {"s": [1]}}).median_gain("a", "b") == 0


def test_what_programs_read():
    values = json.loads(json.dumps(made_evaluation(SHARES).to_json(), allow_nan=False))
    assert values["sequences"] == {"graf": 2, "bikes": 1}
    assert values["n_pairs"] == 3
    a = values["models"][0]
    assert (a["model"], a["name"]) == ("a", "A")
    assert a["accuracy_5px"] == pytest.approx(0.6)
    assert a["sequences"]["graf"]["accuracy_10px"] == pytest.approx(0.3)
    assert set(a["sequences"]["graf"]) >= {"ap", "ms_per_image", "accuracy_1px"}
    assert len(values["pairs"]) == 6
    assert values["pairs"][0]["accuracy_3px"] == 0.2
    assert list(values["pairs"][0])[:5] == ["pair", "sequence", "model", "n_points", "n_measured"]


def _fields(one):
    return {name: getattr(one, name) for name in one.__dataclass_fields__}
