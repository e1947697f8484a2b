"""The share of points found within so many pixels, a line a describer, as inline SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from embedsvc.report import svg
from embedsvc.report.numbers import format_percent
from embedsvc.report.shown_text import fitted, shown_label, width_of

_NARROW = 460
_TOP, _BOTTOM, _ROW = 36, 46, 21


@dataclass(frozen=True, slots=True)
class _Style:
    """How a line looks: its name, the number of its colour and dashes, and whether it is strong."""

    name: str
    number: int
    is_main: bool

    @property
    def stroke(self) -> str:
        return f"stroke-width:{3.4 if self.is_main else 1.8};{svg.series_style(self.number)}"


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
        main: the name whose line is stronger than the others, and has the first colour.
        about: what is shown, for the axis and for screen readers.
        width: pixels; where there are few, the legend stands below.
        has_legend: whether there is one at all; not where charts stand side by side.

    Returns:
        An svg element.
    """
    beside = has_legend and width >= _NARROW
    styles = _styles(list(curves), main)
    widest = max(width_of(style.name) for style in styles.values())
    legend = min(widest + 46, 0.42 * width) if beside else 0.0
    left, height = 44, 250 if width >= _NARROW else 200
    y = svg.Scale(0, 1, _TOP + height, _TOP)
    end = max(len(thresholds) - 1, 1)
    x = svg.Scale(0, end, left + 14, width - 16 - legend - (16 if beside else 0))
    parts = [svg.label(0, 14, fitted(about, width), fill=svg.SOFT), *_axes(thresholds, x, y)]
    # The last to be drawn lies above the others.
    for name in sorted(curves, key=lambda name: -styles[name].number):
        parts += _line(styles[name], thresholds, curves[name], x, y)
    bottom = float(_TOP + height + _BOTTOM)
    if has_legend:
        at = (x.end + 22, _TOP + 8.0) if beside else (left, bottom + 16.0)
        room = legend - 42 if beside else width - left - 40
        parts += _legend(list(styles.values()), at, room)
        end_of_legend = at[1] + _ROW * (len(styles) - 1) + 8
        bottom = max(bottom, end_of_legend)
    said = "; ".join(
        f"{styles[name].name} {format_percent(shares[-1])}" for name, shares in curves.items()
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
    style: _Style, thresholds: Sequence[float], shares: Sequence[float], x: svg.Scale, y: svg.Scale
) -> list[str]:
    points = " ".join(f"{x(k):.1f},{y(share):.1f}" for k, share in enumerate(shares))
    drawn = {"points": points, "style": f"fill:none;stroke-linejoin:round;{style.stroke}"}
    parts = [svg.element("polyline", drawn, svg.hint(style.name))]
    for k, (limit, share) in enumerate(zip(thresholds, shares, strict=True)):
        at: dict[str, str | float] = {
            "cx": round(x(k), 1),
            "cy": round(y(share), 1),
            "r": 4.0 if style.is_main else 2.6,
            "style": f"fill:{svg.series_colour(style.number)}",
        }
        said = f"{style.name}: {format_percent(share)} within {limit:g} px"
        parts.append(svg.element("circle", at, svg.hint(said)))
    return parts


def _legend(styles: Sequence[_Style], at: tuple[float, float], room: float) -> list[str]:
    parts = []
    for row, style in enumerate(styles):
        left, base = at[0], at[1] + _ROW * row
        parts.append(svg.line(left, base - 4, left + 28, base - 4, style=style.stroke))
        text = fitted(style.name, room)
        parts.append(svg.label(left + 36, base, text, weight=650 if style.is_main else 400))
    return parts


def _styles(names: Sequence[str], main: str | None) -> dict[str, _Style]:
    """By name how its line looks: that of `main` has the first colour."""
    ordered = sorted(names, key=lambda name: name != main)
    numbers = {name: i for i, name in enumerate(ordered)}
    return {name: _Style(shown_label(name), numbers[name], name == main) for name in names}
