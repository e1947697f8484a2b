"""Rows of results in every format, whole or not at all."""

import errno
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedsvc import __version__
from embedsvc.errors import InputError, OutputError, ResumeError
from embedsvc.tables import row_files
from embedsvc.tables.results import plan_results, write_results
from embedsvc.tables.row_files import read_metadata

TABLE = pa.table(
    {
        "id": ["a", 'b,"\n'],
        "score": pa.array([0.1, None], pa.float32()),
        "exact": [0.1, 1e300],
        "yes": [True, None],
        "list": [["x", "y"], []],
    }
)


def write(path, stream=None, **options):
    stream = io.BytesIO() if stream is None else stream
    return write_results(path, TABLE, stream, metadata={"made_by": "test"}, **options)


def test_csv(tmp_path):
    assert write(tmp_path / "sub" / "out.csv", extras={"more.json": {"k": 1}}) == [
        tmp_path / "sub" / "out.csv.more.json"
    ]
    assert (tmp_path / "sub" / "out.csv").read_text() == (
        'id,score,exact,yes,list\na,0.1,0.1,true,"x,y"\n"b,""\n",,1e+300,,\n'
    )
    assert read_metadata(tmp_path / "sub" / "out.csv") == {
        "version": __version__,
        "made_by": "test",
    }
    assert json.loads((tmp_path / "sub" / "out.csv.more.json").read_text()) == {"k": 1}


def test_jsonl_and_a_stream_are_the_same(tmp_path):
    stream = io.BytesIO()
    write(tmp_path / "out.jsonl")
    assert write(None, stream, extras={"more.json": {}}) == []
    assert stream.getvalue() == (tmp_path / "out.jsonl").read_bytes()
    first = json.loads(stream.getvalue().splitlines()[0])
    assert first == {"id": "a", "score": 0.1, "exact": 0.1, "yes": True, "list": ["x", "y"]}


def test_parquet(tmp_path):
    write(tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == TABLE.to_pylist()
    assert read_metadata(tmp_path / "out.parquet")["made_by"] == "test"


def test_where_results_may_go(tmp_path):
    standing = tmp_path / "out.csv"
    assert plan_results("-", [], overwrite=False) is None
    assert plan_results(str(standing), [], overwrite=False) == standing
    standing.write_text("precious")
    with pytest.raises(ResumeError, match="add --overwrite to replace it"):
        plan_results(str(standing), [], overwrite=False)
    assert plan_results(str(standing), [], overwrite=True) == standing
    with pytest.raises(InputError, match="as both"):
        plan_results(str(standing), [standing], overwrite=True)
    with pytest.raises(InputError, match=r"ends in .csv, .jsonl, .parquet, or - for JSON lines"):
        plan_results("out.xlsx", [], overwrite=False)
    (tmp_path / "dir.csv").mkdir()
    with pytest.raises(OutputError, match="got a folder"):
        plan_results(str(tmp_path / "dir.csv"), [], overwrite=True)


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    write(tmp_path / "out.csv")
    before = (tmp_path / "out.csv").read_bytes()

    def full(file, rows):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setitem(row_files._WRITERS, ".csv", full)
    with pytest.raises(OutputError, match=r"write .*out.csv, but .*disk is full"):
        write(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["out.csv", "out.csv.metadata.json"]


@pytest.mark.parametrize(
    ("raised", "expected"), [(BrokenPipeError(), BrokenPipeError), (OSError(28, "x"), OutputError)]
)
def test_a_stream_that_ends(raised, expected):
    class Ending(io.BytesIO):
        def write(self, _):
            raise raised

    with pytest.raises(expected):
        write(None, Ending())
