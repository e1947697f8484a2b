"""Text a line, JSON lines, and what can be wrong with a whole text file."""

import gzip
import itertools
import random
import tracemalloc

import pytest

from embedsvc.extract import streams
from embedsvc.extract.rows import Reject, Row, SourceOptions
from embedsvc.extract.sources import open_sources


@pytest.fixture
def read(tmp_path):
    def read(name, content, **options):
        data = content if isinstance(content, bytes) else content.encode()
        path = tmp_path / name
        path.write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
        return list(open_sources([str(path)], SourceOptions(**options)).rows())

    return read


def only_reject(items):
    (reject,) = items
    assert isinstance(reject, Reject)
    assert len(reject.excerpt) <= 200
    assert reject.excerpt.isprintable()
    return reject


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a\nb", ["a", "b"]),
        ("a\nb\n", ["a", "b"]),
        ("a\r\nb\r\n", ["a", "b"]),
        ("a\r\r\nb", ["a\r", "b"]),
        ("\n", [""]),
        ("a\n\n\nb\n\n", ["a", "", "", "b", ""]),
        ("a\x0bb\x0cc\x85d\u2028e\rf\n", ["a\x0bb\x0cc\x85d\u2028e\rf"]),
        ("\ufeffa\n\ufeffb", ["a", "\ufeffb"]),
        ('"a, b"\n', ['"a, b"']),
        ("  a  \t\n", ["  a  \t"]),
        ("日本語 🎉\n", ["日本語 🎉"]),
    ],
)
def test_txt_splits_at_newlines_alone(read, content, expected, suffix):
    rows = read("a.txt" + suffix, content)
    assert [row.text for row in rows] == expected
    assert [row.line for row in rows] == list(range(1, len(expected) + 1))
    assert [row.id for row in rows] == [str(at) for at in range(len(expected))]
    assert all(row.columns == {} for row in rows)


def test_txt_undecodable_row_names_the_byte(read):
    first, reject, last = read("a.txt", b"good\ncaf\xe9 \xff\ngood\n")
    assert (first.id, last.id, reject.where) == ("0", "2", "a.txt, line 2")
    assert "0xE9" in reject.reason
    assert "--encoding latin-1" in reject.reason
    assert reject.excerpt == "caf\\xe9 \\xff\\n".removesuffix("\\n")
    fixed = read("a.txt", b"good\ncaf\xe9 \xff\ngood\n", encoding="latin-1")
    assert [row.text for row in fixed] == ["good", "café ÿ", "good"]


@pytest.mark.parametrize(
    ("encoding", "python"),
    [
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
        ("cp1252", "cp1252"),
        ("utf8", "utf-8-sig"),
        ("UTF-8-SIG", "utf-8"),
    ],
)
def test_encodings(read, encoding, python):
    rows = read("a.csv", "text,n\ncafé\u2026,1\n".encode(python), encoding=encoding)
    assert [row.text for row in rows] == ["café\u2026"]


@pytest.mark.parametrize("mark", ["utf-16", "utf-32"])
@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.jsonl"])
def test_a_wide_encoding_is_recognized(read, name, mark):
    reject = only_reject(read(name, "text\nx\n".encode(mark)))
    assert reject.line is None
    assert f"--encoding {mark}" in reject.reason


def test_utf16_without_a_mark_is_one_reject(read):
    reject = only_reject(read("a.txt", "a\n".encode("utf-16-le"), encoding="utf-16"))
    assert "--encoding utf-16-le" in reject.reason


def test_wrong_wide_encoding_is_one_reject(read):
    reject = only_reject(read("a.txt", b"\xff\xfea\0b\0c", encoding="utf-16"))
    assert reject.line is None
    assert "--encoding" in reject.reason


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" * 300, "looks like a binary file"),
        (b"abc\n" * 1000 + b"\0" + b"abc\n" * 1000, "looks like a binary file"),
        (gzip.compress(b"text", mtime=0), "ending .gz"),
        (b"PK\x03\x04" + b"x" * 100, "Save the sheet as CSV"),
        (b"PAR1" + b"x" * 100, "--format parquet"),
    ],
)
@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.tsv", "a.jsonl", "b.txt.gz"])
def test_binary_files_are_one_reject(read, name, content, message):
    reject = only_reject(read(name, content))
    assert reject.where == name
    assert message in reject.reason


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv", "a.tsv", "a.txt.gz"])
def test_an_empty_file_is_one_reject(read, name):
    reject = only_reject(read(name, b""))
    assert reject.line is None
    assert reject.where == name


@pytest.mark.parametrize("cut", [5, 12, -9, -4, -1])
def test_truncated_gzip_is_one_reject_after_the_good_rows(tmp_path, cut):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"".join(b"row %d\n" % at for at in range(50_000)))[:cut])
    items = list(open_sources([str(path)], SourceOptions()).rows())
    assert isinstance(items[-1], Reject)
    assert items[-1].line is None
    assert "gzip" in items[-1].reason
    assert all(isinstance(item, Row) for item in items[:-1])
    assert cut > 0 or len(items) > 40_000


@pytest.mark.parametrize("at", [0, 3, 500, -6])
def test_corrupt_gzip_is_one_reject(tmp_path, at):
    data = bytearray(gzip.compress(b"".join(b"row %d\n" % at for at in range(5000))))
    for offset in range(4):
        data[at + offset - (4 if at == -6 else 0)] ^= 0xFF
    path = tmp_path / "a.csv.gz"
    path.write_bytes(data)
    items = list(open_sources([str(path)], SourceOptions()).rows())
    assert items[-1].line is None
    assert "gzip" in items[-1].reason


def test_not_gzip_at_all(tmp_path):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(b"plain text")
    reject = only_reject(open_sources([str(path)], SourceOptions()).rows())
    assert "whole gzip file" in reject.reason


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.txt.gz"])
def test_an_overlong_line_is_skipped(read, monkeypatch, name):
    monkeypatch.setattr(streams, "MAX_LINE", 30)
    good = '{"text": "good"}\n'
    first, reject, second, last = read(name, good + "x" * 3_000_000 + "\n" + good + "y" * 100)
    assert (first.id, second.id) == ("0", "2")
    assert (reject.line, second.line, last.line) == (2, 3, 4)
    assert "at most 30 characters" in reject.reason
    assert reject.excerpt.startswith("xxx")
    assert isinstance(last, Reject)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_longest_line_allowed_is_read(read, monkeypatch, end):
    monkeypatch.setattr(streams, "MAX_LINE", 32)
    (row,) = read("a.txt", "x" * 31 + end)
    assert row.text == "x" * 31


def test_jsonl_ids_and_columns(read):
    lines = [
        '{"id": 7, "text": "a", "n": {"deep": [1, null]}, "s": "x"}',
        "",
        "   \t ",
        '{"text": "b", "id": "🎉"}',
        '{"text": "", "id": -1, "s": 1.5}',
    ]
    rows = read("a.jsonl", "\r\n".join(lines), id_column="id", include_columns=("s", "n"))
    assert [(row.id, row.text, row.line) for row in rows] == [
        ("7", "a", 1),
        ("🎉", "b", 4),
        ("-1", "", 5),
    ]
    assert rows[0].columns == {"s": "x", "n": {"deep": [1, None]}}
    assert rows[1].columns == {"s": None, "n": None}
    assert rows[2].columns == {"s": 1.5, "n": None}


def test_jsonl_blank_lines_take_no_position(read):
    rows = read("a.jsonl", '\n\n{"text": "a"}\nbad\n\n{"text": "b"}\n\n')
    assert [(row.line, getattr(row, "id", None)) for row in rows] == [(3, "0"), (4, None), (6, "2")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": "a"', "not JSON"),
        ("{'text': 'a'}", "not JSON"),
        ('{"text": NaN}', "not JSON"),
        ('{"text": "a"}{"text": "b"}', "not JSON"),
        ('{"text": "\\ud800"}', "not JSON"),
        ("[" * 5000, "not JSON"),
        ('["a"]', "got an array"),
        ('"a"', "got a string"),
        ("3", "got a number"),
        ("null", "got null"),
        ("{}", "got no columns"),
        ('{"texts": "a", "b": 1}', "got 'texts', 'b'. Did you mean 'texts'"),
        ('{"text": null}', "the text is null"),
        ('{"text": 3}', "got a number"),
        ('{"text": 3.5}', "got a number"),
        ('{"text": true}', "got a boolean"),
        ('{"text": ["a"]}', "got an array"),
        ('{"text": {"a": "b"}}', "got an object"),
        (b'{"text": "caf\xe9"}', "0xE9"),
    ],
)
def test_jsonl_defects_cost_one_row(read, line, message):
    line = line if isinstance(line, bytes) else line.encode()
    good = b'{"text": "good"}\n'
    first, reject, last = read("a.jsonl", good + line + b"\n" + good)
    assert (first.id, last.id, last.line) == ("0", "2", 3)
    assert reject.where == "a.jsonl, line 2"
    assert message in reject.reason
    assert len(reject.excerpt) <= 200


@pytest.mark.parametrize("value", ["null", '""', "1.0", "true", "[1]", '{"a": 1}', "1e400", None])
def test_jsonl_bad_ids(read, value):
    line = '{"text": "a"}' if value is None else f'{{"text": "a", "id": {value}}}'
    reject = only_reject(read("a.jsonl", line, id_column="id"))
    assert reject.line == 1


def test_jsonl_other_column(read):
    (row,) = read("a.jsonl", '{"body": "a", "text": 3}', column="body")
    assert row.text == "a"


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.jsonl"])
def test_memory_stays_bounded(tmp_path, name):
    line = '{"text": "%s"}\n' if name == "a.jsonl" else '"%s"\n'
    path = tmp_path / name
    with path.open("w") as file:
        file.write("text\n" if name == "a.csv" else "")
        file.writelines(itertools.repeat(line % ("word " * 100), 100_000))
    assert path.stat().st_size > 50_000_000
    tracemalloc.start()
    try:
        count = sum(1 for _ in open_sources([str(path)], SourceOptions()).rows())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count >= 100_000
    assert peak < 5_000_000


def test_one_endless_line_is_not_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "MAX_LINE", 1 << 20)
    path = tmp_path / "a.txt.gz"  # A gzip bomb of 50 MB in one line.
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(50):
            file.write(b"x" * 1_000_000)
    tracemalloc.start()
    try:
        (reject,) = open_sources([str(path)], SourceOptions()).rows()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert reject.line == 1
    assert peak < 10_000_000


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.tsv", "a.jsonl"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "shift_jis", "ascii", "idna"])
def test_random_bytes_never_raise_and_positions_stay_stable(read, name, encoding):
    pieces = [b'"', b'""', b",", b"\t", b"\n", b"\r\n", b"\r", b"text", b'{"text":', b'"x"}']
    pieces += [b"\xe9", b"\xff\xfe", b"\0", "é🎉".encode(), b"\xef\xbb\xbf", b"\xed\xa0\x80", b"["]
    pick = random.Random(name + encoding)
    for _ in range(300):
        data = b"text,a\n" + b"".join(pick.choices(pieces, k=pick.randrange(40)))
        position = 0
        for item in read(name, data, encoding=encoding):
            if isinstance(item, Row):
                assert item.id == str(position)
                item.text.encode("utf-8")
            else:
                assert f"{item.where}{item.reason}{item.excerpt}".isprintable()
                assert item.reason.endswith(".")
            position += item.line is not None
