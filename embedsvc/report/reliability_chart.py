"""Whether probabilities mean what they say, as inline SVG: how often right by how sure."""

from __future__ import annotations

import math

from embedsvc.evaluation.reliability import Reliability
from embedsvc.report import svg
from embedsvc.report.numbers import format_count, format_measure, format_percent
from embedsvc.report.shown_text import width_of

_FEW = 10  # answers, below which the height of a bar is mostly chance
_COUNTS, _GAP = 62, 52  # pixels: height of the lower chart, and of what is between the two


def reliability_chart(
    reliability: Reliability,
    *,
    said: str = "Probability of the answer",
    found: str = "Share right",
    unit: str = "answers",
    width: int = 460,
) -> str:
    """Bars of how often answers were right, over how sure they were, with their counts below.

    Bars on the diagonal are probabilities that can be taken at their word: below it the model is
    too sure, above it not sure enough. Bars of few answers are pale.

    Args:
        reliability: measured in bins.
        said: the name of the horizontal axis.
        found: the name of the upright axis.
        unit: what is counted.
        width: pixels.

    Returns:
        An svg element.
    """
    counts = [int(count) for count in reliability.counts]
    most = max(1, *counts)
    left = max(46.0, 20 + width_of(format_count(most)))
    side = min(width - left - 14, 330)
    x = svg.Scale(0, 1, left, left + side)
    y = svg.Scale(0, 1, 12 + side, 12)
    base = y.start + _GAP + _COUNTS
    parts = _grid(x, y, found)
    for i, count in enumerate(counts):
        if count:
            parts += _bin(reliability, i, x, y, unit, found)
    honest = f"stroke:{svg.INK};stroke-dasharray:5 4"
    parts.append(svg.line(x.start, y.start, x.end, y.end, style=honest))
    parts += _counts(reliability, x, base, most, unit)
    middle = (x.start + x.end) / 2
    parts.append(svg.label(middle, y.start + 36, said, anchor="middle", fill=svg.SOFT))
    ece = format_measure(reliability.expected_calibration_error)
    about = f"{found} by {said.lower()}; expected calibration error {ece}"
    return svg.drawing(width, base + 10, about, parts)


def _grid(x: svg.Scale, y: svg.Scale, found: str) -> list[str]:
    parts = []
    for tick in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        parts.append(svg.line(x.start, y(tick), x.end, y(tick)))
        at = y.start + 17
        parts.append(svg.label(x(tick), at, f"{tick:g}", anchor="middle", fill=svg.SOFT))
        parts.append(svg.label(x.start - 8, y(tick) + 4, f"{tick:g}", anchor="end", fill=svg.SOFT))
    aside = svg.label(0, 0, found, anchor="middle", fill=svg.SOFT)
    turned = {"transform": f"translate(12 {(y.start + y.end) / 2:g}) rotate(-90)"}
    return [*parts, svg.element("g", turned, aside)]


def _bin(
    reliability: Reliability, i: int, x: svg.Scale, y: svg.Scale, unit: str, found: str
) -> list[str]:
    low, high = float(reliability.edges[i]), float(reliability.edges[i + 1])
    count, right = int(reliability.counts[i]), float(reliability.accuracy[i])
    sure = float(reliability.mean_confidence[i])
    if not (math.isfinite(right) and math.isfinite(sure)):
        return []
    pale = count < _FEW
    bar: dict[str, str | float] = {
        "x": round(x(low) + 1, 1),
        "y": round(y(right), 1),
        "width": round(x(high) - x(low) - 2, 1),
        "height": round(max(y.start - y(right), 1.5), 1),
        "style": f"fill:{svg.CALM};fill-opacity:{0.3 if pale else 0.8}",
    }
    text = (
        f"{low:.2f} to {high:.2f}: {format_count(count)} {unit}, mean probability "
        f"{format_percent(sure)}, {found.lower()} {format_percent(right)}"
    )
    mark = f"stroke:{svg.ALARM};stroke-width:3"
    return [
        svg.element("rect", bar, svg.hint(text)),
        svg.line(x(low) + 1, y(sure), x(high) - 1, y(sure), style=mark),
    ]


def _counts(reliability: Reliability, x: svg.Scale, base: float, most: int, unit: str) -> list[str]:
    y = svg.Scale(0, most, base, base - _COUNTS + 8)
    parts = [
        svg.line(x.start, y.end, x.end, y.end),
        svg.label(x.start - 8, y.end + 4, format_count(most), anchor="end", fill=svg.SOFT),
        svg.label(x.start - 8, base + 4, "0", anchor="end", fill=svg.SOFT),
        svg.line(x.start, base, x.end, base, style=f"stroke:{svg.SOFT}"),
    ]
    for i, count in enumerate(map(int, reliability.counts)):
        if count:
            low, high = float(reliability.edges[i]), float(reliability.edges[i + 1])
            height = max(base - y(count), 1.5)
            bar: dict[str, str | float] = {
                "x": round(x(low) + 1, 1),
                "y": round(base - height, 1),
                "width": round(x(high) - x(low) - 2, 1),
                "height": round(height, 1),
                "style": f"fill:{svg.SOFT};fill-opacity:.7",
            }
            hint = svg.hint(f"{low:.2f} to {high:.2f}: {format_count(count)} {unit}")
            parts.append(svg.element("rect", bar, hint))
    return parts
