"""`embedsvc extract` as a user meets it."""

import json
import signal
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from embedsvc.catalogue.cards import get_model
from embedsvc.catalogue.pull import pull
from embedsvc.errors import WeightsError


def write(text, name="in.csv"):
    Path(name).write_text(text)
    return name


def names():
    return sorted(path.name for path in Path().iterdir())


GOOD = "key,text\na,one two\nb,\nc,three\n"


def test_the_last_line(invoke):
    shown = invoke("extract", write(GOOD), "-o", "out.parquet")
    assert shown.stdout == ""
    (line,) = shown.stderr.splitlines()
    assert line.startswith("out.parquet: 3 texts, 3 tokens, 1 empty, 0 truncated, 0 rejects, ")
    assert line.endswith(" texts/s")
    assert names() == ["in.csv", "out.parquet"]


def test_truncated_texts_are_told(invoke):
    shown = invoke("extract", write("text\n" + "w " * 17 + "\n"), "-o", "out.npy")
    assert "1 truncated" in shown.stderr
    assert "1 texts are longer than 16 tokens" in shown.stderr
    assert "--on-long split" in shown.stderr


def test_quiet(invoke):
    shown = invoke("extract", write(GOOD), "-o", "out.npz", "--quiet")
    assert shown.output == ""


def test_options_reach_the_encoder(invoke):
    invoke(
        *("extract", write(GOOD), "-o", "out.jsonl", "--pooling", "cls", "--no-normalize"),
        *("--max-tokens", "9", "--on-long", "error", "--batch-tokens", "100", "--model", "minilm"),
        *("--id-column", "key", "--include-columns", "text", "--column", "text"),
    )
    settings = {"pooling": "cls", "normalize": False, "max_tokens": 9, "batch_tokens": 100}
    assert invoke.loaded == [("minilm", {**settings, "on_long": "truncate"})]
    rows = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [(row["id"], row["text"]) for row in rows] == [
        ("a", "one two"),
        ("b", ""),
        ("c", "three"),
    ]


def test_run_again(invoke):
    arguments = ("extract", write(GOOD), "-o", "out.parquet")
    invoke(*arguments)
    before = Path("out.parquet").stat().st_mtime_ns
    assert invoke(*arguments).stderr == "out.parquet is already complete: nothing to do.\n"
    assert "--overwrite" in invoke(*arguments, "--dtype", "int8", exit_code=5).stderr
    assert "--overwrite" in invoke(*arguments, "--pooling", "cls", exit_code=5).stderr
    assert Path("out.parquet").stat().st_mtime_ns == before
    invoke(*arguments, "--dtype", "int8", "--overwrite")
    Path("out.parquet").write_text("mine")
    assert "Expected out.parquet not to exist" in invoke(*arguments, exit_code=5).stderr
    assert Path("out.parquet").read_text() == "mine"


def test_rejects(invoke):
    source = write('{"text": "a"}\n{"text": 1}\n{"text": "b"}\n', "in.jsonl")
    shown = invoke("extract", source, "-o", "out.parquet", exit_code=3)
    assert shown.stderr.startswith("Error: in.jsonl, line 2: Expected the text to be a string")
    assert "--on-error skip" in shown.stderr
    shown = invoke("extract", source, "-o", "out.parquet", "--on-error", "skip")
    assert "1 rejects" in shown.stderr
    assert "The rejects are in out.parquet.rejects.jsonl." in shown.stderr
    (line,) = Path("out.parquet.rejects.jsonl").read_text().splitlines()
    assert json.loads(line)["line"] == 2


def test_dry_run(invoke):
    source = write('{"text": "a b"}\n{"text": 1}\n' + '{"text": "w"}\n' * 99, "in.jsonl")
    shown = invoke("extract", source, "--dry-run").stdout
    assert "rows      100\n" in shown
    assert "rejects   1\n          in.jsonl, line 2: Expected" in shown
    assert "tokens    101 (longest text 2)" in shown
    assert "time      about" in shown
    assert "to 8         100 ####" in shown
    assert names() == ["in.jsonl"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "Missing option '-o'"),
        (["-o", "x.parquet", "--dtype", "int4"], 2, "Invalid value for '--dtype'"),
        (["-o", "x.parquet", "--batch-tokens", "0"], 2, "--batch-tokens"),
        (["-o", "x.parquet", "--colunm", "a"], 2, "Did you mean"),
        (["-o", "x.csv"], 3, "ends in .parquet, .npz, .npy, .jsonl"),
        (["-o", ""], 3, "ends in"),
        (["-o", "x.parquet", "--column", "nosuch"], 3, "Expected a column 'nosuch'"),
        (["-o", "x.parquet", "--include-columns", "key,nosuch"], 3, "'nosuch'"),
        (["-o", "x.parquet", "--include-columns", "vector"], 3, "other names than id, vector"),
        (["-o", "x.parquet", "--encoding", "klingon"], 3, "Expected an encoding"),
        (["-o", "x.parquet", "--format", "xls"], 3, "Expected a format"),
        (["-o", "-", "--dtype", "int8"], 3, "float32 vectors on a stream"),
        (["-o", "x.parquet", "--model", "minlm"], 4, "Did you mean 'minilm'"),
        (["-o", "in.csv/x.parquet"], 5, "Expected to write beside in.csv/x.parquet"),
        (["-o", "/proc/nosuch/x.parquet"], 5, "Expected to write beside"),
    ],
)
def test_mistakes(invoke, arguments, code, message):
    shown = invoke("extract", write(GOOD), *arguments, exit_code=code)
    assert message in shown.stderr
    assert shown.stdout == ""
    assert names() == ["in.csv"]


def test_a_setting_the_model_cannot_have_is_a_model_error(invoke, monkeypatch):
    from embedsvc.errors import InputError

    def refuse(model, **settings):
        raise InputError("Expected max_tokens from 3 to 512")

    monkeypatch.setattr(sys.modules["embedsvc.encoders.registry"], "load_encoder", refuse)
    arguments = ("extract", write(GOOD), "-o", "x.npy", "--max-tokens", "9999")
    assert "from 3 to 512" in invoke(*arguments, exit_code=4).stderr


def test_stream(invoke):
    shown = invoke("extract", "-", "-o", "-", stdin="one\ntwo words\n")
    rows = [json.loads(line) for line in shown.stdout.splitlines()]
    assert [(row["id"], row["n_tokens"]) for row in rows] == [("0", 1), ("1", 2)]
    assert shown.stderr.startswith("-: 2 texts")
    assert names() == []


def test_stream_rejects_go_to_stderr(invoke):
    stdin = '{"text": "a"}\n{"text": null}\n'
    arguments = ("extract", "-", "-o", "-", "--format", "jsonl")
    shown = invoke(*arguments, "--on-error", "skip", stdin=stdin)
    assert len(shown.stdout.splitlines()) == 1
    assert "Rejected stdin, line 2: " in shown.stderr
    assert "stdin, line 2" in invoke(*arguments, stdin=stdin, exit_code=3).stderr


@pytest.mark.parametrize("output", ["-", "out.parquet"])
def test_empty_stdin(invoke, output):
    shown = invoke("extract", "-", "-o", output, stdin="", exit_code=3)
    assert (shown.stdout, "stdin: Expected at least one row" in shown.stderr) == ("", True)
    assert names() == []


# The real command and model


@pytest.fixture(scope="session")
def _minilm():
    try:
        pull(get_model("minilm"))
    except WeightsError as err:
        pytest.skip(str(err))


TEXTS = [f"Parcel number {i} is {'very ' * (i % 3)}late" for i in range(5000)]


def finish(start, *arguments, code=0, **options):
    process = start(*arguments, **options)
    out, err = process.communicate(timeout=240)
    assert process.returncode == code, err
    assert "Traceback" not in err
    return out, err


@pytest.mark.slow
@pytest.mark.usefixtures("_minilm")
def test_stopped_and_continued(start, tmp_path):
    """By Ctrl-C, then by the kernel, then not: bit for bit the output of an undisturbed run."""
    (tmp_path / "in.txt").write_text("\n".join(TEXTS) + "\n")
    arguments = ("extract", "in.txt", "-o", "out.npy")
    finish(start, "extract", "in.txt", "-o", "whole.npy")
    for sent, part in ((signal.SIGINT, 0), (signal.SIGKILL, 1)):
        process = start(*arguments)
        while not (tmp_path / f"out.npy.parts/part-{part:06}.parquet").exists():
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.01)
        process.send_signal(sent)
        err = process.communicate(timeout=60)[1]
        assert "Traceback" not in err
        if sent == signal.SIGINT:
            assert process.returncode == 130
            safe = "Interrupted. The 2,048 rows done so far are safe in out.npy.parts. "
            assert safe + "Run the same command again to continue." in err
        assert not (tmp_path / "out.npy").exists()
    err = finish(start, *arguments)[1]
    assert "4,096 texts from the run before" in err
    for ending in ("", ".ids.jsonl", ".metadata.json"):
        one, other = tmp_path / f"out.npy{ending}", tmp_path / f"whole.npy{ending}"
        assert one.read_bytes() == other.read_bytes()
    assert sorted(path.name for path in tmp_path.glob("out.*")) == [
        "out.npy",
        "out.npy.ids.jsonl",
        "out.npy.metadata.json",
    ]


@pytest.mark.slow
@pytest.mark.usefixtures("_minilm")
def test_real_pipes(start, tmp_path):
    """`| head -1`, a window of rejects alone, a full disk and a bad folder of a model."""
    rows = [{"text": None}] * 2048 + [{"text": text} for text in TEXTS[:10]]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    skip = ("--on-error", "skip")
    err = finish(start, "extract", "in.jsonl", "-o", "out.parquet", *skip)[1]
    assert "10 texts" in err
    assert len(err.splitlines()) == 2
    assert "2,048 rejects" in err
    assert pq.read_metadata(tmp_path / "out.parquet").num_rows == 10

    (tmp_path / "in.txt").write_text("\n".join(TEXTS[:2050]))
    process = start("extract", "in.txt", "-o", "-", "--quiet")
    assert json.loads(process.stdout.readline())["id"] == "0"
    process.stdout.close()
    assert (process.wait(60), process.stderr.read()) == (0, "")
    process.stderr.close()

    if Path("/dev/full").exists():
        with Path("/dev/full").open("w") as full:
            err = finish(start, "extract", "in.txt", "-o", "-", code=5, stdout=full)[1]
        assert err.startswith("Error: Expected to write JSON lines, but the disk is full.")
        assert len(err.splitlines()) == 1

    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{")
    arguments = ("extract", "in.txt", "-o", "x.npy", "--model", "broken")
    assert finish(start, *arguments, code=4)[1].startswith("Error: ")
