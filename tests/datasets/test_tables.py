"""Tables as people and programs write them; what is wrong is named with its line."""

import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedsvc.datasets.tables import open_table
from embedsvc.errors import InputError

WANTED = ("path", "label", "group")


@pytest.fixture
def write(tmp_path):
    def write(content, name="t.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def rows(path):
    return [
        (row.line, row.text("path"), row.text("label")) for row in open_table(path, WANTED).rows
    ]


@pytest.fixture(autouse=True)
def _usual_field_limit():
    """The limit is the process's, and readers of long texts raise it."""
    before = csv.field_size_limit(131_072)
    yield
    csv.field_size_limit(before)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("path,label\na,1\nb,0\n", [(2, "a", "1"), (3, "b", "0")]),
        ("path,label\r\na,1\r\n", [(2, "a", "1")]),
        ("\ufeff Path , LABEL\n a , 1 \n", [(2, "a", "1")]),
        ('"path","label"\n"a\nb",1\n\n\nc,0\n', [(2, "a\nb", "1"), (6, "c", "0")]),
        ("\nlabel,path,\n1,a,\n", [(3, "a", "1")]),
        ("path\na\n", [(2, "a", "")]),
    ],
)
def test_csv(write, content, expected):
    assert rows(write(content)) == expected


def test_tsv(write):
    assert rows(write('path\tlabel\n"a, b"\t1\n', "t.TSV")) == [(2, "a, b", "1")]


def test_json_lines(write):
    content = '\ufeff{"Path": "a", "label": true}\n\n{"path": "b", "label": null}\n{"path": "c"}'
    assert rows(write(content, "t.jsonl")) == [(1, "a", "true"), (3, "b", ""), (4, "c", "")]


def test_parquet(tmp_path):
    table = {
        "Path": ["a", "b", "c", None],
        "label": [0.0, 1.0, float("nan"), None],
        "vector": [[1.0]] * 4,
    }
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table(table), path, row_group_size=3)
    opened = open_table(path, WANTED)
    assert opened.columns == ("path", "label", "vector")
    read = list(opened.rows)
    assert [row.text("path") for row in read] == ["a", "b", "c", ""]
    assert [row.text("label") for row in read] == ["0", "1", "", ""]
    assert "vector" not in read[0].values
    assert read[3].where == f"{path}, row 4"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1.0, "1"),
        (0.5, "0.5"),
        (True, "true"),
        (False, "false"),
        (None, ""),
        (" a ", "a"),
    ],
)
def test_texts_of_values(write, value, text):
    path = write(json.dumps({"path": value}), "t.jsonl")
    assert next(open_table(path, WANTED).rows).text("path") == text


def test_a_value_that_is_no_text(write):
    row = next(open_table(write('{"path": ["a"]}', "t.jsonl"), WANTED).rows)
    with pytest.raises(InputError, match=r"column 'path', got list in .*t.jsonl, line 1"):
        row.text("path")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "", "got no row"),
        ("t.csv", "path\n", "got no row"),
        ("t.jsonl", "\n", "got no row"),
        ("t.txt", "path\na\n", "ends in .csv, .tsv, .jsonl, .ndjson, .parquet, got '.*t.txt'"),
        ("t.csv", "path,label\na,1\nb\n", r"Expected 2 fields .* got 1 in .*t.csv, line 3"),
        ("t.csv", "path,label\na,1\nb,c,d\n", r"got 3 in .*t.csv, line 3"),
        ("t.csv", 'path\na\n"b"c\n', r"error in .*t.csv, line 3"),
        ("t.csv", 'path\na\n"b\n', r"error in .*t.csv, line 3"),
        ("t.csv", "path\n" + "x" * 200_000 + "\n", r"t.csv, line 2: field larger"),
        ("t.csv", b"path\na\ngr\xf6\n", r"UTF-8 text, got other bytes in .*t.csv, line 3"),
        ("t.csv", "path\na\n".encode("utf-16"), r"UTF-8 text, got other bytes in .*t.csv, line 1"),
        ("t.csv", "path,label,Label\na,1,1\n", "got 'label' more than once"),
        ("t.jsonl", '{"path": "a"}\n{"path":\n', r"not JSON in .*t.jsonl, line 2"),
        ("t.jsonl", '["a"]\n', r"one JSON object a line, got a list in .*t.jsonl, line 1"),
        ("t.parquet", "path\n", r"readable table, got '.*t.parquet'"),
    ],
)
def test_broken_tables(write, name, content, message):
    path = write(content, name)
    with pytest.raises(InputError, match=message):
        rows(path)


@pytest.mark.parametrize("name", ["gone.csv", "gone.jsonl", "gone.parquet"])
def test_a_missing_table(tmp_path, name):
    with pytest.raises(InputError, match="readable table, got '.*gone"):
        rows(tmp_path / name)


def test_a_parquet_file_that_is_broken_further_down(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"path": ["a" * 50 + str(n) for n in range(2000)]}), path)
    content = bytearray(path.read_bytes())
    content[10:2000] = b"\xff" * 1990
    path.write_bytes(content)
    with pytest.raises(InputError, match="whole Parquet file"):
        rows(path)


def test_text_in_parquet_that_is_no_utf8(tmp_path):
    path = tmp_path / "t.parquet"
    column = pa.array([b"gr\xf6"]).cast(pa.large_binary()).view(pa.large_string())
    pq.write_table(pa.table({"path": column}), path)
    with pytest.raises(InputError, match="whole Parquet file"):
        rows(path)


def test_columns_are_found(write):
    table = open_table(write("name,label,extra\na,1,x\n"), WANTED)
    assert table.check_columns(("path", "name"), ("label", "group")) == "name"


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("file,label", "Expected a column 'path' in .*, got 'file', 'label'. Write the names"),
        ("pahts,label", "got 'pahts', 'label'. Is 'pahts' meant to be 'path'?"),
        ("path;label", "looks separated by ';'"),
        ("path,lable", "such as 'label' in .*, got 'lable'. Did you mean 'label'?"),
        ("path,label,groups", "got 'groups'. Did you mean 'group'?"),
        (",".join(f"c{n}" for n in range(20)), "'c11' and 8 more"),
    ],
)
def test_columns_that_are_missing_or_misspelt(write, header, message):
    table = open_table(write(f"{header}\n{header}\n"), WANTED)
    with pytest.raises(InputError, match=message):
        table.check_columns(("path",), ("label", "group"))


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_a_line_without_end_is_not_taken_into_memory(write, name, monkeypatch):
    monkeypatch.setattr("embedsvc.datasets.tables._MOST_LINE", 100)
    path = write("path\n" + "x" * 200 if name == "t.csv" else '{"path": "' + "x" * 200, name)
    line = 2 if name == "t.csv" else 1
    with pytest.raises(InputError, match=rf"at most 100 characters.*, line {line}\. "):
        list(open_table(path, WANTED).rows)


def test_messages_speak_of_what_the_rows_are_about(write):
    with pytest.raises(InputError, match="at least one pair"):
        open_table(write("image_a\n"), ("image_a",), noun="pair")
    with pytest.raises(InputError, match='Write {"image_a": "..."} on each line'):
        open_table(write("[1]", "t.jsonl"), ("image_a",))
