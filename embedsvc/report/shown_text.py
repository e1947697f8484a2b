"""Texts and labels from anywhere, as a page can show them: no controls, no end of the line, cut.

Escaping for HTML is not done here; the templates and `svg` do it.
"""

from __future__ import annotations

import unicodedata

from embedsvc.report import svg

MOST_LABEL_CHARS = 80
MOST_TEXT_CHARS = 600

_EMPTY = "(empty)"
# Controls, lone surrogates and private characters have no shape of their own.
_SHAPELESS = frozenset(("Cc", "Cs", "Co"))
# These turn the text around them, too, or close what they did not open.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_NO_CHARACTER = frozenset("\ufffe\uffff")
# They join or vary the character before them, and so belong to it.
_JOINED = frozenset("\u200d\ufe0e\ufe0f")
_WIDE, _ZERO, _NORMAL = 1.1, 0.0, 0.6  # of the size of the font


def shown(text: str) -> str:
    r"""A text on one line, with controls, lone surrogates and direction marks as escapes.

    Joiners stay, because Persian, Hindi and emoji are written with them.

    Example:
        >>> shown("a\tb\x1b[31m  \u202ec")
        'a b\\x1b[31m \\u202ec'
    """
    escaped = "".join(char if _is_plain(char) else _escape(char) for char in text)
    return " ".join(escaped.split())


def shown_label(label: str, most: int = MOST_LABEL_CHARS) -> str:
    """A label on one line, cut to `most` characters; "(empty)" where there is nothing to see."""
    head, is_cut = cut(label, most)
    return (head + "…" if is_cut else head) or _EMPTY


def cut(text: str, most: int = MOST_TEXT_CHARS) -> tuple[str, bool]:
    """The beginning of a text as `shown`, and whether something is missing from it.

    Accents, joiners and the like are not parted from the character before them.
    """
    # More than enough, unless it is mostly spaces; spares the work on a text of megabytes.
    whole = shown(text[: 8 * most])
    is_longer = len(text) > 8 * most
    if len(whole) <= most:
        return whole, is_longer
    end = most
    while end > most // 2 and _belongs_together(whole[end - 1], whole[end]):
        end -= 1
    return whole[:end].rstrip(), True


def isolated(label: str) -> str:
    """A label for the middle of a sentence in plain text: its direction stays its own."""
    return f"\u2068{label}\u2069"


def width_of(text: str, size: float = svg.FONT_SIZE) -> float:
    """How wide a text will be at most, in pixels; wide characters and emoji count as such."""
    return size * sum(map(_advance, text))


def fitted(text: str, width: float, size: float = svg.FONT_SIZE) -> str:
    """A text cut to fit into a width in pixels."""
    if width_of(text, size) <= width:
        return text
    room, end = width - size, 0
    while end < len(text) and (room := room - size * _advance(text[end])) >= 0:
        end += 1
    while end > 1 and _belongs_together(text[end - 1], text[end]):
        end -= 1
    return text[: max(end, 1)].rstrip() + "…"


def _is_plain(char: str) -> bool:
    if char.isspace():
        return True
    unsafe = unicodedata.category(char) in _SHAPELESS or char in _TURNING or char in _NO_CHARACTER
    return not unsafe


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _belongs_together(before: str, after: str) -> bool:
    return unicodedata.combining(after) > 0 or after in _JOINED or before == "\u200d"


def _advance(char: str) -> float:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return _ZERO
    return _WIDE if unicodedata.east_asian_width(char) in "WF" else _NORMAL
