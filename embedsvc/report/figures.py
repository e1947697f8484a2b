"""Matplotlib, kept to itself: no remarks, no styles of the user, no characters without a shape."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache


@contextmanager
def plain_matplotlib() -> Iterator[None]:
    """Matplotlib's own defaults, and its remarks on font caches off stderr.

    Who set up logging still gets them; settings and backend stay as they were afterwards.
    """
    logger, handler = logging.getLogger("matplotlib"), logging.NullHandler()
    logger.addHandler(handler)
    try:
        from matplotlib import style

        # A style the user may have set is for the user's own pictures.
        with style.context("default"):
            yield
    finally:
        logger.removeHandler(handler)


def drawable(text: str) -> str:
    """A text with "?" for each character that the font lacks: matplotlib would draw a box.

    Example:
        >>> drawable("Zürich 東京")
        'Zürich ??'
    """
    return "".join(char if ord(char) in _known_characters() else "?" for char in text)


@lru_cache(maxsize=1)
def _known_characters() -> frozenset[int]:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    path = findfont(FontProperties(family="DejaVu Sans"))
    return frozenset(get_font(path).get_charmap())
