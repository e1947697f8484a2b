"""Texts from anywhere, made safe to show."""

import pytest
from made_reports import NASTY

from embedsvc.report.shown_text import cut, fitted, isolated, shown, shown_label, width_of


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("plain", "plain"),
        ("  a\tb\r\n\nc\u2028d ", "a b c d"),
        ("\x00\x1b[31m\x9b", "\\x00\\x1b[31m\\x9b"),
        ("a\u202ecba\u2069", "a\\u202ecba\\u2069"),
        ("\ud83d", "\\ud83d"),
        ("\ue000\uffff", "\\ue000\\uffff"),
        # Joiners are part of Persian words and of emoji.
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("日本語 👍🏽", "日本語 👍🏽"),
    ],
)
def test_what_is_shown(text, said):
    assert shown(text) == said


def test_shown_text_can_always_be_written():
    every = "".join(map(chr, range(0x11000)))
    assert shown(every).encode("utf-8")
    assert "\u202e" not in shown(NASTY)


def test_labels():
    assert shown_label("") == "(empty)"
    assert shown_label(" \n") == "(empty)"
    assert shown_label("x" * 80) == "x" * 80
    assert shown_label("x" * 81) == "x" * 80 + "…"
    assert shown_label("abcdef", 3) == "abc…"


def test_cutting():
    assert cut("short") == ("short", False)
    assert cut("x" * 601) == ("x" * 600, True)
    assert cut("ab   cd", 5) == ("ab cd", False)
    assert cut("word " * 10, 5) == ("word", True)
    assert cut("x" * 10_000_000, 4) == ("xxxx", True)
    # Much of nothing hides the rest, and that is said.
    assert cut(" " * 100 + "x", 4) == ("", True)


@pytest.mark.parametrize(
    ("text", "head"),
    [
        ("abce\u0301", "abc"),
        ("abc👨\u200d👩", "abc"),
        ("ab👨\u200d👩", "ab"),
        ("abc❤\ufe0f", "abc"),
    ],
)
def test_cutting_parts_no_characters(text, head):
    assert cut(text, 4) == (head, True)


def test_a_pile_of_accents_is_cut_somewhere():
    head, is_cut = cut("a" + "\u0301" * 1000, 40)
    assert is_cut
    assert 20 <= len(head) <= 40


def test_width():
    assert width_of("abc", 10) == pytest.approx(18)
    assert width_of("日本", 10) == pytest.approx(22)
    assert width_of("e\u0301\u200d", 10) == pytest.approx(6)


def test_fitting():
    assert fitted("short", 100) == "short"
    for text in ("a very long label", "とても長いラベルです", "ab👨\u200d👩" * 9, "e\u0301" * 99):
        written = fitted(text, 72)
        assert written.endswith("…")
        assert width_of(written) <= 72
        assert text.startswith(written[:-1].rstrip())
    assert fitted("wide", 1) == "w…"
    assert fitted("", 0) == ""


def test_isolating():
    assert isolated("سعيد") == "\u2068سعيد\u2069"
