"""The pages as a real browser shows them: cards, filters, the large view, and no way out."""

import os
from dataclasses import replace

import pytest
from chromium import Chromium
from made_reports import NASTY, made_anomaly_report, made_comparison, made_images

from embedsvc.report.anomaly_report import write_anomaly_report
from embedsvc.report.comparison_report import write_comparison_report

CARDS = "document.querySelectorAll('.card').length"
ROWS = "document.querySelectorAll('#rows tr').length"
VIEWER = "document.getElementById('viewer')"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A report on 300 images, 130 of them with pictures; every fifth is misjudged."""
    folder = tmp_path_factory.mktemp("report")
    images = made_images(300, pictures=130, labels=True, baseline=True)
    images[1] = replace(images[1], name=NASTY, folder=NASTY, defect=NASTY)
    report = made_anomaly_report(
        images,
        warnings=[f"Something{os.sep}quite_long_" + 30 * "and_on_"],
        failures=[("broken.png", "empty")],
        metrics={"image_auroc": 0.8},
    )
    write_anomaly_report(report, folder)
    return folder


@pytest.fixture
def page(browser, folder):
    browser.size(1280, 1000)
    browser.open(folder / "report.html")
    return browser


def choose(page, name, value):
    page.run(f"document.querySelector('input[name={name}][value=\"{value}\"]').click()")


def text(page, selector):
    return page.run(f"document.querySelector('{selector}').textContent")


def test_the_page_is_built_and_nothing_goes_wrong(page):
    assert page.run(CARDS) == 60
    assert page.run(ROWS) == 100
    assert text(page, "#rest-title") == "170 images without a picture on this page"
    assert text(page, "#span") == "1 to 100 of 170"
    assert text(page, ".card .name") == "image_0000.png"
    assert text(page, ".card .score") == "2.000"
    page.wait("[...document.querySelectorAll('.card img')].slice(0, 5).every(i => i.naturalWidth)")
    assert not page.errors


def test_untrusted_names_stay_text(page):
    assert page.run("document.title").endswith("anomalous. parts")
    name = page.run("document.querySelectorAll('.card .name')[1].title")
    assert name == NASTY
    assert page.run("document.querySelectorAll('.card script, .card b b').length") == 0
    # And a script that found a way into the page would not run.
    page.run(
        "document.body.append(Object.assign(document.createElement('script'),"
        "{textContent: 'document.title = 1'}))"
    )
    assert page.run("document.title") != "1"
    assert "script-src" in page.errors.pop()


def test_more_cards_and_rows(page):
    page.run("document.getElementById('more').click()")
    assert page.run(CARDS) == 120
    assert text(page, "#more") == "Show 10 more of 10"
    page.run("document.getElementById('more').click()")
    assert page.run(CARDS) == 130
    assert page.run("document.getElementById('more').hidden")
    page.run("document.getElementById('after').click()")
    assert (page.run(ROWS), text(page, "#span")) == (70, "101 to 170 of 170")
    assert page.run("document.getElementById('after').disabled")
    page.run("document.getElementById('before').click()")
    assert page.run(ROWS) == 100


def test_filters(page):
    counts = page.run("[...document.querySelectorAll('#filter b')].map(b => b.textContent)")
    assert counts == ["300", "150", "150", "60", "75"]
    choose(page, "filter", "misjudged")
    assert page.run(CARDS) == 26
    assert text(page, "#found") == "60 images found"
    assert page.run("document.querySelectorAll('.card.misjudged .tag.wrong').length") == 26
    choose(page, "filter", "normal")
    assert page.run(CARDS) == 0
    page.run(
        "(s => { s.value = '1'; s.dispatchEvent(new Event('change')) })"
        "(document.getElementById('folder'))"
    )
    folders = page.run(
        "[...document.querySelectorAll('#rows .path')].map(n => n.textContent.split('/')[0])"
    )
    assert len(folders) == 50
    assert len(set(folders)) == 1
    search = "(s => { s.value = '%s'; s.dispatchEvent(new Event('input')) })(byId('search'))"
    page.run(search % "IMAGE_0151")
    page.run(search % "nowhere")
    assert (page.run(ROWS), text(page, "#found")) == (0, "No image matches.")
    page.run(search % "")
    assert page.run(ROWS) == 50


def test_the_three_views_by_key(page):
    def pictures():
        return page.run("document.querySelector('.card img').src")

    both = pictures()
    page.press("2")
    heat = pictures()
    page.press("1")
    assert len({both, heat, pictures()}) == 3
    assert page.run("document.querySelector('#view input:checked').value") == "0"
    page.run("document.getElementById('search').focus()")
    page.press("3")
    assert page.run("document.querySelector('#view input:checked').value") == "0"


def test_the_large_view(page):
    choose(page, "filter", "misjudged")
    page.run("document.querySelectorAll('.open')[0].click()")
    assert page.run(f"{VIEWER}.open")
    assert text(page, "#viewer-place") == "1 of 26"
    assert "False alarm" in text(page, "#viewer-tags")
    for _ in range(3):
        page.press("ArrowRight")
    page.press("ArrowLeft")
    assert text(page, "#viewer-name") == "part1/image_0010.png"
    page.run("(b => { b.value = 25; b.dispatchEvent(new Event('input')) })(byId('viewer-blend'))")
    assert page.run("document.getElementById('viewer-overlay').style.opacity") == "0.25"
    page.press("ArrowLeft")
    page.press("ArrowLeft")
    page.press("ArrowLeft")
    assert text(page, "#viewer-place") == "1 of 26"
    page.press("ArrowRight")
    page.run("document.getElementById('viewer-close').click()")
    assert not page.run(f"{VIEWER}.open")
    page.wait("document.activeElement.getAttribute('aria-label')?.includes('image_0005')")


def test_the_large_view_goes_beyond_the_cards_shown(page):
    page.run("document.querySelectorAll('.open')[59].click()")
    page.press("ArrowRight")
    assert text(page, "#viewer-place") == "61 of 130"
    page.run("document.getElementById('viewer-close').click()")
    page.wait(f"{CARDS} === 120")


@pytest.mark.parametrize("kind", ["anomaly", "comparison"])
def test_nothing_is_wider_than_the_page(browser, folder, tmp_path, kind):
    if kind == "comparison":
        folder = tmp_path
        write_comparison_report(made_comparison(verdict="Use it. " * 20), folder)
    browser.open(folder / "report.html")
    for width in (420, 900, 1280):
        browser.size(width, 900)
        assert browser.run("document.documentElement.scrollWidth") <= width
    assert not browser.errors


def luminance(colour):
    """Relative luminance of "#rrggbb", as WCAG defines it."""
    shares = [part / 255 for part in bytes.fromhex(colour.strip().removeprefix("#"))]
    red, green, blue = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_text_can_be_read_on_its_ground(page):
    """WCAG AA: a contrast of 4.5 for the text colours on every ground they stand on."""
    pairs = [
        *((ink, ground) for ink in ("ink", "ink-soft") for ground in ("paper", "card", "well")),
        *((name, f"{name}-soft") for name in ("alarm", "calm", "wrong", "warn")),
        ("calm", "paper"),
        ("ink", "warn-soft"),
    ]
    for scheme in ("light", "dark"):
        page.prefer(scheme)
        for pair in pairs:
            colours = [
                page.run(f"getComputedStyle(document.body).getPropertyValue('--{name}')")
                for name in pair
            ]
            low, high = sorted(map(luminance, colours))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (scheme, pair)
    page.prefer("light")


def test_a_report_without_images_pictures_or_labels(browser, tmp_path):
    for n in (0, 3):
        write_anomaly_report(made_anomaly_report(made_images(n)), tmp_path / str(n))
        browser.open(tmp_path / str(n) / "report.html")
        assert browser.run(CARDS) == 0
        assert browser.run(ROWS) == n
        assert not browser.errors
