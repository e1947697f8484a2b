"""Manifests of pairs in every format, and what is wrong with them by line."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tiny_manifests import write_manifest

from embedsvc.datasets.pair_manifest import PairRow, Reject, open_pair_manifest
from embedsvc.errors import InputError

ROWS = [
    {"image_a": "s/1.png", "image_b": "s/2.png", "matches": "m.csv"},
    {"image_a": "t/1.png", "image_b": "./t/../t/2.png", "homography": "1 0 0 0 1 0 0 0 1"},
]


@pytest.fixture
def folder(draw):
    return draw("s/1.png", "s/2.png", "s/3.png", "t/1.png", "t/2.png")


def rows(path):
    return list(open_pair_manifest(path).rows())


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_formats(folder, kind):
    path = folder / f"pairs.{kind}"
    if kind == "jsonl":
        path.write_text("\n".join(map(json.dumps, ROWS)))
    columns = ["image_a", "image_b", "matches", "homography"]
    if kind == "parquet":
        both = [{name: row.get(name) for name in columns} for row in ROWS]
        pq.write_table(pa.Table.from_pylist(both), path)
    elif kind != "jsonl":
        delimiter = "," if kind == "csv" else "\t"
        lines = [columns, *([row.get(name, "") for name in columns] for row in ROWS)]
        path.write_text("\n".join(map(delimiter.join, lines)))
    manifest = open_pair_manifest(path)
    assert manifest.n_rows == 2
    first, second = manifest.rows()
    assert isinstance(first, PairRow)
    assert (first.name, first.column, first.value) == ("s/1.png - s/2.png", "matches", "m.csv")
    assert first.image_a == folder / "s/1.png"
    assert (first.sequence, second.sequence) == ("s", "t")
    assert (second.column, second.value) == ("homography", ROWS[1]["homography"])
    assert first.row == (1 if kind in ("jsonl", "parquet") else 2)
    assert "folder" in manifest.notes()[0]
    assert list(manifest.rows()) == [first, second]


def test_lists_in_json_lines(folder):
    path = folder / "pairs.jsonl"
    row = {"image_a": "s/1.png", "image_b": "s/2.png", "matches": [[1, 2, 3, 4]], "sequence": 7}
    path.write_text(json.dumps(row))
    [found] = rows(path)
    assert found.value == [[1, 2, 3, 4]]
    assert found.sequence == "7"
    assert open_pair_manifest(path).notes() == []


def test_an_image_in_two_sequences_is_told(folder):
    path = write_manifest(
        folder,
        "s/1.png,s/2.png,m,a",
        "s/1.png,s/3.png,m,b",
        header="image_a,image_b,matches,sequence",
    )
    manifest = open_pair_manifest(path)
    list(manifest.rows())
    [note] = manifest.notes()
    assert note.startswith("s/1.png is in pairs of two sequences ('a' and 'b')")


@pytest.mark.parametrize(
    ("line", "what", "why"),
    [
        ("s/9.png,s/2.png,m", "s/9.png - s/2.png", "Expected column 'image_a' to name a file, got"),
        ("s/1.png,,m", "s/1.png - ?", "Expected an image in column 'image_b', got nothing"),
        ("s/1.png,s,m", "s/1.png - s", "got 's', which does not exist"),
        (
            "s/1.png,http://x/a.png,m",
            "s/1.png - http://x/a.png",
            "got the address 'http://x/a.png'",
        ),
        ("s/1.png,s/../s/1.png,m", "s/1.png - s/../s/1.png", "the same one twice"),
        (
            "s/1.png,s/3.png,m",
            "s/1.png - s/3.png",
            "Expected each pair of images once, got it before, in line 2. Remove",
        ),
        (
            "s/1.png,s/2.png,",
            "s/1.png - s/2.png",
            "Expected either matches or a homography, got neither",
        ),
    ],
)
def test_rows_that_cannot_be_used(folder, line, what, why):
    path = write_manifest(folder, "s/1.png,s/3.png,m", line, "s/2.png,s/1.png,m")
    first, found, last = rows(path)
    assert isinstance(first, PairRow)
    assert isinstance(last, PairRow)
    assert isinstance(found, Reject)
    assert (found.row, found.what) == (3, what)
    assert found.why.startswith(why) or why in found.why


def test_odd_values_in_json_lines(folder):
    path = folder / "pairs.jsonl"
    good = {"image_a": "s/1.png", "image_b": "s/2.png"}
    lines = [
        {**good, "image_a": ["s/1.png"], "matches": "m"},
        {**good, "matches": {"x1": 1}},
        {**good, "matches": "m", "homography": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]},
        {**good, "matches": None, "homography": None},
        {**good, "matches": "m", "sequence": [1]},
        {"image_b": "s/2.png", "matches": "m"},
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    found = rows(path)
    assert [one.row for one in found] == [1, 2, 3, 4, 5, 6]
    assert all(isinstance(one, Reject) for one in found)
    words = (
        "'image_a', got list",
        "'matches', got dict",
        "got both",
        "got neither",
        "'sequence', got list",
        "'image_a', got nothing",
    )
    for one, word in zip(found, words, strict=True):
        assert word in one.why
    assert [found[0].what, found[5].what] == ["? - s/2.png"] * 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "at least one pair in .*, got no row"),
        ("image_a,image_b,matches\n", "at least one pair"),
        ("image_a,matches\n1,2\n", "Expected a column 'image_b'"),
        ("image_a,image_b\n1,2\n", "Expected a column 'matches' or 'homography'"),
        ("image_a,image_b,match\n1,2,3\n", "got 'match'. Did you mean 'matches'"),
        ("image_a,image_b,matches,sequences\n1,2,3,4\n", "Did you mean 'sequence'"),
        ("image_a;image_b;matches\n", "separated by ';'|at least one pair"),
        (
            "image_a,image_b,matches\n1,2\n",
            "Expected 3 fields as in the header, got 2 in .*, line 2",
        ),
    ],
)
def test_tables_that_are_no_manifest(tmp_path, text, message):
    path = tmp_path / "pairs.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        open_pair_manifest(path)


def test_a_missing_or_unknown_file(tmp_path):
    with pytest.raises(InputError, match="readable table"):
        open_pair_manifest(tmp_path / "pairs.csv")
    with pytest.raises(InputError, match="ends in .csv"):
        open_pair_manifest(tmp_path / "pairs.txt")
