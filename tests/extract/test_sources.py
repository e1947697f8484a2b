"""Finding inputs: files, globs, standard input, and what is said when they are not usable."""

import gzip
import hashlib
import io
import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from embedsvc.errors import InputError
from embedsvc.extract.rows import Reject, SourceOptions
from embedsvc.extract.sources import open_sources


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(name, content):
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)


def pipe_in(monkeypatch, data):
    stream = io.TextIOWrapper(io.BytesIO(data))
    monkeypatch.setattr(sys, "stdin", stream)
    return stream


def texts(inputs, **options):
    return [row.text for row in open_sources(inputs, SourceOptions(**options)).rows()]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", "one\ntwo\n"),
        ("a.csv", "text\none\ntwo\n"),
        ("a.tsv", "id\ttext\n1\tone\n2\ttwo\n"),
        ("a.jsonl", '{"text": "one"}\n{"text": "two"}\n'),
        ("a.ndjson", '{"text": "one"}\n{"text": "two"}'),
        ("A.CSV", "text\none\ntwo\n"),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_format_by_ending(name, content, suffix):
    write(name + suffix, content)
    assert texts([name + suffix]) == ["one", "two"]


def test_format_option_wins_over_the_ending():
    write("a.csv", "x,y\nz\n")
    write("a.log", "x\n")
    assert texts(["a.csv", "a.log"], format="txt") == ["x,y", "z", "x"]


def test_inputs_are_read_in_order_and_positions_run_on():
    write("b.txt", "b0\nb1\n")
    write("a.csv", "text,n\na0,1\nragged\na2,3\n")
    write("c.jsonl", '{"text": "c0"}\n')
    rows = list(open_sources(["b.txt", "a.csv", "c.jsonl"], SourceOptions()).rows())
    assert [(row.id, row.text) for row in rows if not isinstance(row, Reject)] == [
        ("0", "b0"),
        ("1", "b1"),
        ("2", "a0"),
        ("4", "a2"),
        ("5", "c0"),
    ]
    assert rows[3].where == "a.csv, line 3"


def test_a_broken_file_takes_no_position():
    write("a.txt", "a\n")
    write("b.csv", "x,y\n1,2\n")
    write("c.txt", "c\n")
    first, second, third = open_sources(["a.txt", "b.csv", "c.txt"], SourceOptions()).rows()
    assert (first.id, second.where, second.line, third.id) == ("0", "b.csv", None, "1")


def test_globs_are_sorted_and_reach_down():
    for name in ("d/2.csv", "d/10.csv", "d/e/3.csv", "d/e/f/4.csv", "d/x.txt"):
        write(name, f"text\n{name}\n")
    assert texts(["d/*.csv"]) == ["d/10.csv", "d/2.csv"]
    assert texts(["d/**/*.csv"]) == ["d/10.csv", "d/2.csv", "d/e/3.csv", "d/e/f/4.csv"]
    assert texts([str(Path.cwd() / "d" / "e" / "*.csv")]) == ["d/e/3.csv"]
    assert texts(["d/[12].csv", "d/?.csv"]) == ["d/2.csv", "d/2.csv"]


def test_an_existing_path_wins_over_its_meaning_as_a_glob():
    write("a[1].txt", "literal\n")
    write("a1.txt", "glob\n")
    assert texts(["a[1].txt"]) == ["literal"]


def test_the_same_file_twice_is_read_twice():
    write("a.txt", "x\n")
    sources = open_sources(["a.txt", "a.txt"], SourceOptions())
    assert [row.id for row in sources.rows()] == ["0", "1"]
    assert sources.files == [Path("a.txt"), Path("a.txt")]
    assert len(sources.fingerprint()) == 2


def test_files_of_one_name_are_told_apart():
    write("x/a.txt", "\n")
    write("y/a.txt", "\n")
    where = [row.where for row in open_sources(["*/a.txt"], SourceOptions()).rows()]
    assert where == ["x/a.txt, line 1", "y/a.txt, line 1"]
    assert [row.where for row in open_sources(["x/a.txt"], SourceOptions()).rows()] == [
        "a.txt, line 1"
    ]


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        ([], {}, "list of inputs"),
        ("a.csv", {}, "list of inputs, got 'a.csv'"),
        ([""], {}, "got '', which does not exist"),
        (["missing.csv"], {}, "'missing.csv', which does not exist"),
        (["*.nothing"], {}, "matching '\\*.nothing', got no match"),
        (["fol*"], {}, "got no match"),
        (["folder"], {}, "a glob such as 'folder/\\*.csv'"),
        (["folder/"], {}, "a glob such as 'folder/\\*.csv'"),
        (["a.xlsx"], {}, "the ending '.xlsx'. Say with --format"),
        (["noending"], {}, "the ending ''. Say with --format"),
        (["a.parquet.gz"], {}, "compressed Parquet file. Decompress it"),
        (["-", "-"], {}, "at most once"),
        (["-"], {"format": "parquet"}, "Save it to a file"),
        (["-"], {"column": "text"}, "pass --format"),
        (["a.csv", "a.txt"], {"column": "text"}, "got a.txt: text of one row a line"),
        (["a.txt"], {"id_column": "id"}, "no columns"),
        (["a.txt"], {"include_columns": ("id",)}, "no columns"),
        (["x" * 5000], {}, "readable file"),
    ],
)
def test_unusable_inputs_are_refused_at_once(inputs, options, message):
    Path("folder").mkdir()
    for name in ("a.csv", "a.txt", "a.xlsx", "noending", "a.parquet.gz"):
        write(name, "text\n")
    with pytest.raises(InputError, match=message):
        open_sources(inputs, SourceOptions(**options))


def test_an_unreadable_file_is_refused(monkeypatch):
    write("a.txt", "x")

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"got a.txt: Permission denied. Check its permissions"):
        open_sources(["a.txt"], SourceOptions())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_named_pipe_is_refused_without_waiting():
    os.mkfifo("p.csv")
    with pytest.raises(InputError, match="Pipe data to '-'"):
        open_sources(["p.csv"], SourceOptions())


def test_a_file_that_goes_away_is_a_reject():
    write("a.txt", "x\n")
    write("b.txt", "y\n")
    sources = open_sources(["a.txt", "b.txt"], SourceOptions())
    Path("a.txt").unlink()
    gone, row = sources.rows()
    assert (gone.where, gone.line, row.text, row.id) == ("a.txt", None, "y", "0")
    assert "No such file" in gone.reason
    with pytest.raises(InputError, match=r"a\.txt"):
        sources.fingerprint()


def test_fingerprint_has_no_folders():
    write("x/a.txt", "one\n")
    assert open_sources(["x/a.txt"], SourceOptions()).fingerprint() == [
        {"name": "a.txt", "bytes": 4, "sha256": hashlib.sha256(b"one\n").hexdigest()}
    ]


def test_stdin_is_text_of_a_line_each(monkeypatch):
    stream = pipe_in(monkeypatch, "é\r\n\ntwo".encode())
    sources = open_sources(["-"], SourceOptions())
    assert (sources.files, sources.from_stdin, sources.fingerprint()) == ([], True, [])
    rows = list(sources.rows())
    assert [row.text for row in rows] == ["é", "", "two"]
    assert rows[2].where == "stdin, line 3"
    assert not stream.buffer.closed
    with pytest.raises(InputError, match="once"):
        sources.rows()


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("csv", b"text,n\nx,1\n"),
        ("tsv", b"n\ttext\n1\tx\n"),
        ("jsonl", b'{"text":"x"}'),
        ("txt", b"x"),
    ],
)
def test_stdin_takes_a_format(monkeypatch, kind, data):
    pipe_in(monkeypatch, data)
    assert texts(["-"], format=kind) == ["x"]


def test_stdin_between_files_and_empty(monkeypatch):
    write("a.txt", "a\n")
    pipe_in(monkeypatch, b"")
    first, empty, last = open_sources(["a.txt", "-", "a.txt"], SourceOptions()).rows()
    assert (first.id, empty.where, empty.line, last.id) == ("0", "stdin", None, "1")
    assert "at least one row" in empty.reason


def test_stdin_abandoned_stays_open(monkeypatch):
    stream = pipe_in(monkeypatch, b"x\n" * 100_000)
    rows = open_sources(["-"], SourceOptions()).rows()
    next(rows)
    rows.close()
    assert not stream.buffer.closed


def test_a_process_without_stdin(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="Pass a file"):
        open_sources(["-"], SourceOptions())


def test_rows_of_files_can_be_read_again():
    write("a.txt", "x\n")
    sources = open_sources(["a.txt"], SourceOptions())
    assert [list(sources.rows()), list(sources.rows())][0] == list(sources.rows())


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.jsonl", "a.txt.gz"])
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_an_abandoned_stream_closes_its_file(name):
    line = '{"text": "x"}\n' if "jsonl" in name else "text\n"
    write(name, line * 100_000)
    fds = Path("/proc/self/fd")
    before = len(list(fds.iterdir()))
    rows = open_sources([name], SourceOptions()).rows()
    assert len(list(itertools.islice(rows, 10))) == 10
    assert len(list(fds.iterdir())) == before + 1
    rows.close()
    assert len(list(fds.iterdir())) == before


def test_finding_sources_imports_nothing_heavy():
    code = (
        "import sys, embedsvc.extract.sources; "
        "print([m for m in ('pyarrow', 'numpy', 'keras', 'tensorflow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
