"""What a BERT tokenizer makes of each character, as tables that any program can look up.

BERT's normalization (clean, put spaces around CJK, drop accents, lowercase) and its cutting into
words look at one character at a time. So instead of writing them down a second time, with another
library's Unicode version and case folding, the tables are read off the tokenizer itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SPACE, ALONE, INSIDE = 0, 1, 2
"""Kinds of characters: between words, a word of its own, part of a word."""

_ALL = 0x110000
_PAGE = 256
_PLANE = 0x10000
# Planes without characters, or for private use: all but the ends of each are alike.
_UNIFORM = (*range(4, 14), 15, 16)
_BETWEEN = "|"  # stays as it is, is a word of its own, and nothing becomes it


@dataclass(frozen=True)
class PagedTable:
    """A number for each code point; equal stretches are stored once.

    The number of code point c is `entries[256 * pages[c // 256] + c % 256]`.

    Attributes:
        pages: int32 array of shape (4352,).
        entries: int32 array of shape (256 * n_pages,).
    """

    pages: NDArray[np.int32]
    entries: NDArray[np.int32]

    @classmethod
    def of(cls, numbers: NDArray[np.int32]) -> PagedTable:
        """Store an array of shape (0x110000,)."""
        unique, pages = np.unique(numbers.reshape(-1, _PAGE), axis=0, return_inverse=True)
        return cls(pages.reshape(-1).astype(np.int32), unique.reshape(-1))

    def __getitem__(self, code: int) -> int:
        return int(self.entries[_PAGE * self.pages[code // _PAGE] + code % _PAGE])


@dataclass(frozen=True)
class CharacterTables:
    """The normalization and the cutting into words.

    Attributes:
        changes: 0 for a character that stays, n for one that becomes the n-th replacement.
        splits: where replacements begin and end, int32 array of shape (n_replacements + 1,).
        codes: code points of all replacements; some have none. Int32 array.
        kinds: SPACE, ALONE or INSIDE, for characters that normalized texts can have.
    """

    changes: PagedTable
    splits: NDArray[np.int32]
    codes: NDArray[np.int32]
    kinds: PagedTable


def read_characters(normalizer: Any, pre_tokenizer: Any) -> CharacterTables:
    """Ask a tokenizer's parts about every character.

    Args:
        normalizer: of the tokenizers library; treats each character by itself. None: none.
        pre_tokenizer: BERT's.
    """
    characters = list(_text(np.flatnonzero(_is_read())))
    normalized = _normalize_each(normalizer, characters)
    numbers = np.zeros(_ALL, np.int32)
    replacements: dict[str, int] = {}
    for character, result in zip(characters, normalized, strict=True):
        if result != character:
            numbers[ord(character)] = replacements.setdefault(result, len(replacements) + 1)
    lengths = np.fromiter(map(len, replacements), np.int32, count=len(replacements))
    distinct = _text(np.unique(_codes("".join(normalized))))
    return CharacterTables(
        changes=PagedTable.of(_fill(numbers)),
        splits=np.r_[0, np.cumsum(lengths)].astype(np.int32),
        codes=_codes("".join(replacements)),
        kinds=PagedTable.of(_fill(_kinds(pre_tokenizer, distinct))),
    )


def _is_read() -> NDArray[np.bool_]:
    """The code points that the tokenizer is asked about, shape (0x110000,)."""
    asked = np.ones((_ALL // _PLANE, _PLANE), bool)
    asked[_UNIFORM, _PAGE:-_PAGE] = False
    asked[0, 0xD800:0xE000] = False  # surrogates, no characters
    return asked.reshape(-1)


def _fill(numbers: NDArray[np.int32]) -> NDArray[np.int32]:
    """Extend the numbers at the start of a uniform plane to what was left out of it."""
    planes = numbers.reshape(-1, _PLANE)
    for plane in _UNIFORM:
        planes[plane, _PAGE:-_PAGE] = planes[plane, 0]
    return planes.reshape(-1)


def _codes(text: str) -> NDArray[np.int32]:
    return np.frombuffer(text.encode("utf-32-le"), "<i4").astype(np.int32)


def _text(codes: NDArray[Any]) -> str:
    return codes.astype("<i4").tobytes().decode("utf-32-le")


def _normalize_each(normalizer: Any, characters: list[str]) -> list[str]:
    """Normalize all characters in one call."""
    if normalizer is None:
        return characters
    others = [character for character in characters if character != _BETWEEN]
    joined = str(normalizer.normalize_str(_BETWEEN.join(others)))
    results = dict(zip(others, joined.split(_BETWEEN), strict=True)) | {_BETWEEN: _BETWEEN}
    return [results[character] for character in characters]


def _kinds(pre_tokenizer: Any, text: str) -> NDArray[np.int32]:
    """The kinds of the characters of a text that has each of them once."""
    kinds = np.full(_ALL, INSIDE, np.int32)
    pieces = pre_tokenizer.pre_tokenize_str(text)
    ends = [0, *(place for _, span in pieces for place in span), len(text)]
    between = [text[end:start] for end, start in zip(ends[::2], ends[1::2], strict=True)]
    kinds[_codes("".join(between))] = SPACE
    # A piece of one character is ALONE, unless it stands between two such.
    singles = [piece for piece, _ in pieces if len(piece) == 1]
    # "a?a" is three pieces where ? is ALONE and one where it is not.
    tried = pre_tokenizer.pre_tokenize_str(" ".join(f"a{single}a" for single in singles))
    alone = [piece for piece, _ in tried if len(piece) == 1 and piece != "a"]
    kinds[_codes("".join(alone))] = ALONE
    return kinds
