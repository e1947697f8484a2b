"""The page on how well points are found again, as text."""

import re
from dataclasses import replace
from html import unescape

import pytest
from made_evaluations import made_evaluation, png
from made_reports import NASTY

from embedsvc.errors import InputError
from embedsvc.nets.training_state import EpochRecord
from embedsvc.report.pairs_report import PairsReport, render_pairs_report, write_pairs_report

SHARES = {
    "mine": {"graf": [0.5, 0.7], "bikes": [0.9]},
    "lite0": {"graf": [0.4, 0.5], "bikes": [0.95]},
    "sift": {"graf": [0.3, 0.2], "bikes": [0.8]},
}
HISTORY = tuple(
    EpochRecord(at, 1.0, 1e-3, {"total": 1 / at, "data": 1 / at}, {"accuracy_5px": 0.6})
    for at in (1, 2)
)


def made_report(shares=SHARES, **options):
    settings = {"untrained": "lite0", "settings": {"Seed": "0"}} | options
    return PairsReport("oxford", made_evaluation(shares), "mine", **settings)


def section(page, name):
    part = re.search(rf'<section id="{name}">.*?</section>', page, re.DOTALL)
    assert part is not None, f"no section {name}"
    return unescape(" ".join(re.sub(r"<[^>]*>", " ", part[0]).split()))


def test_the_tables():
    page = render_pairs_report(made_report())
    assert "mine 0.750 0.750 0.750 0.750 0.500 20" in section(page, "models")
    assert "lite0 not trained on pairs 0.700" in section(page, "models")
    assert '<tr class="main"><th scope="row"><b><bdi>mine' in page
    assert "graf 2 0.600 0.450 0.250 bikes 1 0.900 0.950 0.800 Mean 3" in section(page, "sequences")
    assert "graf/1.png - graf/2.png graf 500 0.500 0.400 0.300" in section(page, "worst")


def test_below_a_name_stands_what_else_it_is_called():
    names = {"runs/mine": "mine", "sift": "SIFT", "raw": "raw patch, 32 px"}
    evaluation = made_evaluation({one: {"s": [0.5]} for one in names}, names=names)
    page = render_pairs_report(PairsReport("t", evaluation, "runs/mine"))
    table = section(page, "models")
    assert "runs/mine 0.500" in table
    assert "sift 0.500" in table
    assert "raw raw patch, 32 px 0.500" in table


def test_the_lead_and_the_charts():
    page = render_pairs_report(made_report())
    assert "<h1>mine finds 75\u00a0% of points within 5 pixels.</h1>" in page
    assert "So it is better than both." in page
    assert page.count('class="chart"') == 2 * 3  # all and two sequences, wide and narrow
    assert 'id="training"' not in page
    assert 'id="matches"' not in page


def test_many_sequences_have_no_charts_of_their_own():
    shares = {"mine": {f"s{at}": [0.5] for at in range(30)}}
    page = render_pairs_report(made_report(shares, untrained=None))
    assert page.count('class="chart"') == 2


def test_a_training_has_its_curves_and_a_picture_of_matches():
    page = render_pairs_report(
        made_report(
            history=HISTORY,
            best_epoch=0,
            notes=["Nothing odd."],
            match_picture=png(),
            match_caption="Two pictures.",
        )
    )
    assert "The trained descriptor finds 75\u00a0%" in page
    assert "No epoch was better than the state before the first" in section(page, "training")
    assert 'src="data:image/jpeg;base64,' in page
    assert "Two pictures." in section(page, "matches")
    assert "Seed 0 Notes Nothing odd." in section(page, "run")
    assert 'id="training"' not in render_pairs_report(made_report(history=HISTORY[:1]))


def test_one_pair_one_model_and_no_settings():
    page = render_pairs_report(made_report({"mine": {"s": [0.0]}}, untrained=None, settings={}))
    assert "mine finds 0\u00a0% of points" in page
    assert "pair of 1 sequence<" in page
    assert 'id="run"' not in page


def test_texts_cannot_get_out_of_their_place():
    shares = {NASTY: {NASTY: [0.5], "t": [0.4]}, "mine": {NASTY: [0.5], "t": [0.1]}}
    report = made_report(
        shares,
        untrained=NASTY,
        notes=[NASTY],
        settings={NASTY: NASTY},
        match_caption=NASTY,
        match_picture=png(),
    )
    page = render_pairs_report(replace(report, title=NASTY, main=NASTY))
    assert "<script>document.title" not in page
    assert page.count("<script") == 1  # the one that sorts tables


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"untrained": "other"}, "measured models mine, lite0, sift, got 'other'"),
        ({"match_picture": b"no"}, "The picture of matches: "),
    ],
)
def test_mistakes(options, message):
    with pytest.raises(InputError, match=message):
        render_pairs_report(made_report(**options))


def test_the_page_is_written(tmp_path):
    path = write_pairs_report(made_report(), tmp_path / "new")
    assert path == tmp_path / "new" / "report.html"
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
