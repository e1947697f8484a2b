"""Charts that compare detectors, as inline SVG: ROC curves, measures with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedsvc.errors import InputError
from embedsvc.report import svg
from embedsvc.report.numbers import format_measure

_Floats = NDArray[np.floating]

_NARROW = 460


@dataclass(frozen=True, slots=True)
class Interval:
    """A measure with the interval it lies in, such as an AUROC.

    Attributes:
        name: whose measure it is.
        value: the measure.
        low: the lower end of its interval.
        high: the upper end.
        is_baseline: marked as what the others are compared with.
    """

    name: str
    value: float
    low: float
    high: float
    is_baseline: bool = False


def roc_chart(
    curves: Mapping[str, tuple[_Floats, _Floats]],
    *,
    baselines: frozenset[str] = frozenset(),
    width: int = 560,
) -> str:
    """ROC curves, with their legend beside them, or below them where there is little width.

    Args:
        curves: name to false-positive rates and true-positive rates, float of shape (n_points,)
            each, rising. Colours follow the order of names.
        baselines: names drawn in grey.
        width: pixels.

    Returns:
        An svg element.

    Raises:
        InputError: the two rates of a curve differ in length or are outside of 0 to 1.
    """
    beside = width >= _NARROW
    longest = max((svg.text_width(name) for name in curves), default=0.0)
    legend = min(longest + 44, 0.42 * width) if beside else 0.0
    left, top = 46, 12
    side = min(width - left - 14 - legend - (16 if beside else 0), 380)
    x, y = svg.Scale(0, 1, left, left + side), svg.Scale(0, 1, top + side, top)
    parts = _unit_square(x, y)
    room = legend - 40 if beside else width - left - 50
    for i, (name, (fpr, tpr)) in enumerate(curves.items()):
        _check_curve(name, fpr, tpr)
        style = f"stroke:{svg.SOFT}" if name in baselines else ""
        style = f"fill:none;stroke-width:2;stroke-linejoin:round;{style or svg.series_style(i)}"
        points = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in _thin(fpr, tpr, side))
        parts.append(svg.element("polyline", {"points": points, "style": style}, svg.hint(name)))
        at = (left + side + 18, top + 14 + 20 * i) if beside else (left, top + side + 62 + 20 * i)
        parts.append(svg.line(at[0], at[1] - 4, at[0] + 26, at[1] - 4, style=style))
        parts.append(svg.label(at[0] + 34, at[1], svg.shorten(name, room)))
    below = top + side + 46 + (0 if beside else 20 * len(curves) + 8)
    height = max(below, top + 14 + 20 * len(curves)) if beside else below
    return svg.drawing(width, height, f"ROC curves of {', '.join(curves)}", parts)


def interval_chart(
    rows: Sequence[Interval], *, measure: str = "AUROC", reference: float = 0.5, width: int = 560
) -> str:
    """One bar a row from the reference to its measure, with the interval as a whisker.

    Args:
        rows: from top to bottom; colours follow the order.
        measure: what is shown, for the axis.
        reference: where bars begin: what guessing would reach.
        width: pixels.

    Returns:
        An svg element.

    Raises:
        InputError: a measure is not finite, or the ends of its interval are not in order.
    """
    for row in rows:
        if not (np.isfinite([row.value, row.low, row.high]).all() and row.low <= row.high):
            raise InputError(
                f"Expected a finite {measure} of {row.name!r} and its interval, got {row.value} "
                f"in {row.low} to {row.high}. Leave out what could not be measured."
            )
    names = max((svg.text_width(row.name) for row in rows), default=0.0)
    left = min(names + 14, 0.36 * width)
    low = min([reference, *(min(row.low, row.value) for row in rows)])
    x = svg.Scale(np.floor(low * 10) / 10, 1.0, left, width - 62)
    bottom = 10 + 34 * len(rows)
    parts = []
    ticks = x.ticks(5)
    for tick, text in zip(ticks, svg.tick_labels(ticks), strict=True):
        parts.append(svg.line(x(tick), 6, x(tick), bottom))
        parts.append(svg.label(x(tick), bottom + 18, text, anchor="middle", fill=svg.SOFT))
    for i, row in enumerate(rows):
        parts += _interval_row(row, x, reference, 10 + 34 * i + 17, svg.series_colour(i))
    parts.append(svg.line(x(reference), 6, x(reference), bottom, style=f"stroke:{svg.SOFT}"))
    title = f"{measure}, with its 95 % interval; bars begin at {reference:g}"
    short = svg.shorten(title, width - 20)
    parts.append(svg.label(width / 2, bottom + 40, short, anchor="middle", fill=svg.SOFT))
    said = "; ".join(f"{row.name} {format_measure(row.value)}" for row in rows)
    return svg.drawing(width, bottom + 50, f"{measure} with 95 % intervals: {said}", parts)


def _check_curve(name: str, fpr: _Floats, tpr: _Floats) -> None:
    both = np.concatenate([fpr, tpr])
    if fpr.shape != tpr.shape or fpr.ndim != 1 or not ((both >= 0) & (both <= 1)).all():
        raise InputError(
            f"Expected rates between 0 and 1 of equal shape (n_points,) for {name!r}, got shapes "
            f"{fpr.shape} and {tpr.shape}. Pass what sklearn.metrics.roc_curve returns."
        )


def _thin(fpr: _Floats, tpr: _Floats, side: float) -> list[tuple[float, float]]:
    """The points of a curve that differ by at least half a pixel, and its ends."""
    points = np.stack([fpr, tpr], axis=1).astype(np.float64)
    if len(points) < 3:
        return [(a, b) for a, b in points.tolist()]
    cells = np.rint(points * side * 2)
    keep = np.any(cells[1:] != cells[:-1], axis=1)
    return [(a, b) for a, b in points[np.concatenate([[True], keep[:-1], [True]])].tolist()]


def _unit_square(x: svg.Scale, y: svg.Scale) -> list[str]:
    parts = []
    for tick in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        parts.append(svg.line(x(tick), y.start, x(tick), y.end))
        parts.append(svg.line(x.start, y(tick), x.end, y(tick)))
        at = y.start + 18
        parts.append(svg.label(x(tick), at, f"{tick:g}", anchor="middle", fill=svg.SOFT))
        parts.append(svg.label(x.start - 8, y(tick) + 4, f"{tick:g}", anchor="end", fill=svg.SOFT))
    chance = f"stroke:{svg.SOFT};stroke-opacity:.5"
    parts.append(svg.line(x.start, y.start, x.end, y.end, style=chance))
    below = svg.label(
        (x.start + x.end) / 2, y.start + 38, "False alarms", anchor="middle", fill=svg.SOFT
    )
    aside = svg.label(0, 0, "Anomalies found", anchor="middle", fill=svg.SOFT)
    turned = {"transform": f"translate(13 {(y.start + y.end) / 2:g}) rotate(-90)"}
    return [*parts, below, svg.element("g", turned, aside)]


def _interval_row(
    row: Interval, x: svg.Scale, reference: float, middle: float, colour: str
) -> list[str]:
    fill = svg.SOFT if row.is_baseline else colour
    start, end = sorted((x(reference), x(row.value)))
    bar: dict[str, str | float] = {
        "x": round(start, 1),
        "y": middle - 8,
        "width": round(max(end - start, 1), 1),
        "height": 16,
        "rx": 2,
        "style": f"fill:{fill};fill-opacity:.55",
    }
    whisker = f"stroke:{svg.INK};stroke-width:1.5"
    said = f"{row.name}: {format_measure(row.value)} ({row.low:.3f} to {row.high:.3f})"
    return [
        svg.label(x.start - 10, middle + 4, svg.shorten(row.name, x.start - 12), anchor="end"),
        svg.element("rect", bar, svg.hint(said)),
        svg.line(x(row.low), middle, x(row.high), middle, style=whisker),
        svg.line(x(row.low), middle - 5, x(row.low), middle + 5, style=whisker),
        svg.line(x(row.high), middle - 5, x(row.high), middle + 5, style=whisker),
        svg.label(x.end + 54, middle + 4, format_measure(row.value), anchor="end", weight=600),
    ]
