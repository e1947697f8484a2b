"""Names of columns as they are given on the command line."""

from __future__ import annotations

from collections.abc import Iterable


def split_names(given: Iterable[str]) -> tuple[str, ...]:
    """The names in options that may be repeated and hold several, separated by commas.

    Example:
        >>> split_names(["stars,country", "year"])
        ('stars', 'country', 'year')
    """
    return tuple(name for names in given for name in names.split(","))
