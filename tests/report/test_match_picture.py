"""The picture of matches: what is drawn, for pictures and matches of all sizes."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from embedsvc.errors import InputError, OutputError
from embedsvc.report import match_picture
from embedsvc.report.match_picture import MOST_LINES, Check, MatchRow, spread, write_match_picture

GREY = np.full((120, 160, 3), 128, np.uint8)


def points(n, seed=0):
    return np.random.default_rng(seed).uniform([0, 0], [159, 119], (n, 2)).astype(np.float32)


def drawn(path, a, b, rows, **options):
    write_match_picture(a, b, rows, path, **options)
    return np.asarray(Image.open(io.BytesIO(path.read_bytes())).convert("RGB")).astype(int)


def coloured(picture, kind):
    """Pixels that look blue (agreeing) or orange (others)."""
    red, _, blue = np.moveaxis(picture, -1, 0)
    return (blue - red > 60) if kind == "agree" else (red - blue > 60)


def test_agreeing_and_other_matches_look_different(tmp_path):
    inliers = np.arange(40) < 30
    row = MatchRow("sift", points(40), points(40, 1), inliers)
    picture = drawn(tmp_path / "m.png", GREY, GREY, [row])
    assert picture.shape[1] == 1600
    assert coloured(picture, "agree").sum() > coloured(picture, "others").sum() > 1000
    # Solid against dashed: told apart without colour, too.
    one = np.float32([[20, 60]])
    solid = drawn(tmp_path / "a.png", GREY, GREY, [MatchRow("", one, one, np.array([True]))])
    dashed = drawn(tmp_path / "b.png", GREY, GREY, [MatchRow("", one, one, np.array([False]))])
    grey_solid, grey_dashed = solid.mean(axis=2), dashed.mean(axis=2)
    line = slice(300, 700)  # Between the ends, which have marks.
    row_of_line = int(np.argmax(np.abs(grey_solid[60:400, line] - 128).sum(axis=1))) + 60
    plain = np.abs(grey_solid[row_of_line, line] - np.median(grey_solid[row_of_line, line])) < 3
    gaps = np.abs(grey_dashed[row_of_line, line] - 128) < 3
    assert plain.mean() > 0.95
    assert 0.2 < gaps.mean() < 0.8


def test_lines_end_where_the_points_are(tmp_path):
    # One match between dark pictures: blue at both of its ends and in between.
    black = np.zeros_like(GREY)
    a, b = np.float32([[0, 0]]), np.float32([[159, 119]])
    picture = drawn(tmp_path / "m.png", black, black, [MatchRow("", a, b)])
    dark = (picture == 0).all(axis=2)
    rows, columns = np.flatnonzero(dark.mean(axis=1) > 0.5), np.flatnonzero(dark.mean(axis=0) > 0.5)
    top, bottom, left, right = rows[0], rows[-1], columns[0], columns[-1]
    blue = coloured(picture, "agree")
    assert blue[top - 4 : top + 12, left - 4 : left + 12].any()
    assert blue[bottom - 12 : bottom + 4, right - 12 : right + 4].any()
    assert not blue[bottom - 60 : bottom - 10, left : left + 200].any()


def test_rows_one_above_the_other(tmp_path):
    row = MatchRow("Before: raw", points(9), points(9), np.zeros(9, np.bool_))
    after = MatchRow("After: mine", points(9), points(9), np.ones(9, np.bool_))
    one = drawn(tmp_path / "1.png", GREY, GREY, [row])
    two = drawn(tmp_path / "2.png", GREY, GREY, [row, after], names=("a.png", "b.png"))
    assert two.shape[0] > 1.7 * one.shape[0]
    half = two.shape[0] // 2
    assert coloured(two[60:half], "others").sum() > 50 * coloured(two[60:half], "agree").sum()
    below = two[half + 40 : -80]
    assert coloured(below, "agree").sum() > 50 * coloured(below, "others").sum()


def test_the_words_of_a_row():
    n = MOST_LINES + 50
    inliers = np.arange(n) < 50
    assert MatchRow("", points(n), points(n), inliers).summary == (
        f"{n} matches, 50 (25 %) agree on one homography · {MOST_LINES} drawn, spread over the "
        "picture"
    )
    assert MatchRow("", points(1), points(1)).summary == "1 match"
    nothing = np.empty((0, 2))
    assert MatchRow("", nothing, nothing, np.empty(0, np.bool_)).summary == "0 matches"
    wrong = MatchRow("", points(9), points(9), np.zeros(9, np.bool_))
    assert wrong.summary == "9 matches, which agree on no homography"


def test_the_words_of_another_check(tmp_path, monkeypatch):
    check = Check("right", "wrong", "none right")
    one = MatchRow("", points(4), points(4, 1), np.arange(4) < 1, check)
    assert one.summary == "4 matches, 1 (25 %) right"
    assert MatchRow("", points(4), points(4), np.zeros(4, bool), check).summary == (
        "4 matches, none right"
    )
    written = []
    write = match_picture._write

    def note(figure, x, y, text, *arguments, **looks):
        written.append(text)
        return write(figure, x, y, text, *arguments, **looks)

    monkeypatch.setattr(match_picture, "_write", note)
    drawn(tmp_path / "m.png", GREY, GREY, [one, MatchRow("plain", points(2), points(2))])
    assert written[-3:] == ["right", "wrong", "matches, not checked by a homography"]


@pytest.mark.parametrize(
    ("a", "b"),
    [((1, 1), (1, 1)), ((4, 900), (900, 4)), ((3000, 2000), (7, 9)), ((50, 60), (60, 50))],
)
def test_pictures_of_any_size(tmp_path, a, b):
    image_a, image_b = (np.full((*one, 3), 90, np.uint8) for one in (a, b))
    middle = [np.float32([[(w - 1) / 2, (h - 1) / 2]]) for h, w in (a, b)]
    row = MatchRow("$x^2$ 東京 " * 30, *middle, np.array([True]))
    picture = drawn(tmp_path / "m.png", image_a, image_b, [row], names=("東" * 300, "\x1b"))
    assert picture.shape[1] == 1600
    assert picture.shape[0] < 1000
    assert coloured(picture, "agree").any()


def test_no_matches_are_a_picture_too(tmp_path):
    nothing = np.empty((0, 2), np.float32)
    for inliers in (None, np.empty(0, np.bool_)):
        picture = drawn(tmp_path / "m.png", GREY, GREY, [MatchRow("x", nothing, nothing, inliers)])
        assert not coloured(picture[:-60], "agree").any()


def test_points_that_are_far_apart_are_chosen():
    crowd = np.random.default_rng(0).normal(0, 0.01, (500, 2))
    corners = np.array([[0, 100], [100, 0], [100, 100]])
    chosen = spread(np.concatenate([crowd, corners]), 4)
    assert chosen.tolist() == [0, 500, 501, 502]
    assert spread(corners, 3).tolist() == spread(corners, 99).tolist() == [0, 1, 2]
    assert spread(corners, 0).tolist() == []
    assert spread(np.zeros((9, 2)), 4).size == len(set(spread(np.zeros((9, 2)), 4))) == 4


def test_mistakes(tmp_path):
    row = MatchRow("x", points(3), points(3))
    with pytest.raises(InputError, match="at least one row"):
        write_match_picture(GREY, GREY, [], tmp_path / "m.png")
    with pytest.raises(InputError, match="as many inliers"):
        write_match_picture(GREY, GREY, [MatchRow("x", points(3), points(2))], tmp_path / "m.png")
    with pytest.raises(InputError):
        write_match_picture(GREY[:, :, 0], GREY, [row], tmp_path / "m.png")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Cure that"):
        write_match_picture(GREY, GREY, [row], Path(tmp_path / "file" / "m.png"))
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
