"""Numbers as people read them."""

from __future__ import annotations

import math

NOTHING = "–"
"""What stands for a number that does not exist."""


def format_score(value: float | None) -> str:
    """A number of unknown size with four digits that matter.

    Example:
        >>> [format_score(value) for value in (0.012345, 12.3456, 123456.7, 2e-9, None)]
        ['0.01235', '12.35', '123,457', '2e-09', '–']
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    size = float(f"{abs(value):.4g}")  # 999.96 is shown as 1,000
    if value == 0:
        return "0"
    if size < 1e-3 or size >= 1e7:
        return f"{value:.2g}"
    if size >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{max(0, 3 - math.floor(math.log10(size)))}f}"


def format_measure(value: float | None) -> str:
    """A measure between 0 and 1 with three decimals, such as an AUROC."""
    return NOTHING if value is None or not math.isfinite(value) else f"{value:.3f}"


def format_percent(value: float | None) -> str:
    """A share between 0 and 1 as a percentage, with as many digits as matter.

    Example:
        >>> [format_percent(value) for value in (0.05, 0.123, 0.001, 1.0)]
        ['5 %', '12.3 %', '0.1 %', '100 %']
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    percent = 100 * value
    text = f"{percent:.1f}" if percent >= 0.1 or percent == 0 else f"{percent:.2g}"
    return f"{text.removesuffix('.0')} %"


def format_count(value: int) -> str:
    """A count with its thousands set apart: `format_count(5000)` is "5,000"."""
    return f"{value:,}"


def format_duration(seconds: float | None) -> str:
    """A duration in the unit that suits it.

    Example:
        >>> [format_duration(seconds) for seconds in (0.0123, 2.34, 75, 7260)]
        ['12 ms', '2.3 s', '1 min 15 s', '2 h 1 min']
    """
    if seconds is None or not math.isfinite(seconds):
        return NOTHING
    if seconds < 0.9995:
        return f"{1000 * seconds:.2g} ms" if seconds < 0.01 else f"{1000 * seconds:.0f} ms"
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def plural(count: int, noun: str, many: str | None = None) -> str:
    """A count with its noun: `plural(2, "image")` is "2 images"; `many` for nouns without an s."""
    return f"{format_count(count)} {noun if count == 1 else many or noun + 's'}"
