"""Matches and homographies in files, in texts and in lists."""

import numpy as np
import pytest

from embedsvc.datasets.match_files import read_given
from embedsvc.errors import InputError

H = [[1, 0, 5], [0, 1, 7], [0, 0, 1]]
TWO = [[1, 2, 3, 4], [5.5, 6, 7, 8]]


@pytest.fixture
def read(tmp_path):
    def read(value, column="matches", *, file="m.csv"):
        if isinstance(value, bytes):
            (tmp_path / file).write_bytes(value)
            value = file
        return read_given(value, folder=tmp_path, column=column).tolist()

    return read


@pytest.mark.parametrize(
    "text",
    [
        b"x1,y1,x2,y2\n1,2,3,4\n5.5,6,7,8\n",
        b"1,2,3,4\n\n5.5,6,7,8",
        b"# by hand\r\n1 2   3 4\r\n5.5 6 7 8\r\n",
        b"1\t2\t3\t4\n5.5\t6\t7\t8",
        b"1;2;3;4\n5.5; 6; 7; 8",
        b'\xef\xbb\xbf"score","Y1","X1","X2","Y2"\n0.5,2,1,3,4\nnan,6,5.5,7,8',
    ],
)
def test_files_of_matches(read, text):
    assert read(text) == TWO


@pytest.mark.parametrize("column", ["matches", "homography"])
@pytest.mark.parametrize(
    "value",
    [
        b"   1.0e+00   0  5\n 0 1 7 \n 0 0 1\n",
        b"1,0,5\n0,1,7\n0,0,1",
        b"2 0 10 0 2 14 0 0 2",
        "1 0 5 0 1 7 0 0 1",
        "[1, 0, 5, 0, 1, 7, 0, 0, 1]",
        "1, 0, 5; 0, 1, 7; 0, 0, 1",
        H,
        sum(H, []),
    ],
)
def test_homographies(read, column, value):
    assert read(value, column) == H


def test_lists_and_nothing(read):
    assert read(TWO) == TWO
    assert read([]) == []
    assert read(b"") == []
    assert read(b"x1,y1,x2,y2\n") == []


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"1,2,3,4\n1,2,3", r"Expected 4 numbers \(x1, y1, x2, y2\), got 3 in .*m.csv, line 2"),
        (b"x1,y1,x2,y2\n1,2,3,4,5", "Expected 4 numbers .* got 5 in .*, line 2"),
        (b"1,2,,4", "Expected a number, got '' in .*, line 1"),
        (b"1,2,1_0,4", "got '1_0'"),
        (b"1,2,3,4\n1,nan,3,4", "finite numbers, got 'nan' in .*, line 2"),
        (b"1,2,3,-inf", "finite numbers, got '-inf'"),
        (b"a,b,c,d\n1,2,3,4", "columns x1, y1, x2, y2, or four numbers, got 'a, b, c, d'"),
        (b"x1,x1,y1,x2,y2\n1,1,2,3,4", "columns x1, y1"),
        (b"\x89PNG\r\n\xff", "numbers as text, got other bytes"),
        (b"1 1 1\n1 1 1\n1 1 1", "singular matrix"),
        (b"1 0 0\n0 1 nan\n0 0 1", "finite"),
        (b"1 0 0\n0 1 0", "Expected 4 numbers .*, got 3"),
        ("1 0 0 0 1 0 0 0", "nine numbers of a homography in column 'matches', got 8"),
        ("missing.csv", "Expected column 'matches' to name a file, got 'missing.csv'"),
        ("a\\b.csv", "Write forward slashes"),
        ("a\0b.csv", "which does not exist"),
        ("x" * 5000, "which does not exist"),
        ("https://example.org/m.csv", "got the address .* Download"),
        (".", "does not exist"),
        ([[1, 2, 3]], r"four numbers \(x1, y1, x2, y2\) a match .*, got 3 at place 1"),
        ([[1, 2, 3, 4], [1, 2, 3]], "got 3 at place 2"),
        ([[1, 2, 3, "4"]], r"lists of numbers in column 'matches', got \[1, 2, 3, '4'\]"),
        ([1, 2, 3, 4], "got 1 at place 1"),
        ([[True, 2, 3, 4]], "lists of numbers"),
        ([[10**400, 0, 0, 0]], "number too large"),
        ({"x1": 1}, r"a path or numbers, got \{'x1': 1\}"),
    ],
)
def test_what_is_neither(read, value, message):
    with pytest.raises(InputError, match=message):
        read(value)


def test_matches_are_no_homography(read):
    with pytest.raises(InputError, match="belong in column 'matches'"):
        read(b"1,2,3,4", "homography")


def test_large_files_are_refused(read, monkeypatch):
    monkeypatch.setattr("embedsvc.datasets.match_files._MOST_BYTES", 10)
    with pytest.raises(InputError, match="at most 10 bytes"):
        read(b"1,2,3,4\n" * 10)


def test_numbers_are_not_rounded(read):
    assert np.array(read("0.1 0 5.123456789 0 0.1 0 0 0 1", "homography"))[0, 2] == 5.123456789
