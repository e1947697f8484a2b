"""What the page on descriptors says, and that it does not say more than was measured."""

import pytest
from made_evaluations import made_evaluation

from embedsvc.nets.training_state import EpochRecord
from embedsvc.report.pairs_data import PairsReport
from embedsvc.report.pairs_words import best_baseline, how_measured, lead, verdict

HISTORY = (EpochRecord(1, 1.0, 1e-3, {"total": 1.0}, {}),)


def report(own, untrained=None, history=(), **baselines):
    shares = {"mine": own} | ({} if untrained is None else {"lite0": untrained}) | baselines
    evaluation = made_evaluation({model: {"s": [share]} for model, share in shares.items()})
    name = None if untrained is None else "lite0"
    return PairsReport("t", evaluation, "mine", untrained=name, history=history)


def said(one):
    return plain(" ".join(lead(one)))


def plain(text):
    return text.replace("\u2068", "").replace("\u2069", "").replace("\u00a0", " ")


def test_the_verdict():
    assert plain(verdict(report(0.7432))) == "mine finds 74.3 % of points within 5 pixels."
    trained = report(0.7432, history=HISTORY)
    assert (
        plain(verdict(trained)) == "The trained descriptor finds 74.3 % of points within 5 pixels."
    )


def test_better_than_both():
    told = said(report(0.8, 0.5, raw=0.6, sift=0.7))
    assert told.startswith(
        "The untrained features of lite0 find 50 % and sift, the best of 2 baselines without a "
        "network, finds 70 %. So it is better than both."
    )


@pytest.mark.parametrize(
    ("one", "judgement"),
    [
        (
            report(0.6, 0.5, raw=0.7),
            "So it is better than the untrained features of lite0 and worse than raw.",
        ),
        (report(0.5, 0.5, history=HISTORY), "So it is as good as the untrained features."),
        (report(0.5, 0.504), "So it is as good as the untrained features of lite0."),
        (report(0.4, 0.5, raw=0.6), "So it is worse than the untrained features of lite0 and raw."),
        (
            report(0.7, raw=0.6),
            "raw, the baseline without a network, finds 60 %. So it is better than raw.",
        ),
    ],
)
def test_judgements(one, judgement):
    assert judgement in said(one)


def test_without_rivals_nothing_is_compared():
    assert said(report(0.7)) == "All pairs are of one sequence, s."


def test_a_third_model_that_is_best_is_told():
    assert "The best of all measured here is other: 90 %." in said(report(0.7, 0.5, other=0.9))
    assert "best of all" not in said(report(0.7, 0.5, other=0.6))


def test_where_it_is_hardest():
    shares = {"mine": {"graf": [0.4], "bikes": [1.0]}}
    told = said(PairsReport("t", made_evaluation(shares), "mine"))
    assert told == "It is hardest on graf (40 %) and easiest on bikes (100 %)."
    shares = {"mine": {"graf": [1.0], "bikes": [1.0]}}
    assert said(PairsReport("t", made_evaluation(shares), "mine")) == ""


def test_which_are_baselines_can_be_said():
    one = report(0.7, raw=0.6, other=0.9)
    assert best_baseline(one) == "raw"
    named = PairsReport("t", one.evaluation, "mine", baselines=("other", "mine", "unmeasured"))
    assert best_baseline(named) == "other"


def test_how_it_was_measured():
    told = how_measured(made_evaluation({"a": {"s": [0.5], "t": [0.5]}}))
    assert "most similar of the 500 points of the second" in told
    assert "Means are over sequences, each the mean of its pairs" in told
    assert "were drawn" not in told
    assert "Means are over pairs." in how_measured(made_evaluation({"a": {"s": [0.5]}}))
