"""`embedsvc extract` as a user meets it."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

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


# Images


@pytest.fixture
def photos(invoke):
    """A folder of three images, found from the working folder of `invoke`."""
    for name in ("a.jpg", "b/c.png", "b/d.JPEG"):
        path = Path("photos", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (30, 20)).save(path, "png")
    return "photos"


def test_images_last_line(invoke, photos):
    shown = invoke("extract", photos, "-o", "out.parquet")
    (line,) = shown.stderr.splitlines()
    assert line.startswith("out.parquet: 3 images, 0 rejects, ")
    assert line.endswith(" images/s")
    table = pq.read_table("out.parquet").drop_columns("vector")
    assert table.to_pylist()[1] == {"id": "b/c.png", "height": 20, "width": 30}
    assert "already complete" in invoke("extract", photos, "-o", "out.parquet").stderr
    settings = {"pooling": None, "normalize": None, "size": None}
    settings |= {"resize": "stretch", "lighting": "keep", "batch_images": None}
    assert invoke.loaded[0] == ("efficientnet-lite0", settings)


def test_options_of_images_reach_the_encoder(invoke, photos):
    invoke(
        *("extract", "photos/b/*", "-o", "-", "--pooling", "gem", "--normalize"),
        *("--size", "224x320", "--resize", "fit", "--lighting", "normalize"),
        *("--batch-images", "4", "--model", "keras:EfficientNetB0", "--quiet"),
    )
    settings = {"pooling": "gem", "normalize": True, "size": (224, 320)}
    settings |= {"resize": "fit", "lighting": "normalize", "batch_images": 4}
    assert invoke.loaded == [("keras:EfficientNetB0", settings)]


def test_size_of_a_square(invoke, photos):
    invoke("extract", photos, "-o", "-", "--size", "96")
    assert invoke.loaded[0][1]["size"] == (96, 96)
    for size in ("0", "12x", "x12", "224x", "1.5", "big", "100000"):
        shown = invoke("extract", photos, "-o", "-", "--size", size, exit_code=2)
        assert "height x width in pixels" in shown.stderr


def test_rejects_of_images(invoke, photos):
    Path("photos/z.jpg").write_text("bad")
    arguments = ("extract", photos, "-o", "out.parquet")
    shown = invoke(*arguments, exit_code=3)
    assert shown.stderr.startswith(
        "Error: z.jpg: Expected a JPEG, got something else: photos/z.jpg"
    )
    assert "To leave such images out, add --on-error skip." in shown.stderr
    assert "3 images, 1 rejects" in invoke(*arguments, "--on-error", "skip").stderr
    (line,) = Path("out.parquet.rejects.jsonl").read_text().splitlines()
    assert json.loads(line).keys() == {"where", "file", "reason"}


def test_a_table_of_images(invoke, photos):
    Path("photos/t.csv").write_text("path,part\na.jpg,x\nb/c.png,y\n")
    arguments = ("extract", "photos/t.csv", "--model", "efficientnet-lite0", "-o", "out.jsonl")
    assert "--column PATH" in invoke(*arguments, exit_code=3).stderr
    invoke(*arguments, "--column", "path", "--include-columns", "part", "--id-column", "path")
    rows = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [(row["id"], row["part"]) for row in rows] == [("a.jpg", "x"), ("b/c.png", "y")]


def test_dry_run_of_images(invoke, photos):
    Path("photos/z.jpg").write_text("bad")
    shown = invoke("extract", photos, "--dry-run").stdout
    assert "images    3\n" in shown
    assert "rejects   1\n          z.jpg: Expected an image" in shown
    assert "megapixels an image" in shown
    assert "time      about" in shown
    assert "images by longer side in pixels\n    to 64           3 ####" in shown
    assert names() == ["photos"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--max-tokens", "9"], "no --max-tokens with images: it is for texts"),
        (["--on-long", "truncate"], "no --on-long with images"),
        (["--batch-tokens", "9"], "no --batch-tokens with images"),
        (["--column", "path"], "no --column with images in folders"),
        (["--id-column", "id"], "no --id-column with images in folders"),
        (["--include-columns", "a"], "no --include-columns with images in folders"),
        (["--encoding", "utf-8"], "no --encoding with images in folders"),
        (["--format", "csv"], "no --format with images in folders"),
        (["--pooling", "cls"], "--pooling for images, one of mean, gem, max, got 'cls'"),
        (["--model", "minilm"], "Use --model efficientnet-lite0"),
    ],
)
def test_options_that_are_not_for_images(invoke, photos, arguments, message):
    shown = invoke("extract", photos, "-o", "out.parquet", *arguments, exit_code=3)
    assert message in shown.stderr
    assert (invoke.loaded, names()) == ([], ["photos"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size", "9"], "no --size with texts: it is for images"),
        (["--resize", "stretch"], "no --resize with texts"),
        (["--lighting", "keep"], "no --lighting with texts"),
        (["--batch-images", "9"], "no --batch-images with texts"),
        (["--pooling", "gem"], "--pooling for texts, one of mean, cls, max, pooled, got 'gem'"),
        (["--model", "efficientnet-lite0"], "Use --model minilm"),
    ],
)
def test_options_that_are_not_for_texts(invoke, arguments, message):
    shown = invoke("extract", write(GOOD), "-o", "out.parquet", *arguments, exit_code=3)
    assert message in shown.stderr
    assert (invoke.loaded, names()) == ([], ["in.csv"])


@pytest.mark.parametrize(
    ("inputs", "code", "message"),
    [
        (["photos", "in.csv"], 3, "either texts or images, got both"),
        (["empty"], 3, "Expected images in"),
        (["nosuch.jpg"], 3, "nosuch.jpg"),
        (["photos", "--model", "efficientnet-lite1"], 4, "Did you mean 'efficientnet-lite0'"),
    ],
)
def test_images_that_cannot_be_extracted(invoke, photos, inputs, code, message):
    write(GOOD)
    Path("empty").mkdir()
    shown = invoke("extract", *inputs, "-o", "out.parquet", exit_code=code)
    assert message in shown.stderr
    assert names() == ["empty", "in.csv", "photos"]


def test_the_help_shows_images(invoke):
    shown = invoke("extract", "--help").stdout
    assert "embedsvc extract photos/ -o photos.parquet" in shown
    assert "minilm for texts, efficientnet-lite0 for images" in " ".join(shown.split())


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["empty"], 3),
        (["photos", "--max-tokens", "9"], 3),
        (["photos", "--model", "minilm"], 3),
        (["photos", "--model", "nosuch"], 4),
        (["in.csv", "--model", "efficientnet-lite0"], 3),
    ],
)
def test_mistakes_with_images_import_no_tensorflow(photos, tmp_path, arguments, code):
    write(GOOD)
    Path("empty").mkdir()
    program = (
        "import sys\n"
        "from embedsvc.cli.main import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: print(end.code, *sorted(sys.modules))\n"
    )
    command = [sys.executable, "-c", program, "extract", *arguments, "-o", "x.parquet"]
    shown = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    ended, *modules = shown.stdout.split()
    assert (int(ended), "Traceback" in shown.stderr) == (code, False)
    assert not {"tensorflow", "keras", "sklearn", "skimage", "PIL"} & set(modules)


# The real command and model


def pulled(name):
    try:
        pull(get_model(name))
    except WeightsError as err:
        pytest.skip(str(err))


@pytest.fixture(scope="session")
def _minilm():
    pulled("minilm")


@pytest.fixture(scope="session")
def _lite0():
    pulled("efficientnet-lite0")


TEXTS = [f"Parcel number {i} is {'very ' * (i % 3)}late" for i in range(5000)]


def finish(start, *arguments, code=0, **options):
    process = start(*arguments, **options)
    out, err = process.communicate(timeout=240)
    assert process.returncode == code, err
    assert "Traceback" not in err
    return out, err


@pytest.mark.slow
@pytest.mark.usefixtures("_minilm")
def test_stopped_and_continued(start, journalled, tmp_path):
    """By Ctrl-C, then by the kernel, then not: bit for bit the output of an undisturbed run."""
    (tmp_path / "in.txt").write_text("\n".join(TEXTS) + "\n")
    arguments = ("extract", "in.txt", "-o", "out.npy")
    finish(start, "extract", "in.txt", "-o", "whole.npy")
    for sent, n_parts in ((signal.SIGINT, 1), (signal.SIGKILL, 2)):
        process = start(*arguments)
        while journalled(tmp_path / "out.npy.parts") < n_parts:
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


@pytest.mark.slow
@pytest.mark.usefixtures("_lite0")
def test_real_images(start, tmp_path):
    """A folder and a table with a broken image give the vectors that Python gives."""
    import embedsvc

    random = np.random.default_rng(5)
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(20):
        pixels = random.integers(0, 256, (40 + i, 60, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:02}.png")
    (folder / "07.png").write_bytes((folder / "07.png").read_bytes()[:900])
    good = [folder / f"{i:02}.png" for i in range(20) if i != 7]
    err = finish(start, "extract", "photos", "-o", "out.parquet", code=3)[1]
    assert err.startswith("Error: 07.png: Expected a sound PNG file")
    err = finish(start, "extract", "photos", "-o", "out.parquet", "--on-error", "skip")[1]
    assert "19 images, 1 rejects" in err
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["id"].to_pylist() == [path.name for path in good]
    assert table["height"].to_pylist() == [40 + i for i in range(20) if i != 7]
    vectors = np.array(table["vector"].to_pylist(), np.float32)
    expected = embedsvc.load_encoder("efficientnet-lite0").encode(good)
    assert np.abs(vectors - expected).max() < 1e-4 * np.abs(expected).max()

    (tmp_path / "t.csv").write_text("file\n" + "".join(f"photos/{one.name}\n" for one in good))
    arguments = ("--column", "file", "--model", "efficientnet-lite0", "--size", "96")
    rows = finish(start, "extract", "t.csv", "-o", "-", *arguments)[0].splitlines()
    assert [json.loads(row)["id"] for row in rows] == [str(i) for i in range(19)]
