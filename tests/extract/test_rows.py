"""The contract objects, and options that check themselves."""

from pathlib import Path

import pytest

from embedsvc.errors import InputError
from embedsvc.extract.rows import (
    FORMATS,
    ImageRow,
    Reject,
    Row,
    SourceOptions,
    as_unicode,
    printable,
)


def test_where_names_the_file_and_the_line():
    assert Row("0", "a", {}, "a.csv", 12).where == "a.csv, line 12"
    assert Row("0", "a", {}, "a.parquet", 12, "row").where == "a.parquet, row 12"
    assert Reject("a.csv", 3, "Why.", "x").where == "a.csv, line 3"
    assert Reject("a.csv", None, "Why.", "x").where == "a.csv"


def image(name, *, line=None, unit="image"):
    file = name if line is None else "a.csv"
    return ImageRow("i", name, Path("d") / name, 7, 9, file, line, {"n": 1}, unit)


def test_rows_of_both_kinds_tell_the_same_things():
    text, picture = Row("0", "abc", {}, "a.csv", 12), image("p.jpg")
    assert (text.input, text.characters, text.stamp) == ("abc", 3, ["0", "abc", {}])
    assert (picture.input, picture.characters) == (Path("d/p.jpg"), 5)
    assert picture.stamp == ["i", "p.jpg", 7, 9, {"n": 1}]
    assert text.rejected("Why.") == Reject("a.csv", 12, "Why.", "abc")
    assert picture.rejected("Why.") == Reject("p.jpg", None, "Why.", "p.jpg", "image")
    listed = image("p.jpg", line=3, unit="line")
    assert (listed.where, listed.rejected("Why.").where) == ("a.csv, line 3", "a.csv, line 3")


def test_reasons_that_hold_odd_names_can_be_printed():
    assert image("a.jpg").rejected("got \udcff\n.").reason == "got \\xff\\n."
    assert len(image("a.jpg").rejected("x" * 500).reason) == 500


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a/b.jpg", "a/b.jpg"),
        ("ü\n\N{GRINNING FACE}", "ü\n\N{GRINNING FACE}"),
        ("caf\udce9\ud800", "caf\\xe9\\ud800"),
    ],
)
def test_names_in_unicode(name, shown):
    assert as_unicode(name) == shown
    shown.encode()


@pytest.mark.parametrize("name", FORMATS)
def test_known_formats_are_accepted(name):
    assert SourceOptions(format=name).format == name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "xlsx"}, "txt, csv, tsv, jsonl, parquet, got 'xlsx'"),
        ({"encoding": "utf-9"}, "got 'utf-9'"),
        ({"encoding": "base64"}, "got 'base64'"),
        ({"encoding": "rot13"}, "got 'rot13'"),
        ({"encoding": "a\0b"}, "encoding Python knows"),
        ({"include_columns": "stars"}, r"Pass \('stars',\)"),
        ({"include_columns": ("a", "b", "a")}, "got a, b, a"),
    ],
)
def test_bad_options_say_the_cure(options, message):
    with pytest.raises(InputError, match=message):
        SourceOptions(**options)


@pytest.mark.parametrize("name", ["utf8", "UTF-16", "latin-1", "cp1252", "shift_jis", "utf-8-sig"])
def test_text_encodings_are_accepted(name):
    assert SourceOptions(encoding=name).encoding == name


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, False),
        ({"column": "a"}, True),
        ({"id_column": "a"}, True),
        ({"include_columns": ("a",)}, True),
    ],
)
def test_names_columns(options, expected):
    assert SourceOptions(**options).names_columns is expected


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("café 🎉", "café 🎉"),
        ("a\x1b[31mb\n", "a\\x1b[31mb\\n"),
        ("caf\udce9", "caf\\xe9"),
        ("\ud800", "\\ud800"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("x" * 500, "x" * 200),
        ("\n" * 500, "\\n" * 100),
        ("", ""),
    ],
)
def test_printable(text, shown):
    assert printable(text) == shown
    printable(text).encode("utf-8")
