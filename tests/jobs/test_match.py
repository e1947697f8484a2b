"""Matching two pictures: points in, matches out, with describers that are simple."""

import numpy as np
import pytest
from PIL import Image
from skimage import data

from embedsvc.errors import InputError
from embedsvc.jobs.describers import find_describer, load_describer
from embedsvc.jobs.match import MatchOptions, Picture, match_pictures, read_picture
from embedsvc.jobs.match_outputs import advice, draw_matches, homography_facts, summary
from embedsvc.pairs.baselines import BASELINES


class Colours:
    """Describes a point by the colours around it."""

    name = "colours"

    def describe(self, image, points):
        padded = np.pad(image.astype(np.float32), ((6, 6), (6, 6), (0, 0)), mode="reflect")
        x, y = np.rint(points).astype(int).T
        rows = [
            padded[at : at + 13, left : left + 13].ravel() for at, left in zip(y, x, strict=True)
        ]
        vectors = np.array(rows, np.float32).reshape(len(points), 13 * 13 * 3)
        return vectors - vectors.mean(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def shifted(tmp_path_factory):
    """Two parts of one photograph, of different sizes, 30 and 20 pixels apart."""
    folder = tmp_path_factory.mktemp("shifted")
    photo = data.astronaut()
    Image.fromarray(photo[100:330, 60:330]).save(folder / "a.png")
    Image.fromarray(photo[120:300, 90:420]).save(folder / "b.png")
    return folder / "a.png", folder / "b.png"


def pictures(shifted, **options):
    given = MatchOptions(n_points=300, **options)
    return read_picture(shifted[0], None, given), read_picture(shifted[1], None, given), given


def test_a_shift_is_found(shifted):
    a, b, options = pictures(shifted)
    counts = []
    found = match_pictures(a, b, Colours(), options, advance=counts.append)
    assert counts == [1, 1]
    right = np.abs(found.points_a - found.points_b - [30, 20]).max(axis=1) < 1
    assert right.sum() > 60
    np.testing.assert_array_equal(found.fit.inliers[right], True)
    np.testing.assert_allclose(
        found.fit.homography, [[1, 0, -30], [0, 1, -20], [0, 0, 1]], atol=0.05
    )
    table = found.table()
    assert table.column_names == ["x1", "y1", "x2", "y2", "similarity", "ratio", "inlier"]
    assert table.column("similarity").to_pylist() == sorted(
        table.column("similarity").to_pylist(), reverse=True
    )
    facts = homography_facts(found, (a, b))
    assert facts["n_inliers"] == sum(table.column("inlier").to_pylist())
    assert facts["reason"] is None
    assert facts["threshold"] == 3
    assert advice(found, (a, b), options) == []


def test_large_pictures_are_measured_coarser(shifted):
    a, b, options = pictures(shifted)
    large = Picture(b.path, np.pad(b.image, ((0, 0), (0, 3200 - 330), (0, 0))), b.points)
    assert match_pictures(a, large, Colours(), options).threshold == 6
    given = MatchOptions(threshold=1.5)
    assert match_pictures(a, large, Colours(), given).threshold == 1.5


def test_options_reach_the_matching(shifted):
    a, b, options = pictures(shifted, ransac=False)
    plain = match_pictures(a, b, Colours(), options)
    assert plain.table().column_names[-1] == "ratio"
    assert homography_facts(plain, (a, b)) == {}
    everything = match_pictures(a, b, Colours(), MatchOptions(mutual=False, ransac=False))
    strict = match_pictures(a, b, Colours(), MatchOptions(ratio=0.6, ransac=False))
    assert len(everything) == len(a.points) > len(plain) > len(strict) > 0
    assert strict.ratio.max() <= 0.6


def test_a_match_without_a_rival_has_no_ratio(shifted):
    a, b, options = pictures(shifted)
    alone = Picture(b.path, b.image, b.points[:1])
    found = match_pictures(a, alone, Colours(), options)
    assert found.table().column("ratio").to_pylist() == [None]
    assert "at least 5 matches to tell, got 1" in advice(found, (a, alone), options)[0]


def test_points_that_are_given(shifted, tmp_path):
    (tmp_path / "p.csv").write_text("x,y\n100,100\n120,80\n")
    picture = read_picture(shifted[0], tmp_path / "p.csv", MatchOptions())
    assert picture.points.tolist() == [[100, 100], [120, 80]]
    (tmp_path / "far.csv").write_text("x,y\n300,100\n")  # Of b, but not of a.
    assert len(read_picture(shifted[1], tmp_path / "far.csv", MatchOptions()).points) == 1
    with pytest.raises(InputError, match="270 x 230 pixels"):
        read_picture(shifted[0], tmp_path / "far.csv", MatchOptions())


def test_nothing_to_match(tmp_path, shifted):
    Image.new("L", (1, 1)).save(tmp_path / "tiny.png")
    a, b, options = pictures(shifted)
    tiny = read_picture(tmp_path / "tiny.png", None, options)
    found = match_pictures(a, tiny, Colours(), options)
    assert len(found) == 0
    assert found.table().num_rows == 0
    assert "tiny.png has no keypoints" in advice(found, (a, tiny), options)[0]
    draw_matches(tmp_path / "m.png", a, tiny, [("colours", found)])
    with Image.open(tmp_path / "m.png") as drawn:
        assert drawn.width == 1600


def test_what_to_try_where_nothing_matches(shifted):
    class Nothing(Colours):
        def describe(self, image, points):
            return np.zeros((len(points), 4), np.float32)

    strict = MatchOptions(ratio=0.5)
    a, b, _ = pictures(shifted)
    found = match_pictures(a, b, Nothing(), strict)
    assert advice(found, (a, b), strict) == [
        "There are no matches. Try a higher --ratio than 0.5, --no-mutual, more --points or "
        "another --model."
    ]
    assert summary("m.csv", found, (a, b), None) == "m.csv: 0 matches of 300 and 300 points"


def test_a_describer_that_breaks_its_promise(shifted):
    class Broken(Colours):
        name = "broken"

        def describe(self, image, points):
            return super().describe(image, points)[:5]

    a, b, options = pictures(shifted)
    with pytest.raises(InputError, match="each of 300 points from broken, got shape"):
        match_pictures(a, b, Broken(), options)


def test_describers_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in BASELINES:
        assert load_describer(name).name
    (tmp_path / "raw").mkdir()  # The baseline is meant; the folder is ./raw.
    assert load_describer("raw").name.startswith("raw")
    (tmp_path / "file").write_text("")
    for name, got in (
        ("sfit", "got 'sfit'"),
        ("minilm", "got a model for texts 'minilm'"),
        ("file", "got a file 'file'"),
        ("", "got ''"),
        ("x" * 5000, "got 'xxx"),
        ("\0", "got"),
    ):
        with pytest.raises(InputError, match=got) as caught:
            find_describer(name)
        assert "efficientnet-lite0 (untrained), raw, hog, orb, sift" in str(caught.value)
