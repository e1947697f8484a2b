"""Scales, ticks and elements."""

import pytest

from embedsvc.report.svg import (
    Scale,
    element,
    label,
    linear_ticks,
    series_style,
    shorten,
    tick_labels,
)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.5, 1.0, [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        (3.2, 47.0, [10.0, 20.0, 30.0, 40.0]),
        (-2e-5, 3e-5, [-2e-5, -1e-5, 0.0, 1e-5, 2e-5, 3e-5]),
        (0.0, 5e7, [0.0, 1e7, 2e7, 3e7, 4e7, 5e7]),
    ],
)
def test_linear_ticks(low, high, ticks):
    assert linear_ticks(low, high, 5) == pytest.approx(ticks)


def test_log_ticks():
    assert Scale(0.5, 60, 0, 1, log=True).ticks(5) == pytest.approx([0.5, 1, 2, 5, 10, 20, 50])
    assert Scale(0.5, 60000, 0, 1, log=True).ticks(6) == pytest.approx([1, 10, 100, 1e3, 1e4])
    assert len(Scale(1e-9, 1e30, 0, 1, log=True).ticks(6)) <= 7
    assert Scale(2, 9, 0, 1, log=True).ticks(3) == [2, 4, 6, 8]


def test_a_scale_holds_values_within_its_ends():
    up = Scale(0, 10, 100, 0)
    assert [up(value) for value in (0, 5, 10, 20, -3)] == [100, 50, 0, 0, 100]
    log = Scale(1, 100, 0, 10, log=True)
    assert [log(value) for value in (1, 10, 100, -4)] == pytest.approx([0, 5, 10, 0])


@pytest.mark.parametrize(
    ("ticks", "labels"),
    [
        ([0.5, 0.6, 0.7], ["0.5", "0.6", "0.7"]),
        ([0.0, 2.0, 4.0], ["0", "2", "4"]),
        ([0.0, 1e6, 2e6], ["0", "1,000,000", "2,000,000"]),
        ([0.001, 10, 1e5, 1e9], ["0.001", "10", "100,000", "1e9"]),
        ([1e-6, 2e-6], ["1e-6", "2e-6"]),
        ([3.0], ["3"]),
        ([], []),
    ],
)
def test_labels_of_ticks(ticks, labels):
    assert tick_labels(ticks) == labels


def test_text_is_escaped_and_cut():
    assert "&lt;b&gt;" in label(0, 0, "<b>")
    assert element("g", {"style": '"'}, "in") == '<g style="&quot;">in</g>'
    assert shorten("short", 100) == "short"
    assert shorten("a very long name", 72) == "a very lo…"


def test_lines_are_told_apart_without_colour():
    dashes = {series_style(i).partition("dasharray")[2] for i in range(8)}
    assert len(dashes) == 8
    assert series_style(8) == series_style(0)
