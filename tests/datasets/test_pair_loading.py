"""Pairs of a manifest opened and checked: what is kept, what is left out, what is refused."""

import json

import numpy as np
import pytest
from PIL import Image
from tiny_manifests import POINTS, SHIFT, draw_picture, make_pairs, write_manifest, write_matches

from embedsvc.datasets.pair_loading import LoadedPair, PairLoading, load_pair, read_pair_manifest
from embedsvc.datasets.pair_manifest import Reject, open_pair_manifest
from embedsvc.errors import InputError
from embedsvc.images.decode import decode_image


@pytest.fixture
def folder(tmp_path):
    draw_picture(tmp_path / "a.png")
    draw_picture(tmp_path / "b.png")
    return tmp_path


def load(folder, matches="m.csv", *, column="matches", b="b.png", **loading):
    header = f"image_a,image_b,{column}"
    path = write_manifest(folder, f'a.png,{b},"{matches}"', header=header)
    [row] = open_pair_manifest(path).rows()
    return load_pair(row, PairLoading(**loading))


def test_a_pair_as_it_was_written(folder):
    write_matches(folder / "m.csv")
    loaded = load(folder)
    assert loaded.pair.name == "a.png - b.png"
    assert loaded.pair.sequence == "a.png"
    assert loaded.pair.image_a == (folder / "a.png").read_bytes()
    assert loaded.pair.points_a.dtype == np.float32
    np.testing.assert_array_equal(loaded.pair.points_a, POINTS)
    np.testing.assert_array_equal(loaded.pair.points_b, POINTS + SHIFT)
    assert loaded.size_a == loaded.size_b == (40, 60)
    assert loaded.n_shrunk == loaded.n_outside == loaded.n_repeated == 0


@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("b.jpg", "L", {}),
        ("b.tif", "RGB", {}),
        ("b.png", "P", {}),
        ("b.gif", "P", {}),
        ("b.png", "RGBA", {}),
        ("b.jpg", "CMYK", {"quality": 95}),
        ("b.webp", "RGB", {}),
    ],
)
def test_colour_modes_sizes_and_formats(folder, name, mode, options):
    draw_picture(folder / name, 120, 90, mode, **options)
    write_matches(folder / "m.csv")
    loaded = load(folder, b=name)
    assert (loaded.size_a, loaded.size_b) == ((40, 60), (120, 90))
    assert decode_image(loaded.pair.image_b).shape == (120, 90, 3)


def test_points_belong_to_the_picture_as_it_is_seen(folder):
    exif = Image.Exif()
    exif[0x0112] = 6  # stands on its side: 60 wide in the file, 40 wide as seen
    draw_picture(folder / "turned.jpg", exif=exif, quality=95)
    (folder / "m.csv").write_text("1,5,38,50\n")
    loaded = load(folder, b="turned.jpg", min_matches=1)
    assert loaded.size_b == (60, 40)
    np.testing.assert_array_equal(loaded.pair.points_b, [[38, 50]])


def test_points_follow_pictures_that_are_made_smaller(folder):
    draw_picture(folder / "b.png", 100, 151)
    write_matches(folder / "m.csv")
    loaded = load(folder, max_side=60)
    assert loaded.n_shrunk == 1
    assert loaded.size_b == (40, 60)
    scale = np.array([60 / 151, 40 / 100])
    expected = (POINTS + SHIFT + 0.5) * scale - 0.5
    np.testing.assert_allclose(loaded.pair.points_b, expected, rtol=1e-5)
    np.testing.assert_array_equal(loaded.pair.points_a, POINTS)
    # The colours at the points are the same: the picture did not shift against them.
    large, small = decode_image(folder / "b.png"), decode_image(loaded.pair.image_b)
    for (x, y), (u, v) in zip(POINTS + SHIFT, loaded.pair.points_b, strict=True):
        near = small[round(float(v)), round(float(u))].astype(int)
        assert np.abs(near - large[round(y), round(x)]).max() <= 4


def test_a_homography_gives_points(folder):
    (folder / "H").write_text("1 0 3\n0 1 2\n0 0 1\n")
    loaded = load(folder, "H", n_points=60)
    assert 50 <= len(loaded.pair.points_a) <= 60
    shift = loaded.pair.points_b - loaded.pair.points_a
    np.testing.assert_allclose(shift, np.tile(SHIFT, (len(shift), 1)), atol=1e-5)
    for again in (
        load(folder, "1 0 3 0 1 2 0 0 1", column="homography", n_points=60),
        load(folder, "H", column="homography", n_points=60),
    ):
        np.testing.assert_array_equal(again.pair.points_a, loaded.pair.points_a)


def test_a_few_points_outside_are_left_out(folder):
    write_matches(folder / "m.csv", np.concatenate([POINTS, [[57.0, 4]]]))  # 60 in b: outside
    loaded = load(folder)
    assert loaded.n_outside == 1
    np.testing.assert_array_equal(loaded.pair.points_a, POINTS)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (
            [[58.0, 4], [4, 58.0]],
            r"got 2 of 14 outside; match 14 has \(4, 58\) in .*a.png, which is "
            "60 wide and 40 high. Check",
        ),
        ([[57.0, 4], [57.0, 6]], r"match 13 has \(60, 6\) in .*b.png"),
    ],
)
def test_many_points_outside_are_refused(folder, points, message):
    write_matches(folder / "m.csv", np.concatenate([POINTS, points]))
    found = load(folder)
    assert isinstance(found, Reject)
    with pytest.raises(InputError, match=message):
        raise InputError(found.why)


def test_repeated_points_count_once(folder):
    rows = "\n".join(f"{x},{y},{x},{y}" for x, y in POINTS)
    (folder / "m.csv").write_text(f"{rows}\n{rows}\n4,4,9,9\n9,9,14,4\n")
    loaded = load(folder)
    assert len(loaded.pair.points_a) == 12
    assert loaded.n_repeated == 14


@pytest.mark.parametrize(
    ("text", "loading", "message"),
    [
        ("1,2,3,4\n", {}, "Expected at least 8 matches, got 1. Add"),
        ("", {}, "at least 8 matches, got 0"),
        ("1,2,3,4\n" * 9, {}, r"got 1 \(9 without 8 at the same place\)"),
        ("1 0 5000\n0 1 0\n0 0 1", {}, "share at least 8 points by the homography, got 0"),
        ("1,2,3", {}, "Expected 4 numbers"),
        ("1,2,3,nan", {}, "finite"),
    ],
)
def test_pairs_that_are_refused(folder, text, loading, message):
    (folder / "m.csv").write_text(text)
    found = load(folder, **loading)
    assert isinstance(found, Reject)
    assert found.row == 2
    with pytest.raises(InputError, match=message):
        raise InputError(found.why)


def test_unreadable_images_are_refused(folder):
    write_matches(folder / "m.csv")
    (folder / "b.png").write_bytes(b"no picture")
    assert "got something else: " in load(folder).why
    (folder / "b.png").write_bytes(b"")
    assert "empty file" in load(folder).why


def test_a_manifest_pair_by_pair(tmp_path):
    path = make_pairs(tmp_path, {"s": 2, "t": 1})
    (tmp_path / "s" / "m3.csv").write_text("1,1,1,1")
    found = list(read_pair_manifest(path))
    assert [getattr(one, "sequence", None) for one in found] == ["s", None, "t"]
    assert isinstance(found[1], Reject)
    pairs = read_pair_manifest(path, PairLoading(min_matches=1))
    assert next(pairs).sequence == "s"


def test_matches_in_json_lines(folder):
    path = folder / "pairs.jsonl"
    matches = np.concatenate([POINTS, POINTS + SHIFT], 1).tolist()
    path.write_text(json.dumps({"image_a": "a.png", "image_b": "b.png", "matches": matches}))
    [row] = open_pair_manifest(path).rows()
    loaded = load_pair(row, PairLoading())
    assert isinstance(loaded, LoadedPair)
    np.testing.assert_array_equal(loaded.pair.points_b, POINTS + SHIFT)


@pytest.mark.parametrize("setting", [{"min_matches": 0}, {"max_side": 0}, {"n_points": 0}])
def test_settings_are_checked(setting):
    with pytest.raises(InputError, match="at least"):
        PairLoading(**setting)
