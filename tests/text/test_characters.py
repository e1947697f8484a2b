"""Tables of characters against the tokenizer they were read off."""

from __future__ import annotations

import random

import numpy as np
import pytest
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from embedsvc.text.characters import (
    ALONE,
    INSIDE,
    SPACE,
    CharacterTables,
    PagedTable,
    read_characters,
)

CODES = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]


@pytest.fixture(scope="module")
def tables() -> CharacterTables:
    return read_characters(BertNormalizer(), BertPreTokenizer())


def normalized(tables: CharacterTables, character: str) -> str:
    number = tables.changes[ord(character)]
    if number == 0:
        return character
    start, end = tables.splits[number - 1 : number + 1]
    return "".join(map(chr, tables.codes[start:end]))


def test_a_paged_table_is_its_array():
    numbers = np.zeros(0x110000, np.int32)
    numbers[[0, 255, 256, 0xFFFF, 0x10FFFF]] = [1, 2, 3, 4, 5]
    table = PagedTable.of(numbers)
    assert [table[code] for code in (0, 1, 255, 256, 0xFFFF, 0x10FFFE, 0x10FFFF)] == [
        *(1, 0, 2, 3, 4, 0, 5)
    ]
    assert table.pages.shape == (4352,)
    assert table.entries.shape == (256 * 5,)  # four pages with something and the empty one
    assert table.pages.dtype == table.entries.dtype == np.int32


@pytest.mark.parametrize(
    ("character", "result"),
    [
        ("a", "a"),
        ("|", "|"),
        ("A", "a"),
        ("É", "e"),
        ("\u0130", "i"),
        ("Σ", "σ"),
        ("ς", "ς"),
        ("ﬁ", "ﬁ"),
        ("…", "…"),
        ("Ａ", "ａ"),
        ("中", " 中 "),
        ("각", "\u1100\u1161\u11a8"),
        ("\u0301", ""),
        ("\x00", ""),
        ("\ufffd", ""),
        ("\u200b", ""),
        ("\t", " "),
        ("\u3000", " "),
    ],
)
def test_what_characters_become(tables: CharacterTables, character: str, result: str):
    assert normalized(tables, character) == result


def test_every_character_becomes_what_the_tokenizer_makes_of_it(tables: CharacterTables):
    normalizer = BertNormalizer()
    for code in [*range(0x3000), *random.Random(0).sample(CODES, 20_000)]:
        if not 0xD800 <= code < 0xE000:
            assert normalized(tables, chr(code)) == normalizer.normalize_str(chr(code)), hex(code)


def test_kinds_are_those_of_the_tokenizer(tables: CharacterTables):
    cut = BertPreTokenizer().pre_tokenize_str
    kept = [c for c in (chr(code) for code in CODES[:0x3100]) if normalized(tables, c) == c]
    assert len(kept) > 5000
    for character in kept:
        pieces = [piece for piece, _ in cut(f"x{character}x")]
        expected = {1: INSIDE, 2: SPACE, 3: ALONE}[len(pieces)]
        assert tables.kinds[ord(character)] == expected, hex(ord(character))


def test_without_a_normalizer_every_character_stays():
    tables = read_characters(None, BertPreTokenizer())
    assert [normalized(tables, c) for c in "AÉ\x00\t中"] == list("AÉ\x00\t中")
    assert [tables.kinds[ord(c)] for c in "\t A.中\x00"] == [
        *(SPACE, SPACE, INSIDE, ALONE, INSIDE, INSIDE)
    ]
