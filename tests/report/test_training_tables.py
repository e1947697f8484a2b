"""Rows of figures for the page about a training run."""

import math
from dataclasses import replace

import pytest
from made_training import LAYER, made_history, made_measured, made_training

from embedsvc.report.training_data import Answer, LabelBalance, Mistake
from embedsvc.report.training_tables import (
    balance_rows,
    bar_share,
    data_value,
    epoch_table,
    is_weighted,
    label_rows,
    metric_table,
    mistake_rows,
    term_rows,
)

LABELS = ["good", "bad", "so-so"]


@pytest.fixture(scope="module")
def report():
    return made_training(LABELS, task="multiclass", history=made_history(6, penalties=True))


def test_measures(report):
    rows = metric_table([report.validation, report.validation], "multiclass")
    names = [name for name, _, _ in rows]
    assert names == [
        *("Accuracy", "Macro F1", "Macro recall", "AUROC", "Average precision", "Log loss")
    ]
    assert all(len(values) == 2 for _, _, values in rows)
    several = made_measured(LABELS, task="multilabel", n_texts=50)
    assert "Micro F1" in [name for name, _, _ in metric_table([several], "multilabel")]


def test_labels_lowest_f1_first_and_unseen_ones_last(report):
    metrics = report.validation.metrics
    rows = label_rows(LABELS, metrics)
    assert [row.f1 for row in rows] == sorted(row.f1 for row in rows)
    good = next(row for row in rows if row.label == "good")
    confusion = metrics.confusion
    assert good.taken_count == max(confusion[0, 1:])
    assert good.taken_for == LABELS[1 + int(confusion[0, 1:].argmax())]
    unseen = (replace(metrics.labels[0], support=0, f1=0.0), *metrics.labels[1:])
    assert label_rows(LABELS, replace(metrics, labels=unseen))[-1].label == "good"


def test_labels_without_a_matrix_and_without_mistakes(report):
    metrics = replace(report.validation.metrics, confusion=None)
    assert {row.taken_for for row in label_rows(LABELS, metrics)} == {""}


def test_balance_from_the_commonest(report):
    rows = balance_rows(report)
    assert [row.label for row in rows] == LABELS
    assert rows[0].bar == 1.0
    assert not is_weighted(report.balance)
    weighted = made_training(LABELS, task="multiclass", weighted=True)
    assert is_weighted(weighted.balance)
    assert all(row.weighted_bar < 1 for row in balance_rows(weighted))
    # Weights of single texts alone are weights, too.
    assert is_weighted([LabelBalance(1, 0.5, 1.0, 0.7)])


def test_terms(report):
    rows = {row.name: row for row in term_rows(report)}
    assert list(rows) == ["total", "data", "weight penalty", LAYER]
    assert rows[LAYER].first == 3e-3
    assert rows[LAYER].best == pytest.approx(3e-3 * 0.8**3)
    assert rows[LAYER].share == pytest.approx(rows[LAYER].best / rows["total"].best)
    assert rows[LAYER].is_penalty
    assert not rows["data"].is_penalty


def test_terms_that_say_nothing(report):
    assert term_rows(replace(report, history=made_history())) == []
    assert term_rows(replace(report, history=[])) == []


def test_terms_of_a_total_that_broke(report):
    history = made_history(2, penalties=True)
    history[1].terms["total"] = math.nan
    rows = term_rows(replace(report, history=history, best_epoch=None))
    assert {row.share for row in rows} == {None}
    del history[1].terms["total"]
    assert {row.share for row in term_rows(replace(report, history=history))} == {None}


def test_epochs(report):
    history = made_history(2)
    history[1].validation["loss"] = math.nan
    del history[1].validation["accuracy"]
    head, rows = epoch_table(replace(report, history=history, best_epoch=1))
    assert head == [
        *("Training loss", "Validation loss", "Validation accuracy", "Validation macro F1")
    ]
    assert [is_best for is_best, _ in rows] == [True, False]
    assert rows[1][1][1:3] == ["not finite", "–"]


def test_mistakes(report):
    many = tuple(Answer(f"label {i}", 0.9) for i in range(20))
    mistakes = [
        Mistake("short", (Answer("a", 0.25),), (Answer("a", 0.25), Answer("b\x00", 0.75))),
        Mistake("long " * 1000, (), many),
    ]
    short, long = mistake_rows(replace(report.validation, mistakes=mistakes))
    assert (short.text, short.n_chars) == ("short", None)
    assert short.truth == [("a", "25 %")]
    assert short.predicted == [("a", "25 %", True), ("b\\x00", "75 %", False)]
    assert (len(long.text) <= 600, long.n_chars) == (True, 5000)
    assert (len(long.predicted), long.n_more_predicted) == (12, 8)


def test_values_for_the_page():
    assert [data_value(value) for value in (0.5, None, math.nan, 0)] == ["0.5", "", "", "0"]
    assert [bar_share(value) for value in (0.5, None, math.inf, 7.0, -1.0)] == [
        *("0.5000", "0", "0", "1.0000", "0.0000")
    ]
