"""The little SVG that charts need: elements, text, scales and ticks.

Colours are CSS variables of the page, with a fallback each, so that a chart follows light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from itertools import pairwise

FONT_SIZE = 12
INK, SOFT, LINE = "var(--ink, #1d2330)", "var(--ink-soft, #596273)", "var(--line, #dcdfe6)"
CALM, ALARM = "var(--calm, #2a68a8)", "var(--alarm, #c2410c)"

_N_SERIES = 8
_SERIES = ("#0072b2", "#d55e00", "#00825f", "#b5478f", "#9a6700", "#3a8fc4", "#6b5bd2", "#7a6652")
# Dashes tell lines apart where colours do not.
_DASHES = ("", "7 3", "2 3", "10 3 2 3", "5 5", "12 4", "3 2", "8 3 2 3 2 3")


@dataclass(frozen=True, slots=True)
class Scale:
    """Where a value lies between two pixels, evenly or by its logarithm.

    Attributes:
        low: the value at `start`.
        high: the value at `end`; more than `low`.
        start: pixel.
        end: pixel; less than `start` for an axis that points up.
        log: by logarithm; `low` is then positive.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The pixel of a value; values outside of the scale lie at its ends."""
        if self.log:
            value = max(value, self.low)
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)

    def ticks(self, count: int = 5) -> list[float]:
        """About `count` round values within the scale."""
        if self.log and self.high / self.low >= 10:
            return _log_ticks(self.low, self.high, count)
        return linear_ticks(self.low, self.high, count)


def linear_ticks(low: float, high: float, count: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten from `low` to `high`, about `count` of them."""
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    steps = [factor * power for factor in (1, 2, 5, 10)]
    step = next(step for step in steps if step >= rough * 0.999)
    if step > (high - low) / 2:  # there might be one tick only
        step = max(step for step in steps if step <= max((high - low) / 2, power))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    # Rounded, because 3 * 0.1 is not 0.3.
    digits = max(0, 1 - math.floor(math.log10(step)))
    return [round(i * step, digits) for i in range(first, last + 1)]


def _log_ticks(low: float, high: float, count: int) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        ticks = [factor * 10.0**decade for decade in decades for factor in factors]
        ticks = [tick for tick in ticks if low * 0.999 <= tick <= high * 1.001]
        if len(ticks) <= count + 2:
            return ticks
    return ticks[:: math.ceil(len(ticks) / count)]


def tick_labels(ticks: Iterable[float]) -> list[str]:
    """The ticks as text, with no more decimals than it takes to tell them apart."""
    values = list(ticks)
    steps = [abs(b - a) for a, b in pairwise(values) if a != b]
    size = max(map(abs, values), default=0.0)
    if not steps or size >= 1e7 or min(steps) < 1e-4 or size > 50 * min(steps):
        return [_compact(value) for value in values]
    decimals = max(0, -math.floor(math.log10(min(steps)) + 1e-9))
    return [f"{value:,.{decimals}f}" for value in values]


def _compact(value: float) -> str:
    text = f"{value:,.0f}" if 1 <= abs(value) < 1e6 and value == round(value) else f"{value:.4g}"
    return text.replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")


def text_width(text: str, size: float = FONT_SIZE) -> float:
    """How wide a text will be at most, in pixels; an estimate, as no font is at hand."""
    return 0.6 * size * len(text)


def shorten(text: str, width: float, size: float = FONT_SIZE) -> str:
    """A text cut to fit into a width in pixels."""
    most = max(2, int(width / (0.6 * size)))
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def element(name: str, attributes: Mapping[str, str | float], content: str = "") -> str:
    """An SVG element; attributes are escaped, the content is SVG already."""
    written = "".join(
        f' {key}="{value:.5g}"' if isinstance(value, float) else f' {key}="{escape(str(value))}"'
        for key, value in attributes.items()
    )
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def label(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    fill: str = INK,
    weight: int = 400,
    size: float = FONT_SIZE,
) -> str:
    """A line of text; `x` is where its `anchor` is and `y` its base line."""
    attributes: dict[str, str | float] = {
        "x": round(x, 1),
        "y": round(y, 1),
        "text-anchor": anchor,
        "font-size": size,
        "style": f"fill:{fill};font-weight:{weight}",
    }
    return element("text", attributes, escape(text))


def line(x1: float, y1: float, x2: float, y2: float, *, style: str = f"stroke:{LINE}") -> str:
    """A straight line."""
    attributes: dict[str, str | float] = {
        "x1": round(x1, 1),
        "y1": round(y1, 1),
        "x2": round(x2, 1),
        "y2": round(y2, 1),
        "style": style,
    }
    return element("line", attributes)


def hint(text: str) -> str:
    """What a browser shows while the pointer rests on an element."""
    return f"<title>{escape(text)}</title>"


def series_style(i: int) -> str:
    """The line style of the i-th of several curves."""
    i %= _N_SERIES
    dash = f";stroke-dasharray:{_DASHES[i]}" if _DASHES[i] else ""
    return f"stroke:{series_colour(i)}{dash}"


def series_colour(i: int) -> str:
    """The colour of the i-th of several curves or bars."""
    i %= _N_SERIES
    return f"var(--series-{i + 1}, {_SERIES[i]})"


def drawing(width: float, height: float, about: str, parts: Iterable[str]) -> str:
    """A whole chart, which screen readers read as the text `about`."""
    attributes: dict[str, str | float] = {
        "xmlns": "http://www.w3.org/2000/svg",
        "class": "chart",
        "role": "img",
        "aria-label": about,
        "viewBox": f"0 0 {width:g} {height:g}",
        "width": f"{width:g}",
        "height": f"{height:g}",
        "font-family": "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
    }
    return element("svg", attributes, hint(about) + "".join(parts))
