"""CSV and TSV as people and programs really write them."""

import csv
import gzip

import pytest

from embedsvc.extract import streams
from embedsvc.extract.rows import Reject, Row, SourceOptions
from embedsvc.extract.sources import open_sources


@pytest.fixture
def read(tmp_path):
    def read(content, name="a.csv", **options):
        data = content if isinstance(content, bytes) else content.encode()
        path = tmp_path / name
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return list(open_sources([str(path)], SourceOptions(**options)).rows())

    return read


def summary(items):
    """(line, text) of each row, (line, None) of each reject."""
    return [(item.line, item.text if isinstance(item, Row) else None) for item in items]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("text,n\na,1\nb,2\n", [(2, "a"), (3, "b")]),
        ("text,n\r\na,1\r\nb,2", [(2, "a"), (3, "b")]),
        ("\ufefftext,n\na,1\n", [(2, "a")]),
        ('\ufeff"text",n\na,1\n', [(2, "a")]),
        ('n,text\n1,"a\nb\n\nc"\n2,d\n', [(2, "a\nb\n\nc"), (6, "d")]),
        ('n,text\r\n1,"a\r\nb"\r\n2,d\r\n', [(2, "a\r\nb"), (4, "d")]),
        ('"te\nxt",n\na,1\n', None),
        ('text,n\n"say ""hi"", ok",1\n', [(2, 'say "hi", ok')]),
        ('text,n\n,1\n"",2\n', [(2, ""), (3, "")]),
        ('text,n\n5" pipe,1\n', [(2, '5" pipe')]),
        ("text,n\na\x0bb\u2028c,1\n", [(2, "a\x0bb\u2028c")]),
        ('text,n\n"a\rb",1\nc,2\n', [(2, "a\rb"), (3, "c")]),
        ("text,n\ra,1\rb,2\r", [(2, "a"), (3, "b")]),
        ("text\na\n\nb\n\n\n", [(2, "a"), (3, ""), (4, "b")]),
        ("text\r\na\r\n\r\nb\r\n\r\n", [(2, "a"), (3, ""), (4, "b")]),
        ("text,n\na,1\n\n\n", [(2, "a")]),
        ("text,n\na,1\n\n\nb,2\n", [(2, "a"), (3, None), (4, None), (5, "b")]),
        ("text,n\na\nb,1,2\nc,3\n", [(2, None), (3, None), (4, "c")]),
        ('text,n\n"a\nb"\nc,3\n', [(2, None), (4, "c")]),
        ("text,text2\n a , b \n", [(2, " a ")]),
        ("review\na\n", [(2, "a")]),
    ],
)
def test_records_and_their_lines(read, content, expected, name):
    items = read(content, name)
    if expected is None:
        assert items[0].line is None
    else:
        assert summary(items) == expected


def test_tsv_quotes_like_csv(read):
    rows = read('id\ttext\n1\t"a\tb"\n2\tc, "d"\n', "a.tsv", id_column="id")
    assert [(row.id, row.text) for row in rows] == [("1", "a\tb"), ("2", 'c, "d"')]


def test_positions_count_rejected_rows(read):
    items = read("text,n\na\n\nb,1\n")
    assert summary(items) == [(2, None), (3, None), (4, "b")]
    assert items[2].id == "2"


def test_ids_and_columns(read):
    rows = read(
        "id,a,text,b\n🎉,1,x,\n007,2,y,z\n", id_column="id", include_columns=("b", "id", "text")
    )
    assert [(row.id, row.text) for row in rows] == [("🎉", "x"), ("007", "y")]
    assert rows[1].columns == {"b": "z", "id": "007", "text": "y"}


def test_an_empty_id_is_a_reject(read):
    items = read("id,text\n,x\n1,y\n", id_column="id")
    assert summary(items) == [(2, None), (3, "y")]
    assert "'id', got an empty one" in items[0].reason


@pytest.mark.parametrize(
    ("content", "expected_line", "message"),
    [
        ("text,n\na,1,2\n", 2, "Expected 2 fields as in the header, got 3 fields"),
        ("text,n\na\n", 2, "got 1 field. Put"),
        ("text\na,b\n", 2, "Expected 1 field as in the header, got 2 fields"),
        ("text,n\n\na,1\n", 2, "blank line"),
        ('text,n\n"a"b,1\nc,2\n', 2, "read up to line 2). Double the quotes"),
        ('text,n\n"a\nb"c,1\nd,2\n', 2, "read up to line 3). Double the quotes"),
        ('text,n\n"a,1\nb,2\nc,3\n', 2, "a quote opened in line 2 that is still open"),
        ('text,n\n"a\nb","c,3\nd,4\n', 2, "a quote opened in line 3 that is still open"),
        ('text,n\n"a ""b""\n""c"" d,1\n', 2, "a quote opened in line 2 that is still open"),
        ("text,n\na\rb,1\nc,2\n", 2, "carriage return in the middle"),
        (b"text,n\ncaf\xe9,1\n", 2, "0xE9"),
    ],
)
def test_a_record_with_a_defect(read, content, expected_line, message):
    reject = read(content)[0]
    assert isinstance(reject, Reject)
    assert reject.where == f"a.csv, line {expected_line}"
    assert message in reject.reason
    assert 0 < len(reject.excerpt) <= 200 or "blank line" in message


def test_reading_goes_on_after_a_broken_record(read):
    items = read('text,n\n"a"b,1\nc,2\n"d\ne"f,3\ng,4\nh\n"i,5\nj,6\n')
    assert summary(items) == [(2, None), (3, "c"), (4, None), (6, "g"), (7, None), (8, None)]
    assert [item.id for item in items if isinstance(item, Row)] == ["1", "3"]


def test_bad_bytes_outside_the_columns_used_do_no_harm(read):
    content = b"id,text,name\n1,ok,caf\xe9\n"
    (row,) = read(content)
    assert row.text == "ok"
    (reject,) = read(content, include_columns=("name",))
    assert "the column 'name'" in reject.reason
    (reject,) = read(content, id_column="name")
    assert "the id" in reject.reason
    (row,) = read(content, include_columns=("name",), encoding="cp1252")
    assert row.columns == {"name": "café"}


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("", {}, "empty file"),
        ("\n\ntext\n", {}, "blank first line"),
        ("text,n\n", {}, "at least one row"),
        ("text,n\n\n\n", {}, "at least one row"),
        ("text", {}, "at least one row"),
        ('"text,n\na,1\n', {}, "header row cannot be read"),
        ("id,review\n1,a\n", {}, "got 'id', 'review'. Say with --column"),
        ("id,review\n1,a\n", {"column": "reviw"}, "Did you mean 'review'? Pass --column"),
        ("id,text\n1,a\n", {"id_column": "ids"}, "Did you mean 'id'? Pass --id-column"),
        ("id,text\n1,a\n", {"include_columns": ("zzz",)}, "Pass --include-columns"),
        ("text,text\na,b\n", {}, "got 2 of that name"),
        ("text,id,id\na,b,c\n", {"id_column": "id"}, "got 2 of that name"),
        ("id;text\n1;a\n", {}, "separated by ';'"),
        ("id\ttext\n1\ta\n", {}, "--format tsv"),
        (",".join(f"c{at}" for at in range(10_000)) + "\n", {}, "'c9' and 9,990 more"),
        ("TEXT,b\na,b\n", {}, "Expected a column 'text'"),
    ],
)
def test_defects_of_a_whole_file(read, content, options, message):
    (reject,) = read(content, **options)
    assert isinstance(reject, Reject)
    assert (reject.line, reject.where) == (None, "a.csv")
    assert message in reject.reason
    assert len(reject.reason) < 1000
    assert len(reject.excerpt) <= 200


def test_duplicate_names_that_do_not_matter(read):
    (row,) = read("text,n,n,,\na,1,2,,\n")
    assert row.text == "a"


def test_a_semicolon_in_a_column_named_on_purpose(read):
    (row,) = read("text; raw\na\n", column="text; raw")
    assert row.text == "a"


def test_a_header_of_ten_thousand_columns(read):
    names = [f"c{at}" for at in range(10_000)]
    items = read(",".join(names) + "\n" + ",".join(names) + "\n", column="c9999", id_column="c0")
    assert [(row.id, row.text) for row in items] == [("c0", "c9999")]


@pytest.mark.parametrize(
    ("middle", "lines"),
    [
        ("x" * 500 + ",1\n", 1),
        ('"' + "x" * 500 + '",1\n', 1),
        ('"' + "xxxxxxxx\n" * 11 + '",1\n', 12),
        ('"' + 'x,""xx""\n' * 11 + 'y","1"\n', 12),
    ],
)
def test_an_overlong_record_is_skipped(read, monkeypatch, middle, lines):
    monkeypatch.setattr(streams, "MAX_LINE", 90)
    items = read("text,n\na,1\n" + middle + "b,2\nc,3\n")
    assert summary(items[:2]) == [(2, "a"), (3, None)]
    assert "at most 90 characters" in items[1].reason
    assert summary(items)[-1] == (4 + lines, "c")


def test_an_overlong_quote_that_never_closes(read, monkeypatch):
    monkeypatch.setattr(streams, "MAX_LINE", 90)
    items = read('text,n\n"a,1\n' + "b,2\n" * 1000)
    assert summary(items) == [(2, None)]


def test_an_overlong_line_inside_a_record(read, monkeypatch):
    monkeypatch.setattr(streams, "MAX_LINE", 90)
    items = read('text,n\na,1\n"b\n' + "x" * 500 + "\nc,2\n")
    assert summary(items) == [(2, "a"), (3, None), (5, "c")]


def test_the_field_limit_is_raised_and_never_lowered(read):
    before = csv.field_size_limit(1000)
    try:
        (row,) = read("text,n\n" + "x" * 300_000 + ",1\n")
        assert len(row.text) == 300_000
        assert csv.field_size_limit() == streams.MAX_LINE + 1
        csv.field_size_limit(1 << 40)
        read("text,n\na,1\n")
        assert csv.field_size_limit() == 1 << 40
    finally:
        csv.field_size_limit(before)


def test_nul_later_in_the_file_is_text(read):
    items = read("text,n\n" + "a,1\n" * 2000 + "x\0y,2\n")
    assert items[-1].text == "x\0y"
