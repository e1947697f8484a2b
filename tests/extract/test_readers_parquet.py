"""Parquet as other programs write it, and as a bad disk or a stranger leaves it."""

import datetime
import itertools
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedsvc.extract.rows import Reject, Row, SourceOptions
from embedsvc.extract.sources import open_sources


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.parquet"


def read(path, **options):
    return list(open_sources([str(path)], SourceOptions(**options)).rows())


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.dictionary(pa.int32(), pa.string()),
        pa.dictionary(pa.int8(), pa.large_string()),
    ],
)
def test_string_types_and_nulls(path, kind):
    pq.write_table(pa.table({"text": pa.array(["a", None, "", "é🎉"]).cast(kind)}), path)
    items = read(path)
    assert [(item.line, getattr(item, "text", None)) for item in items] == [
        (1, "a"),
        (2, None),
        (3, ""),
        (4, "é🎉"),
    ]
    assert items[1].where == "a.parquet, row 2"
    assert "text is null" in items[1].reason
    assert [item.id for item in items if isinstance(item, Row)] == ["0", "2", "3"]


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint8(), pa.string(), pa.large_string()])
def test_ids(path, kind):
    ids = pa.array(["7", None, "9"]).cast(kind)
    pq.write_table(pa.table({"key": ids, "text": ["a", "b", "c"]}), path)
    items = read(path, id_column="key")
    assert [getattr(item, "id", None) for item in items] == ["7", None, "9"]
    assert "got null or nothing" in items[1].reason


@pytest.mark.parametrize(
    "ids", [[1.0], [True], [[1]], [{"a": 1}], [b"x"], [None], [datetime.date(2020, 1, 1)]]
)
def test_ids_of_other_types_are_one_reject(path, ids):
    pq.write_table(pa.table({"key": ids, "text": ["a"]}), path)
    (reject,) = read(path, id_column="key")
    assert reject.line is None
    assert "strings or integers" in reject.reason


@pytest.mark.parametrize("values", [[1], [1.5], [b"x"], [["a"]], [{"a": "b"}], [None], [True]])
def test_a_text_column_of_another_type_is_one_reject(path, values):
    pq.write_table(pa.table({"text": values}), path)
    (reject,) = read(path)
    assert (reject.line, reject.where) == (None, "a.parquet")
    assert f"got the type {pq.read_schema(path).field(0).type}" in reject.reason


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (["id", "review"], {}, "got 'id', 'review'. Say with --column"),
        (["id", "review"], {"column": "revew"}, "Did you mean 'review'?"),
        (["id", "text"], {"id_column": "key"}, "Pass --id-column"),
        (["id", "text"], {"include_columns": ("key",)}, "Pass --include-columns"),
        (["text", "text"], {}, "got 2 of that name"),
    ],
)
def test_missing_columns(path, names, options, message):
    pq.write_table(pa.Table.from_arrays([pa.array(["a"])] * len(names), names=names), path)
    (reject,) = read(path, **options)
    assert reject.line is None
    assert message in reject.reason


def test_the_only_column_and_dotted_names(path):
    pq.write_table(pa.table({"a.b": ["x"]}), path)
    assert [row.text for row in read(path)] == ["x"]
    pq.write_table(pa.table({"a.b": ["x"], "a": [1], "n": [{"text": "z"}]}), path)
    assert [row.text for row in read(path, column="a.b", include_columns=("a",))] == ["x"]


def test_columns_keep_their_values(path):
    day = datetime.datetime(2024, 5, 1, 12, 30, 0, 1)
    table = pa.table(
        {
            "text": ["a", "b"],
            "n": [1, None],
            "list": [[1, 2], []],
            "when": pa.array([1_714_566_600_000_001_999, None], pa.timestamp("ns")),
            "wait": pa.array([1_001, None], pa.duration("ns")),
            "at": pa.array([1_001, None], pa.time64("ns")),
            "label": pa.array(["x", None]).dictionary_encode(),
        }
    )
    pq.write_table(table, path)
    first, second = read(path, include_columns=("n", "list", "when", "wait", "at", "label"))
    assert first.columns == {
        "n": 1,
        "list": [1, 2],
        "when": day,
        "wait": datetime.timedelta(microseconds=1),
        "at": datetime.time(0, 0, 0, 1),
        "label": "x",
    }
    assert second.columns["n"] is None


@pytest.mark.parametrize("dictionary", [False, True])
def test_strings_that_are_not_utf8(path, dictionary):
    raw = pa.array([b"good", b"caf\xe9", None])
    column = pa.StringArray.from_buffers(3, raw.buffers()[1], raw.buffers()[2], raw.buffers()[0])
    pq.write_table(pa.table({"text": column}), path, use_dictionary=dictionary)
    good, bad, null = read(path)
    assert good.text == "good"
    assert "0xE9" in bad.reason
    assert "--encoding" not in bad.reason
    assert null.where == "a.parquet, row 3"


def test_an_empty_table_is_one_reject(path):
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), path)
    (reject,) = read(path)
    assert "at least one row" in reject.reason


@pytest.mark.parametrize("content", [b"", b"PAR1", b"text\nx\n", b"PAR1" + b"\xff" * 50 + b"PAR1"])
def test_not_parquet(path, content):
    path.write_bytes(content)
    (reject,) = read(path)
    assert (reject.line, reject.where) == (None, "a.parquet")
    assert "Write the file anew" in reject.reason
    assert str(path.parent) not in reject.reason


def test_broken_in_the_middle(path):
    table = pa.table({"text": [f"row {at}" for at in range(50_000)]})
    pq.write_table(table, path, row_group_size=10_000, compression="zstd", use_dictionary=False)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 5000] = b"\xff" * 5000
    path.write_bytes(data)
    items = list(itertools.chain(read(path)))
    assert isinstance(items[-1], Reject)
    assert items[-1].line is None
    assert "error after row" in items[-1].reason
    assert len(items) > 10_000
    assert all(isinstance(item, Row) for item in items[:-1])


def test_random_damage_never_raises(path):
    pq.write_table(pa.table({"id": range(500), "text": ["some text"] * 500}), path)
    whole = path.read_bytes()
    for at in range(4, len(whole), 13):
        data = bytearray(whole)
        data[at] ^= 0x55
        path.write_bytes(data)
        assert all(isinstance(item, Row | Reject) for item in read(path, id_column="id"))


def test_memory_and_files_stay_bounded(path):
    pq.write_table(pa.table({"text": ["word " * 100] * 60_000}), path, use_dictionary=False)
    pa.default_memory_pool().release_unused()
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    try:
        rows = open_sources([str(path)], SourceOptions()).rows()
        peak_arrow = 0
        for at, _ in enumerate(rows):
            if at % 1000 == 0:
                peak_arrow = max(peak_arrow, pa.total_allocated_bytes() - before)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000
    assert peak_arrow < 20_000_000


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_an_abandoned_stream_closes_its_file(path):
    pq.write_table(pa.table({"text": ["x"] * 10_000}), path)
    fds = Path("/proc/self/fd")
    before = len(list(fds.iterdir()))
    rows = open_sources([str(path)], SourceOptions()).rows()
    next(rows)
    rows.close()
    assert len(list(fds.iterdir())) == before
