"""The page about a training run as a real browser shows it: sorting, widths, and no way out."""

from dataclasses import replace

import pytest
from chromium import Chromium
from made_reports import NASTY
from made_training import made_history, made_measured, made_training

from embedsvc.report.training_report import write_training_report

COLUMN = "[...document.querySelectorAll('#labels tbody tr')].map(r => r.cells[%d].textContent)"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    labels = [NASTY, *(f"label_{i}_{'x' * (4 * i)}" for i in range(2, 30))]
    measured = made_measured(labels, task="multiclass", texts=["word" * 300, *[NASTY] * 399])
    # One that was not measured.
    unknown = (replace(measured.metrics.labels[0], auroc=None), *measured.metrics.labels[1:])
    measured = replace(measured, metrics=replace(measured.metrics, labels=unknown))
    report = made_training(
        labels,
        task="multiclass",
        weighted=True,
        validation=measured,
        history=made_history(30, penalties=True),
        warnings=["a_long_name_" * 30],
    )
    write_training_report(report, folder)
    return folder


@pytest.fixture
def page(browser, folder):
    browser.size(1280, 1000)
    browser.open(folder / "report.html")
    return browser


def sort_by(page, column):
    page.run(f"document.querySelectorAll('#labels thead button')[{column}].click()")
    return page.run(COLUMN % column)


def test_nothing_goes_wrong(page):
    assert page.run("document.querySelectorAll('svg.chart').length") == 9
    assert page.run("document.title").startswith("Right for")
    assert page.run("document.querySelectorAll('#labels button').length") == 8
    assert not page.errors


def test_sorting(page):
    numbers = [int(text) for text in sort_by(page, 1)]
    assert numbers == sorted(numbers, reverse=True)
    assert [int(text) for text in sort_by(page, 1)] == sorted(numbers)
    orders = "[...document.querySelectorAll('#labels th[aria-sort]')].map(h => h.ariaSort)"
    assert page.run(orders) == ["ascending"]
    names = [text.strip() for text in sort_by(page, 0) if "label" in text]
    # Numbers in names count as numbers.
    assert names == sorted(names, key=lambda name: int(name.split("_")[1]))
    assert page.run(orders) == ["ascending"]
    for _ in range(2):
        assert sort_by(page, 5)[-1] == "–"


def test_nothing_is_wider_than_the_page(browser, folder, tmp_path):
    wide = ["a" * 500, "日本語" * 100, "👍" * 90]
    write_training_report(
        made_training(
            wide,
            task="multilabel",
            validation=made_measured(wide, task="multilabel", texts=["z" * 900] * 400),
            title="t" * 900,
            settings={"k" * 300: "v" * 900},
        ),
        tmp_path,
    )
    for path in (folder, tmp_path):
        browser.open(path / "report.html")
        for width in (400, 800, 1280):
            browser.size(width, 900)
            assert browser.run("document.documentElement.scrollWidth") <= width
        assert not browser.errors


def test_labels_of_charts_lie_inside(page):
    """What the browser measures, where tests of charts can only estimate."""
    outside = page.run(
        """[...document.querySelectorAll('svg.chart text')].filter(t => {
            const a = t.getBoundingClientRect(), b = t.ownerSVGElement.getBoundingClientRect();
            return a.width && (a.left < b.left - 1 || a.right > b.right + 1
                || a.top < b.top - 1 || a.bottom > b.bottom + 1);
        }).map(t => t.textContent)"""
    )
    assert outside == []
