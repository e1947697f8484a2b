"""Which texts and images stand behind vectors, found by their metadata or named."""

import json

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from embedsvc.errors import InputError
from embedsvc.extract.rows import SourceOptions
from embedsvc.extract.sources import open_sources
from embedsvc.tables.contents import ContentsOptions, find_contents, no_contents, wanted_columns
from embedsvc.tables.vector_table import VectorTable


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [{"key": f"k{i}", "say": f"text {i}", "text": f"other {i}"} for i in range(4)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def table(ids=("k0", "k2"), metadata=None, columns=None, path=None):
    columns = {} if columns is None else columns
    return VectorTable(
        label="v.parquet",
        path=path,
        vectors=np.zeros((len(ids), 2), np.float32),
        ids=list(ids),
        columns=pa.table(columns),
        available=tuple(columns),
        metadata={} if metadata is None else metadata,
    )


def origin(folder, **reading):
    """The metadata that embedsvc extract writes for in.jsonl."""
    options = SourceOptions(column="say", id_column="key", **reading)
    return open_sources([str(folder / "in.jsonl")], options).settings()


def test_a_column_of_the_file():
    found = find_contents(table(columns={"text": ["a", None]}), ContentsOptions())
    assert (found.kind, found.values, found.texts) == ("texts", ["a", None], ["a", ""])
    named = ContentsOptions(text_column="n")
    assert wanted_columns(named) == ("n",)
    assert find_contents(table(columns={"n": [1, None]}), named).values == ["1", None]
    with pytest.raises(InputError, match="Pass --text-column"):
        find_contents(table(columns={"n": [1, 2]}), ContentsOptions(text_column="x"))
    assert find_contents(table(columns={"text": [1, 2]}), ContentsOptions()) is None


def test_the_file_the_vectors_were_made_from(folder, monkeypatch):
    made = table(metadata=origin(folder))
    assert find_contents(made, ContentsOptions()).values == ["text 0", "text 2"]
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert find_contents(made, ContentsOptions()) is None
    beside = table(metadata=origin(folder), path=folder / "v.parquet")
    assert find_contents(beside, ContentsOptions()).source == "in.jsonl"
    metadata = origin(folder)
    with (folder / "in.jsonl").open("a") as file:
        file.write('{"key": "k9", "say": "changed"}\n')
    assert find_contents(table(metadata=metadata, path=beside.path), ContentsOptions()) is None


@pytest.mark.parametrize("name", ["../in.jsonl", "/etc/passwd", "", None, 3])
def test_metadata_cannot_lead_elsewhere(folder, name):
    inner = folder / "inner"
    inner.mkdir()
    metadata = origin(folder)
    metadata["input"][0]["name"] = name
    assert find_contents(table(metadata=metadata, path=inner / "v"), ContentsOptions()) is None


@pytest.mark.parametrize("metadata", [{"input": 3}, {"input": []}, {"input": ["x"]}, {}])
def test_strange_metadata(metadata):
    assert find_contents(table(metadata=metadata), ContentsOptions()) is None


def test_a_file_that_is_named(folder):
    (folder / "again.csv").write_text("key,say,text\nk2,two,-\nk7,seven,-\n")
    named = ContentsOptions(source=folder / "again.csv")
    assert find_contents(table(metadata=origin(folder)), named).values == [None, "two"]
    other = ContentsOptions(text_column="text", source=folder / "again.csv")
    assert find_contents(table(metadata=origin(folder)), other).values == [None, "-"]
    with pytest.raises(InputError, match="ids of v.parquet, such as 'x', got none of them"):
        find_contents(table(ids=["x"], metadata=origin(folder)), named)
    with pytest.raises(InputError, match="does not exist"):
        find_contents(table(), ContentsOptions(source=folder / "nix.csv"))


def test_ids_of_vectors_that_tell_nothing(folder):
    named = ContentsOptions(source=folder / "in.jsonl", id_column="key", text_column="say")
    assert find_contents(table(), named).values == ["text 0", "text 2"]
    by_position = ContentsOptions(source=folder / "in.jsonl")
    assert find_contents(table(["3", "0"]), by_position).values == ["other 3", "other 0"]


def test_images_of_a_folder(folder):
    (folder / "photos" / "a").mkdir(parents=True)
    Image.new("L", (4, 4)).save(folder / "photos" / "a" / "1.png")
    Image.new("L", (4, 4)).save(folder / "secret.png")
    ids = ("a/1.png", "../secret.png", "nix.png", "nul\0")
    metadata = {"size": [224, 224], "input": [{"name": "photos"}]}
    wanted = [str((folder / "photos" / "a" / "1.png").resolve()), None, None, None]
    found = find_contents(table(ids, metadata), ContentsOptions())
    assert (found.kind, found.values) == ("images", wanted)
    named = find_contents(table(ids, metadata), ContentsOptions(source=folder / "photos"))
    assert named.values == wanted
    gone = {"size": [224, 224], "input": [{"name": "gone"}]}
    assert find_contents(table(ids, gone), ContentsOptions()) is None
    assert "--texts FOLDER" in no_contents(table(ids, gone))
    assert "--texts FILE" in no_contents(table())


def test_images_of_a_table(folder):
    (folder / "parts.csv").write_text("key,file\nk0,p/0.png\n")
    options = SourceOptions(column="file", id_column="key")
    metadata = {"size": [8, 8], **open_sources(["parts.csv"], options).settings()}
    made = table(metadata=metadata, path=folder / "v.parquet")
    assert find_contents(made, ContentsOptions()) is None
    found = find_contents(made, ContentsOptions(source=folder / "parts.csv"))
    assert found.values == [str(folder / "p" / "0.png"), None]
