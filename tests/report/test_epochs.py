"""The history as series."""

import math

import pytest
from made_training import LAYER, made_history

from embedsvc.report.epochs import (
    Series,
    is_penalty,
    loss_series,
    measure_name,
    measure_series,
    penalty_series,
    term_series,
    validation_series,
)


def names(series):
    return [one.name for one in series]


def test_series_in_the_order_of_their_first_epoch():
    history = made_history(3, penalties=True)
    history[1].terms["contrast"] = 0.5
    assert names(term_series(history)) == ["total", "data", "weight penalty", LAYER, "contrast"]
    assert term_series(history)[-1].values == (None, 0.5, None)
    assert names(validation_series(history)) == ["loss", "accuracy", "macro_f1"]
    assert term_series([]) == []


def test_the_total_is_left_out_where_it_is_the_data_loss():
    assert names(loss_series(made_history())) == ["data", "validation loss"]
    with_penalties = made_history(penalties=True)
    assert names(loss_series(with_penalties)) == ["total", "data", "validation loss"]
    assert names(loss_series(made_history(measures=False))) == ["data"]


def test_penalties_that_were_ever_something():
    history = made_history(3, penalties=True)
    for record in history:
        record.terms["weight penalty"] = 0.0
    assert names(penalty_series(history)) == [LAYER]
    history[0].terms[LAYER] = math.nan
    assert len(penalty_series(history)) == 1


def test_measures_without_the_loss():
    assert names(measure_series(made_history())) == ["accuracy", "macro F1"]


@pytest.mark.parametrize("name", ["weight penalty", "activity penalty: block_5", "add_loss"])
def test_penalties(name):
    assert is_penalty(name)
    assert not is_penalty("contrast")


def test_finite_values():
    assert Series("x", (1.0, None, math.nan, math.inf, 2.0)).finite == [1.0, 2.0]


def test_names_for_people():
    assert [measure_name(name) for name in ("auroc", "macro_f1", "log_loss")] == [
        "AUROC",
        "macro F1",
        "log loss",
    ]
