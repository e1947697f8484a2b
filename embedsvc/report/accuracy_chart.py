"""The share of points found within so many pixels, a line a describer, as inline SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from embedsvc.report import svg
from embedsvc.report.numbers import format_percent
from embedsvc.report.shown_text import fitted, shown_label, width_of

_NARROW = 460
_TOP, _BOTTOM, _ROW = 36, 46, 21
_MARKS = 2.6  # radius of a point, pixels


def accuracy_chart(
    thresholds: Sequence[float],
    curves: Mapping[str, Sequence[float]],
    *,
    main: str | None = None,
    about: str,
    width: int = 560,
    has_legend: bool = True,
) -> str:
    """Lines over the thresholds, which stand at equal distances, and their legend.

    Args:
        thresholds: in pixels, rising.
        curves: by name, the share at each threshold, 0 to 1. Colours follow their order.
        main: the name whose line is stronger than the others.
        about: what is shown, for the axis and for screen readers.
        width: pixels; where there are few, the legend stands below.
        has_legend: whether there is one at all; not where charts stand side by side.

    Returns:
        An svg element.
    """
    beside = has_legend and width >= _NARROW
    names = {name: shown_label(name) for name in curves}
    legend = min(max(map(width_of, names.values())) + 46, 0.42 * width) if beside else 0.0
    left, height = 44, 250 if width >= _NARROW else 200
    y = svg.Scale(0, 1, _TOP + height, _TOP)
    end = max(len(thresholds) - 1, 1)
    x = svg.Scale(0, end, left + 14, width - 16 - legend - (16 if beside else 0))
    parts = [svg.label(0, 14, fitted(about, width), fill=svg.SOFT), *_axes(thresholds, x, y)]
    for i, (name, shares) in enumerate(curves.items()):
        if name != main:
            parts += _line(names[name], thresholds, shares, x, y, i, is_main=False)
    for i, (name, shares) in enumerate(curves.items()):
        if name == main:  # above the others
            parts += _line(names[name], thresholds, shares, x, y, i, is_main=True)
    bottom = float(_TOP + height + _BOTTOM)
    if has_legend:
        at = (x.end + 22, _TOP + 8.0) if beside else (left, bottom + 16.0)
        room = legend - 42 if beside else width - left - 40
        parts += _legend(list(names), main, at, room)
        end_of_legend = at[1] + _ROW * (len(names) - 1) + 8
        bottom = max(bottom, end_of_legend)
    said = "; ".join(
        f"{names[name]} {format_percent(shares[-1])}" for name, shares in curves.items()
    )
    return svg.drawing(width, bottom, f"{about}; within {thresholds[-1]:g} pixels: {said}", parts)


def _axes(thresholds: Sequence[float], x: svg.Scale, y: svg.Scale) -> list[str]:
    parts = []
    for share in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        parts.append(svg.line(x.start - 8, y(share), x.end + 8, y(share)))
        text = f"{100 * share:.0f} %"
        at = x.start - 13
        parts.append(svg.label(at, y(share) + 4, text, anchor="end", fill=svg.SOFT))
    for i, limit in enumerate(thresholds):
        parts.append(svg.line(x(i), y.start, x(i), y.start + 4, style=f"stroke:{svg.SOFT}"))
        at = y.start + 18
        parts.append(svg.label(x(i), at, f"{limit:g}", anchor="middle", fill=svg.SOFT))
    middle = (x.start + x.end) / 2
    told = "Pixels from the true place, at most"
    return [*parts, svg.label(middle, y.start + 37, told, anchor="middle", fill=svg.SOFT)]


def _line(
    name: str,
    thresholds: Sequence[float],
    shares: Sequence[float],
    x: svg.Scale,
    y: svg.Scale,
    i: int,
    *,
    is_main: bool,
) -> list[str]:
    points = " ".join(f"{x(k):.1f},{y(share):.1f}" for k, share in enumerate(shares))
    style = f"fill:none;stroke-linejoin:round;{_stroke(i, is_main=is_main)}"
    parts = [svg.element("polyline", {"points": points, "style": style}, svg.hint(name))]
    for k, (limit, share) in enumerate(zip(thresholds, shares, strict=True)):
        at: dict[str, str | float] = {
            "cx": round(x(k), 1),
            "cy": round(y(share), 1),
            "r": _MARKS + (1.4 if is_main else 0),
            "style": f"fill:{svg.series_colour(i)}",
        }
        said = f"{name}: {format_percent(share)} within {limit:g} px"
        parts.append(svg.element("circle", at, svg.hint(said)))
    return parts


def _legend(
    names: Sequence[str], main: str | None, at: tuple[float, float], room: float
) -> list[str]:
    parts = []
    for i, name in enumerate(names):
        left, middle = at[0], at[1] + _ROW * i
        is_main = name == main
        style = _stroke(i, is_main=is_main)
        parts.append(svg.line(left, middle - 4, left + 28, middle - 4, style=style))
        text = fitted(shown_label(name), room)
        parts.append(svg.label(left + 36, middle, text, weight=650 if is_main else 400))
    return parts


def _stroke(i: int, *, is_main: bool) -> str:
    return f"stroke-width:{3.4 if is_main else 1.8};{svg.series_style(i)}"
