"""Packing a manifest: what is written, what is left out, and that nothing is left half done."""

import json

import numpy as np
import pytest
from tiny_manifests import (
    POINTS,
    SHIFT,
    draw_picture,
    make_pairs,
    write_manifest,
    write_matches,
)

from embedsvc.datasets.pair_loading import PairLoading
from embedsvc.datasets.pair_manifest import open_pair_manifest
from embedsvc.errors import InputError, OutputError
from embedsvc.jobs.pack_pairs import PackOptions, pack_pairs
from embedsvc.pairs.records import read_about, read_pairs


@pytest.fixture
def output(tmp_path):
    return tmp_path / "packed"


def pack(manifest, output, **options):
    return pack_pairs(open_pair_manifest(manifest), output, PackOptions(**options))


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_pairs_are_packed_in_order(tmp_path, output):
    done = []
    manifest = make_pairs(tmp_path / "set", {"graf": 3, "bikes": 2})
    packed = pack_pairs(
        open_pair_manifest(manifest), output, PackOptions(shard_bytes=3000), advance=done.append
    )
    assert sum(done) == 5
    assert packed.about == read_about(output)
    assert packed.about.sequences == {"graf": 3, "bikes": 2}
    assert len(packed.about.shards) > 1
    assert packed.n_rejects == packed.n_shrunk == packed.n_outside == 0
    pairs = list(read_pairs(output))
    assert [pair.name for pair in pairs][3:] == [f"bikes/1.png - bikes/{n}.jpg" for n in (2, 3)]
    assert pairs[0].image_a == (tmp_path / "set/graf/1.png").read_bytes()
    assert pairs[0].image_b == (tmp_path / "set/graf/2.jpg").read_bytes()
    np.testing.assert_array_equal(pairs[4].points_b, POINTS + SHIFT)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["packed", "set"]


def test_the_same_manifest_gives_the_same_bytes(tmp_path, output):
    rows = []
    for at in range(6):
        draw_picture(tmp_path / f"s{at}" / "a.png", 90 + at, 120)
        draw_picture(tmp_path / f"s{at}" / "b.png", 120, 90 + at)
        rows.append(f"s{at}/a.png,s{at}/b.png,1 0 {at} 0 1 0 0 0 1")
    manifest = write_manifest(tmp_path, *rows)
    loading = PairLoading(max_side=80, n_points=30)
    pack(manifest, output, loading=loading)
    pack(manifest, tmp_path / "again", loading=loading)
    assert contents(output) == contents(tmp_path / "again")
    pack(manifest, output, loading=loading, overwrite=True)
    assert contents(output) == contents(tmp_path / "again")


@pytest.fixture
def defective(tmp_path):
    manifest = make_pairs(tmp_path / "set", {"s": 4})
    folder = manifest.parent / "s"
    (folder / "3.jpg").write_bytes(b"no picture")
    write_matches(folder / "m4.csv", POINTS * 5)
    (folder / "m5.csv").write_text("1,2,3\n")
    with manifest.open("a") as file:
        file.write("s/1.png,s/2.jpg,s/m2.csv\n")
    return manifest


def test_pairs_that_cannot_be_used_are_left_out(defective, output):
    seen = []
    packed = pack_pairs(
        open_pair_manifest(defective), output, PackOptions(on_error="skip"), on_reject=seen.append
    )
    assert packed.about.n_pairs == 1
    assert packed.n_rejects == 4
    assert list(packed.rejects) == seen
    lines = [json.loads(line) for line in (output / "rejects.jsonl").read_text().splitlines()]
    assert [line["row"] for line in lines] == [3, 4, 5, 6]
    assert [line["what"] for line in lines][:2] == ["s/1.png - s/3.jpg", "s/1.png - s/4.jpg"]
    for line, words in zip(lines, ["got something else", "outside", "got 3", "once"], strict=True):
        assert words in line["why"]
    assert "try things out" in packed.notes[-1]


def test_the_first_that_cannot_be_used_stops(defective, output):
    with pytest.raises(InputError, match=r"pairs.csv, line 3 \(s/1.png - s/3.jpg\): .*--on-error"):
        pack(defective, output)
    assert [path.name for path in defective.parent.parent.iterdir()] == ["set"]


def test_none_that_can_be_used(tmp_path, output):
    manifest = make_pairs(tmp_path / "set", {"s": 2})
    for path in (tmp_path / "set/s").glob("m*.csv"):
        path.write_text("1,2,3,4\n")
    with pytest.raises(InputError, match=r"got 2 that cannot. The first, line 2 .*8 matches"):
        pack(manifest, output, on_error="skip")
    assert not output.exists()


def test_one_sequence_is_told(tmp_path, output):
    packed = pack(make_pairs(tmp_path / "set", {"s": 2}), output)
    assert "one sequence: none can be held back" in packed.notes[-1]


def test_an_interruption_leaves_nothing(tmp_path, output):
    manifest = open_pair_manifest(make_pairs(tmp_path / "set", {"s": 3}))
    count = []

    def interrupt(n):
        count.append(n)
        if len(count) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack_pairs(manifest, output, PackOptions(), advance=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_what_stands_is_kept_unless_it_may_go(tmp_path, output):
    manifest = make_pairs(tmp_path / "set", {"s": 2})
    output.mkdir()
    pack(manifest, output, shard_bytes=1)  # an empty folder will do
    before = contents(output)
    assert len(before) == 3
    with pytest.raises(OutputError, match="add --overwrite"):
        pack(manifest, output)
    pack(manifest, output, overwrite=True)
    assert len(contents(output)) == 2
    (output / "mine.txt").write_text("x")
    with pytest.raises(OutputError, match="a folder with mine.txt"):
        pack(manifest, output, overwrite=True)
    with pytest.raises(OutputError, match="a folder with 1.png"):
        pack(manifest, tmp_path / "set" / "s", overwrite=True)
    with pytest.raises(OutputError, match="got a file"):
        pack(manifest, manifest, overwrite=True)
    assert (output / "mine.txt").exists()


def test_names_in_any_language(tmp_path, output):
    draw_picture(tmp_path / "Größe" / "ä 1.png")
    draw_picture(tmp_path / "Größe" / "日本.png")
    write_matches(tmp_path / "m.csv")
    manifest = write_manifest(
        tmp_path,
        "Größe/ä 1.png,Größe/日本.png,m.csv,Straße",
        header="image_a,image_b,matches,sequence",
    )
    assert pack(manifest, output).about.sequences == {"Straße": 1}
    [pair] = read_pairs(output)
    assert pair.name == "Größe/ä 1.png - Größe/日本.png"
