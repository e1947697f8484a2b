"""The contract objects, and options that check themselves."""

import pytest

from embedsvc.errors import InputError
from embedsvc.extract.rows import FORMATS, Reject, Row, SourceOptions, printable


def test_where_names_the_file_and_the_line():
    assert Row("0", "a", {}, "a.csv", 12).where == "a.csv, line 12"
    assert Row("0", "a", {}, "a.parquet", 12, "row").where == "a.parquet, row 12"
    assert Reject("a.csv", 3, "Why.", "x").where == "a.csv, line 3"
    assert Reject("a.csv", None, "Why.", "x").where == "a.csv"


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
