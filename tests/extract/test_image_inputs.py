"""Images in folders and in tables, before they are opened."""

import json
import os
import sys
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fake_encoder import FakeImageEncoder, find_images

from embedsvc.errors import InputError, ResumeError
from embedsvc.extract.image_inputs import open_image_table, open_images
from embedsvc.extract.job import ExtractOptions, extract_to_file
from embedsvc.extract.rows import Reject, SourceOptions
from embedsvc.extract.windows import windows_of
from embedsvc.images.records import ImageRecord

NONE = SourceOptions()


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def image(name, content=b"\1\2pixels"):
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def folders(*places, reading=NONE):
    return open_images(places, reading, scan=find_images)


def table(*paths, name="lists/in.csv", **options):
    rows = ["path,n"] + [f'"{path}",{i}' for i, path in enumerate(paths)]
    image(name, "\n".join(rows).encode())
    return open_image_table([name], SourceOptions(**{"column": "path", **options}))


def run(inputs, output="out.parquet", *, reading=NONE, **options):
    options = ExtractOptions(**options)
    return extract_to_file(
        inputs, FakeImageEncoder(), Path(output), reading=reading, options=options
    )


def ids(output="out.parquet"):
    return pq.read_table(output)["id"].to_pylist()


# Folders


def test_rows_of_a_folder():
    path = image("d/a/1.jpg")
    (row,) = folders("d").rows()
    assert (row.id, row.where, row.path, row.input) == ("a/1.jpg", "a/1.jpg", path, path)
    stat = path.stat()
    assert row.stamp == ["a/1.jpg", "a/1.jpg", 8, stat.st_mtime_ns, {}]
    assert row.columns == {}


def test_what_is_known_of_folders():
    image("d/1.jpg")
    image("d/2.jpg")
    image("e/3.jpg")
    inputs = folders("d", "./e/")
    assert (inputs.label, inputs.files, inputs.total()) == ("d, ./e/", [], 3)
    assert inputs.settings() == {"input": [{"name": "d"}, {"name": "e"}]}
    os.chdir("d")
    assert folders(".").settings() == {"input": [{"name": "d"}]}


def test_empty_folders_are_refused_at_once():
    image("d/1.jpg")
    Path("empty").mkdir()
    with pytest.raises(InputError, match="Expected images in empty, got none"):
        folders("d", "empty")


@pytest.mark.parametrize(
    "options", [{"column": "a"}, {"id_column": "a"}, {"include_columns": ("a",)}]
)
def test_folders_have_no_columns(options):
    image("d/1.jpg")
    with pytest.raises(InputError, match="no column options for images in folders"):
        folders("d", reading=SourceOptions(**options))


def test_links_that_lead_nowhere_and_folders_named_like_images():
    image("d/1.jpg")
    Path("d/2.jpg").symlink_to("nowhere")
    Path("d/3.jpg").mkdir()
    _, broken, folder = folders("d").rows()
    assert (broken.where, broken.line, broken.unit) == ("2.jpg", None, "image")
    assert "No such file" in broken.reason
    assert (folder.where, "got '3.jpg': a folder" in folder.reason) == ("3.jpg", True)


def test_a_name_that_occurs_twice():
    image("d/1.jpg")
    image("e/1.jpg")
    (window,) = windows_of(folders("d", "e"))
    assert (len(window.rows), len(window.rejects)) == (1, 1)


def test_the_same_picture_twice():
    for name in ("a", "b", "c/a"):
        image(f"d/{name}.jpg")
    assert run(folders("d")).rows == 3
    vectors = pq.read_table("out.parquet")["vector"].to_pylist()
    assert vectors[0] == vectors[1] == vectors[2]


ODD = ["caf\udce9.jpg", "new\nline.jpg", "\N{GRINNING FACE}.jpg", "\x1b[31m.jpg", "a,\"b'.jpg"]


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are Unicode there")
@pytest.mark.parametrize("output", ["out.parquet", "out.npz", "out.npy", "out.jsonl"])
def test_odd_names(output):
    for name in ODD:
        image(f"d/{name}")
    assert run(folders("d"), output).rows == 5
    assert run(folders("d"), output).stood_already
    if output == "out.parquet":
        shown = {"caf\\xe9.jpg", *ODD[1:]}
        assert set(ids()) == shown


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are Unicode there")
def test_odd_names_of_broken_images():
    for name in ODD:
        image(f"d/{name}", b"\0")
    Path("d/\udcff.jpg").symlink_to("nowhere")
    image("d/fine.jpg")
    assert run(folders("d"), on_error="skip").rejects == 6
    lines = list(map(orjson.loads, Path("out.parquet.rejects.jsonl").read_bytes().splitlines()))
    assert {line["file"] for line in lines} == {
        "caf\\xe9.jpg",
        "new\\nline.jpg",
        "\N{GRINNING FACE}.jpg",
        "\\x1b[31m.jpg",
        "a,\"b'.jpg",
        "\\xff.jpg",
    }
    assert all(line["reason"].isprintable() for line in lines)
    with pytest.raises(InputError) as caught:
        run(folders("d"), "other.parquet")
    assert str(caught.value).isprintable()


def test_the_listing_is_streamed():
    taken = []

    def scan(places):
        for i in range(2000):
            taken.append(i)
            yield ImageRecord(path, f"{i}.jpg")

    path = image("a.jpg")
    inputs = open_images(["x"], NONE, scan=scan)
    taken.clear()
    next(windows_of(inputs))
    assert len(taken) == 256


def test_a_folder_that_becomes_unreadable_keeps_what_was_done():
    for i in range(600):
        image(f"d/{i:03}.jpg")

    def scan(places):
        for record in find_images(places):
            if record.name == "550.jpg":
                raise InputError("Expected a readable folder, got 'd/x'.")
            yield record

    with pytest.raises(InputError, match="readable folder"):
        run(open_images(["d"], NONE, scan=scan))
    assert run(folders("d")).resumed == 512


# Tables


def test_rows_of_a_table():
    image("lists/a.jpg")
    absolute = image("elsewhere/b.jpg").resolve()
    first, second = table("a.jpg", absolute, include_columns=("n",)).rows()
    assert (first.id, first.where, first.columns) == ("0", "in.csv, line 2", {"n": "0"})
    assert (first.path, first.name) == (Path("lists/a.jpg"), "a.jpg")
    assert (second.path, second.id) == (absolute, "1")


def test_a_run_over_a_table():
    for i in range(3):
        image(f"lists/p/{i}.jpg", bytes([9, 7, i]))
    reading = SourceOptions(column="path", id_column="path", include_columns=("n",))
    inputs = table(*(f"p/{i}.jpg" for i in range(3)), id_column="path", include_columns=("n",))
    assert run(inputs, reading=reading).rows == 3
    rows = pq.read_table("out.parquet").drop_columns("vector").to_pylist()
    assert rows[1] == {"id": "p/1.jpg", "height": 9, "width": 7, "n": "1"}
    metadata = json.loads(pq.read_schema("out.parquet").metadata[b"embedsvc"])
    assert (metadata["column"], metadata["id_column"]) == ("path", "path")
    assert metadata["input"][0].keys() == {"name", "bytes", "sha256"}
    assert run(inputs, reading=reading).stood_already
    image("lists/p/1.jpg", b"\1\1changed")
    with pytest.raises(ResumeError):
        run(inputs, reading=reading)


def test_parquet_and_several_tables():
    for name in ("x/a.jpg", "y/a.jpg"):
        image(name)
    for folder in ("x", "y"):
        pq.write_table(
            pa.table({"file": ["a.jpg", "a.jpg"], "path": ["", ""]}), f"{folder}/t.parquet"
        )
    reading = SourceOptions(column="file")
    inputs = open_image_table(["x/t.parquet", "y/t.parquet"], reading)
    rows = list(inputs.rows())
    assert [row.path for row in rows] == [Path(f"{f}/a.jpg") for f in "xxyy"]
    assert [row.id for row in rows] == ["0", "1", "2", "3"]
    assert rows[2].where == "y/t.parquet, row 1"
    assert (inputs.total(), inputs.label) == (4, "t.parquet, t.parquet")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing.jpg", "got 'missing.jpg': No such file or directory. Correct the path"),
        ("", "got '': a folder or a device"),
        ("a\\u0000b", None),
    ],
)
def test_paths_that_lead_to_no_image(path, message):
    image("lists/a.jpg")
    pq.write_table(pa.table({"path": [path.replace("\\u0000", "\0"), "a.jpg"]}), "lists/t.parquet")
    inputs = open_image_table(["lists/t.parquet"], SourceOptions(column="path"))
    bad, good = inputs.rows()
    assert isinstance(bad, Reject)
    assert (bad.where, bad.line, good.id) == ("t.parquet, row 1", 1, "1")
    assert message is None or message in bad.reason
    assert run(inputs, reading=SourceOptions(column="path"), on_error="skip").rejects == 1
    (line,) = Path("out.parquet.rejects.jsonl").read_text().splitlines()
    assert json.loads(line).keys() == {"where", "file", "line", "reason", "text"}
    with pytest.raises(InputError, match=r"t.parquet, row 1: .* leave such rows out"):
        run(inputs, "other.parquet", reading=SourceOptions(column="path"))


def test_an_image_that_cannot_be_read_is_told_by_its_row():
    image("lists/a.jpg", b"\0")
    image("lists/b.jpg")
    inputs = table("b.jpg", "a.jpg")
    with pytest.raises(InputError, match=r"^in.csv, line 3: Expected an image, got .*a.jpg"):
        run(inputs, reading=SourceOptions(column="path"))


def test_the_same_path_twice_is_two_rows():
    image("lists/a.jpg")
    assert run(table("a.jpg", "a.jpg"), reading=SourceOptions(column="path")).rows == 2
    (window,) = windows_of(table("a.jpg", "a.jpg", id_column="path"))
    assert "ids that occur once" in window.rejects[0].reason


def test_tables_that_cannot_be_used(monkeypatch):
    image("t.csv", b"path\na.jpg\n")
    image("t.txt", b"a.jpg\n")
    for inputs, options, message in (
        (["t.csv"], {}, "Name it with --column"),
        (["t.txt"], {"column": "path"}, "no columns"),
        (["-"], {"column": "path", "format": "csv"}, "got standard input"),
        (["no.csv"], {"column": "path"}, "does not exist"),
    ):
        with pytest.raises(InputError, match=message):
            open_image_table(inputs, SourceOptions(**options))
    (row,) = open_image_table(["t.csv"], SourceOptions(column="file")).rows()
    assert "Expected a column 'file'" in row.reason


def test_the_output_may_not_be_the_table():
    image("lists/a.jpg")
    pq.write_table(pa.table({"path": ["a.jpg"]}), "lists/t.parquet")
    reading = SourceOptions(column="path")
    inputs = open_image_table(["lists/t.parquet"], reading)
    with pytest.raises(InputError, match="apart from the inputs"):
        run(inputs, "lists/t.parquet", reading=reading, overwrite=True)
