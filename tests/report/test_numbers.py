"""Numbers as text."""

import pytest

from embedsvc.report.numbers import (
    format_duration,
    format_measure,
    format_percent,
    format_score,
    plural,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.012345, "0.01235"),
        (-0.5, "-0.5000"),
        (12.3456, "12.35"),
        (999.96, "1,000"),
        (123456.7, "123,457"),
        (2e-9, "2e-09"),
        (1.5e9, "1.5e+09"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_scores(value, text):
    assert format_score(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 %"), (0.05, "5 %"), (0.1234, "12.3 %"), (1, "100 %"), (0.0002, "0.02 %"), (None, "–")],
)
def test_percentages(value, text):
    assert format_percent(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0012, "1.2 ms"),
        (0.0412, "41 ms"),
        (0.9996, "1.0 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (94.2, "1 min 34 s"),
        (3599.9, "1 h"),
        (7260, "2 h 1 min"),
        (None, "–"),
    ],
)
def test_durations(seconds, text):
    assert format_duration(seconds) == text


def test_measures_and_counts():
    assert [format_measure(value) for value in (0.98765, 1, None)] == ["0.988", "1.000", "–"]
    assert [plural(n, "image") for n in (0, 1, 5000)] == ["0 images", "1 image", "5,000 images"]
    assert plural(2, "anomaly", "anomalies") == "2 anomalies"
