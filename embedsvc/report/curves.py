"""How a training run went, epoch by epoch, as inline SVG: lines with gaps where numbers broke."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from embedsvc.report import svg
from embedsvc.report.epochs import Series
from embedsvc.report.numbers import format_score
from embedsvc.report.shown_text import fitted, shown_label, width_of

_MOST_LINES = 8  # as many as there are styles that can be told apart
_MOST_DOTTED = 60  # epochs, above which single points are too close to be seen
_LOG_FROM = 100.0  # times the least value, from which on small terms would lie on the axis
_TOP, _LEGEND_ROW = 42, 20


def curve_chart(
    epochs: Sequence[int],
    series: Sequence[Series],
    *,
    best_epoch: int | None = None,
    about: str,
    width: int = 560,
    height: int = 270,
) -> str:
    """Lines over the epochs, with the best epoch marked and a legend below.

    A value that is not finite leaves a gap, and a cross on the axis says so. The axis is
    logarithmic where all values are positive and far apart.

    Args:
        epochs: their numbers, rising, shape (n_epochs,).
        series: lines of n_epochs values each; of more than eight the largest are drawn.
        best_epoch: where the weights were taken from.
        about: what is shown, for the axis and for screen readers.
        width: pixels.
        height: of the chart without its legend, pixels.

    Returns:
        An svg element; it says so where there is nothing to draw.
    """
    lines = _largest(series)
    values = [value for one in lines for value in one.finite]
    if not values:
        note = svg.label(width / 2, 30, "Nothing was measured.", anchor="middle", fill=svg.SOFT)
        return svg.drawing(width, 50, f"{about}: nothing was measured", [note])
    y = _value_scale(values, height - 42)
    ticks = y.ticks(5)
    named = svg.tick_labels(ticks)
    x = _epoch_scale(epochs, 12 + max(map(width_of, named)), width - 14)
    parts = [svg.label(0, 12, about + (" (log scale)" if y.log else ""), fill=svg.SOFT)]
    for tick, text in zip(ticks, named, strict=True):
        parts.append(svg.line(x.start, y(tick), x.end, y(tick)))
        parts.append(svg.label(x.start - 7, y(tick) + 4, text, anchor="end", fill=svg.SOFT))
    parts += _epoch_axis(epochs, x, y.start)
    if best_epoch is not None and best_epoch in epochs:
        parts += _best_mark(best_epoch, x, y)
    for i, one in enumerate(lines):
        parts += _line(one, epochs, x, y, i)
    parts += _breaks(series, epochs, x, y.start)
    legend, bottom = _legend(lines, len(series) - len(lines), width, height + 16)
    said = ", ".join(shown_label(one.name) for one in lines)
    return svg.drawing(width, bottom, f"{about} by epoch: {said}", parts + legend)


def _largest(series: Sequence[Series]) -> list[Series]:
    if len(series) <= _MOST_LINES:
        return list(series)
    ranked = sorted(series, key=lambda one: -max(one.finite, default=-math.inf))
    kept = {one.name for one in ranked[:_MOST_LINES]}
    return [one for one in series if one.name in kept]


def _value_scale(values: Sequence[float], bottom: float) -> svg.Scale:
    low, high = min(values), max(values)
    if low > 0 and high / low > _LOG_FROM:
        return svg.Scale(low / 1.2, high * 1.2, bottom, _TOP, log=True)
    if 0 <= low < 0.5 * high:
        return svg.Scale(0.0, high * 1.04, bottom, _TOP)
    room = 0.08 * (high - low) or 0.1 * abs(high) or 0.1
    # A share of 1 needs no room above it, and nothing positive needs room below 0.
    end = 1.0 if high <= 1.0 < high + room else high + room
    return svg.Scale(low - room if low < 0 else max(low - room, 0.0), end, bottom, _TOP)


def _epoch_scale(epochs: Sequence[int], start: float, end: float) -> svg.Scale:
    first, last = epochs[0], epochs[-1]
    alone = 0.5 if first == last else 0.0
    return svg.Scale(first - alone, last + alone, start + 6, end - 6)


def _epoch_axis(epochs: Sequence[int], x: svg.Scale, bottom: float) -> list[str]:
    first, last = epochs[0], epochs[-1]
    most = max(1.0, (x.end - x.start) / (width_of(str(last)) + 14))
    steps = (factor * 10**power for power in range(9) for factor in (1, 2, 5))
    step = next(step for step in steps if (last - first) / step <= most)
    ticks = [epoch for epoch in range(first, last + 1) if epoch % step == 0] or [first]
    parts = [svg.line(x.start - 6, bottom, x.end + 6, bottom, style=f"stroke:{svg.SOFT}")]
    for tick in ticks:
        parts.append(svg.line(x(tick), bottom, x(tick), bottom + 4, style=f"stroke:{svg.SOFT}"))
        parts.append(svg.label(x(tick), bottom + 18, str(tick), anchor="middle", fill=svg.SOFT))
    middle = (x.start + x.end) / 2
    return [*parts, svg.label(middle, bottom + 36, "Epoch", anchor="middle", fill=svg.SOFT)]


def _best_mark(best: int, x: svg.Scale, y: svg.Scale) -> list[str]:
    text = f"Best: epoch {best}"
    half = width_of(text) / 2
    middle = min(max(x(best), half + 2), x.end + 10 - half)
    dashed = f"stroke:{svg.INK};stroke-width:1.2;stroke-dasharray:4 3"
    return [
        svg.line(x(best), y.end - 5, x(best), y.start, style=dashed),
        svg.label(middle, 32, text, anchor="middle", weight=600),
    ]


def _line(one: Series, epochs: Sequence[int], x: svg.Scale, y: svg.Scale, i: int) -> list[str]:
    style = f"fill:none;stroke-width:2;stroke-linejoin:round;{svg.series_style(i)}"
    parts = []
    for run in _runs(one, epochs):
        if len(run) > 1:
            points = " ".join(f"{x(epoch):.1f},{y(value):.1f}" for epoch, value in run)
            parts.append(svg.element("polyline", {"points": points, "style": style}))
        if len(run) == 1 or len(epochs) <= _MOST_DOTTED:
            parts += [_dot(one.name, epoch, value, x, y, i) for epoch, value in run]
    return parts


def _runs(one: Series, epochs: Sequence[int]) -> list[list[tuple[int, float]]]:
    """The stretches of a line without a gap."""
    runs: list[list[tuple[int, float]]] = [[]]
    for epoch, value in zip(epochs, one.values, strict=True):
        if value is not None and math.isfinite(value):
            runs[-1].append((epoch, value))
        else:
            runs.append([])
    return [run for run in runs if run]


def _dot(name: str, epoch: int, value: float, x: svg.Scale, y: svg.Scale, i: int) -> str:
    at: dict[str, str | float] = {
        "cx": round(x(epoch), 1),
        "cy": round(y(value), 1),
        "r": 3,
        "style": f"fill:{svg.series_colour(i)}",
    }
    said = f"Epoch {epoch}, {shown_label(name)}: {format_score(value)}"
    return svg.element("circle", at, svg.hint(said))


def _breaks(
    series: Sequence[Series], epochs: Sequence[int], x: svg.Scale, bottom: float
) -> list[str]:
    parts = []
    for i, epoch in enumerate(epochs):
        values = [(one.name, one.values[i]) for one in series]
        broken = [name for name, v in values if v is not None and not math.isfinite(v)]
        if broken:
            names = ", ".join(map(shown_label, broken))
            said = f"Epoch {epoch}: no finite number for {names}"
            cross = f"stroke:{svg.ALARM};stroke-width:2.5"
            at = x(epoch)
            strokes = [
                svg.line(at - 4, bottom - 4 * sign, at + 4, bottom + 4 * sign, style=cross)
                for sign in (1, -1)
            ]
            parts.append(svg.element("g", {}, svg.hint(said) + "".join(strokes)))
    return parts


def _legend(
    lines: Sequence[Series], n_more: int, width: int, top: float
) -> tuple[list[str], float]:
    """The names, as many a row as fit, and where they end."""
    named = [fitted(shown_label(one.name), width - 60) for one in lines]
    places, left, row = [], 4.0, 0
    for before, name in pairwise(["", *named]):
        needed = width_of(name) + 56
        if before and left + needed - 20 > width:
            left, row = 4.0, row + 1
        places.append((left, top + _LEGEND_ROW * row))
        left += needed
    parts = []
    for i, (name, (at, y)) in enumerate(zip(named, places, strict=True)):
        style = f"stroke-width:2;{svg.series_style(i)}"
        parts += [svg.line(at, y - 4, at + 26, y - 4, style=style), svg.label(at + 34, y, name)]
    if n_more:
        row += 1
        said = f"and {n_more} smaller ones, in the table"
        parts.append(svg.label(38, top + _LEGEND_ROW * row, said, fill=svg.SOFT))
    return parts, top + _LEGEND_ROW * row + 8
