"""Manifests in every format, and what is wrong with them by line."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embedsvc.datasets.manifest import read_manifest
from embedsvc.errors import InputError
from embedsvc.images.records import ImageRecord

COLUMNS = ("path", "label", "mask", "split", "group", "defect")
ROWS = [
    dict(zip(COLUMNS, values, strict=True))
    for values in [
        ("in/a.png", 0, None, "train", "1", None),
        ("in/b.png", 1, "b_m.png", "test", None, "hole"),
        ("./in//c.png", None, None, None, "2", None),
    ]
]


@pytest.fixture
def folder(draw):
    return draw("in/a.png", "in/b.png", "in/c.png", "b_m.png")


@pytest.fixture
def expected(folder):
    return [
        ImageRecord(folder / "in/a.png", "in/a.png", 0, None, "train", "1", "good"),
        ImageRecord(folder / "in/b.png", "in/b.png", 1, folder / "b_m.png", "test", None, "hole"),
        ImageRecord(folder / "in/c.png", "in/c.png", None, None, None, "2", None),
    ]


@pytest.mark.parametrize(("name", "delimiter"), [("m.csv", ","), ("m.tsv", "\t")])
def test_text_tables(folder, expected, name, delimiter):
    lines = [ROWS[0].keys(), *([value or "" for value in row.values()] for row in ROWS)]
    lines[1][1] = "0"
    text = "\n".join(delimiter.join(map(str, line)) for line in lines)
    (folder / name).write_text(text, encoding="utf-8-sig")
    assert read_manifest(folder / name) == expected


def test_json_lines(folder, expected):
    path = folder / "m.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in ROWS), encoding="utf-8")
    assert read_manifest(str(path)) == expected


def test_parquet(folder, expected):
    path = folder / "m.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS), path)
    assert read_manifest(path) == expected


def write(folder, content):
    (folder / "m.csv").write_text(content, encoding="utf-8")
    return folder / "m.csv"


def test_only_paths(folder):
    assert read_manifest(write(folder, "path,note\nin/b.png,x\nin/a.png,y\n")) == [
        ImageRecord(folder / "in/b.png", "in/b.png"),
        ImageRecord(folder / "in/a.png", "in/a.png"),
    ]


def test_absolute_paths(folder):
    (record,) = read_manifest(write(folder, f"path\n{folder}/in/a.png\n"))
    assert record.path == folder / "in/a.png"
    assert record.name == f"{folder}/in/a.png"


def test_the_label_follows_from_the_defect(folder):
    path = write(folder, "path,defect\nin/a.png,OK\nin/b.png,hole\nin/c.png,\n")
    known = [(record.label, record.defect) for record in read_manifest(path)]
    assert known == [(0, "good"), (1, "hole"), (None, None)]


def test_the_mask_of_a_normal_image_is_left_out(folder):
    path = write(folder, "path,label,mask\nin/a.png,ok,b_m.png\nin/b.png,,b_m.png\n")
    assert [record.mask for record in read_manifest(path)] == [None, folder / "b_m.png"]


@pytest.mark.parametrize("split", ["Train", "TEST", " test "])
def test_splits_in_any_case(folder, split):
    (record,) = read_manifest(write(folder, f"path,split\nin/a.png,{split}\n"))
    assert record.split == split.strip().lower()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("image,label\nin/a.png,1\n", "Expected a column 'path' in .*, got 'image', 'label'"),
        ("path,lable\nin/a.png,1\n", "Did you mean 'label'?"),
        ("path,label\nin/a.png,1\nin/b.png,x\n", "got 'x' in .*m.csv, line 3"),
        ("path\nin/a.png\nin/z.png\n", "'path' to name a file, got 'in/z.png' in .*m.csv, line 3"),
        ("path\nin\n", "'path' to name a file, got 'in' in .*line 2"),
        ("path\nin\\a.png\n", r"Write forward slashes; it is relative to the folder"),
        (f"path\n{'x' * 3000}\n", "to name a file"),
        ("path\na\0b\n", "to name a file"),
        ("path,mask\nin/a.png,gone.png\n", "'mask' to name a file, got 'gone.png' in .*line 2"),
        ("path,label,mask\nin/a.png,0,gone.png\n", "'mask' to name a file"),
        ("path,label\n,1\n", "column 'path', got nothing in .*line 2"),
        (
            "path,split\nin/a.png,val\n",
            "the split train or test, or nothing, got 'val' in .*line 2",
        ),
        ("path,label,defect\nin/a.png,0,hole\n", "agree, got '0' and 'hole' in .*line 2"),
        ("path,label,defect\nin/a.png,1,good\n", "agree, got '1' and 'good'"),
        (
            "path\nin/a.png\nin/b.png\n./in/../in/a.png\n",
            "once, got .* in .*line 4 and before, in 2",
        ),
        ("path\n", "got no row"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(folder, content, message):
    with pytest.raises(InputError, match=message):
        read_manifest(write(folder, content))


def test_a_parquet_manifest_without_rows(tmp_path):
    pq.write_table(pa.table({"path": pa.array([], pa.string())}), tmp_path / "m.parquet")
    with pytest.raises(InputError, match="at least one image"):
        read_manifest(tmp_path / "m.parquet")
