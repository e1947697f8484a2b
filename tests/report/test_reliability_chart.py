"""Whether probabilities mean what they say."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from test_report_curves import collisions, texts

from embedsvc.evaluation.reliability import reliability
from embedsvc.report.reliability_chart import reliability_chart

RNG = np.random.default_rng(0)
SURE = RNG.uniform(0.3, 1.0, 5000)


@pytest.mark.parametrize("width", [380, 460])
def test_the_chart(width):
    found = reliability(SURE, RNG.random(5000) < SURE)
    svg = reliability_chart(found, width=width)
    filled = int((found.counts > 0).sum())
    assert svg.count("<rect") == 2 * filled
    # The name of the upright axis is turned, around the origin.
    assert not [pair for pair in collisions(svg) if "Share right" not in pair]
    assert all(end <= width + 1 for _, _, end, _ in texts(svg))
    about = ElementTree.fromstring(svg).get("aria-label")
    assert about.startswith("Share right by probability of the answer; expected calibration error")


def test_bars_are_as_high_as_answers_were_right():
    found = reliability([0.95] * 40 + [0.55] * 4, [1] * 30 + [0] * 10 + [0] * 4)
    svg = reliability_chart(found, said="P", found="Share that have it", unit="decisions")
    assert "0.90 to 1.00: 40 decisions, mean probability 95 %, share that have it 75 %" in svg
    assert "0.50 to 0.60: 4 decisions, mean probability 55 %, share that have it 0 %" in svg
    heights = re.findall(r'height="([\d.]+)" style="fill:[^"]*;fill-opacity:([\d.]+)"', svg)
    assert sorted(opacity for _, opacity in heights[:2]) == ["0.3", "0.8"]


def test_one_answer():
    svg = reliability_chart(reliability([1.0], [1]))
    assert svg.count("<rect") == 2
    assert "nan" not in svg
