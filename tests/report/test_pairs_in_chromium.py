"""The page on descriptors as a real browser shows it."""

import pytest
from chromium import Chromium
from made_evaluations import made_evaluation, png
from made_reports import NASTY

from embedsvc.report.pairs_report import PairsReport, write_pairs_report

SHARES = {
    "a_model_with_a_name_that_is_rather_long": {NASTY: [0.9, 0.7], "graf": [0.7]},
    "lite0": {NASTY: [0.4, 0.5], "graf": [0.6]},
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    evaluation = made_evaluation(SHARES, names={"lite0": NASTY})
    write_pairs_report(
        PairsReport(NASTY, evaluation, next(iter(SHARES)), "lite0", match_picture=png()), folder
    )
    return folder


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_goes_wrong_and_nothing_sticks_out(browser, folder, scheme, width):
    browser.size(width, 900)
    browser.prefer(scheme)
    browser.open(folder / "report.html")
    assert browser.errors == []
    assert browser.run("document.title") != "ran"
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run("document.querySelector('.matches img').naturalWidth") == 12


def test_tables_can_be_sorted(browser, folder):
    browser.size(1280, 900)
    browser.open(folder / "report.html")
    first = "document.querySelector('#models tbody th bdi').textContent"
    assert browser.run(first) == next(iter(SHARES))
    browser.run("document.querySelectorAll('#models thead button')[3].click()")
    browser.run("document.querySelectorAll('#models thead button')[3].click()")
    assert browser.run(first) == "lite0"
