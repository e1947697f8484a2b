"""`embedsvc match`: what it writes, draws, tells and refuses."""

import csv
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from skimage import data

MATCH = ("match", "a.png", "b.png", "--points", "150")


@pytest.fixture
def match(invoke, tmp_path):
    """Two parts of a photograph of different sizes and colour modes, 20 and 10 pixels apart."""
    photo = data.astronaut()
    Image.fromarray(photo[100:260, 150:350]).save(tmp_path / "a.png")
    Image.fromarray(photo[110:250, 170:380]).convert("L").save(tmp_path / "b.png")

    def run(*arguments, **options):
        return invoke(*MATCH, *arguments, **options)

    return run


def csv_rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_matches_homography_and_picture(match, tmp_path):
    result = match("--model", "raw", "-o", "m.csv", "--plot", "m.png")
    assert result.stdout == ""
    rows = csv_rows(tmp_path / "m.csv")
    assert list(rows[0]) == ["x1", "y1", "x2", "y2", "similarity", "ratio", "inlier"]
    good = [row for row in rows if row["inlier"] == "true"]
    assert len(good) > 40
    shift = [float(row["x1"]) - float(row["x2"]) for row in good]
    assert np.abs(np.array(shift) - 20).max() < 3
    facts = json.loads((tmp_path / "m.csv.homography.json").read_text())
    assert facts["n_inliers"] == len(good)
    assert facts["n_matches"] == len(rows)
    np.testing.assert_allclose(facts["homography"], [[1, 0, -20], [0, 1, -10], [0, 0, 1]], atol=0.5)
    assert json.loads((tmp_path / "m.csv.metadata.json").read_text())["model"] == "raw"
    assert f"m.csv: {len(rows)} matches of 150 and 150 points, {len(good)} (" in result.stderr
    assert "(m.csv.homography.json); drawn in m.png" in result.stderr
    with Image.open(tmp_path / "m.png") as drawn:
        assert drawn.width == 1600


def test_another_run_replaces_all_files(match, tmp_path):
    match("--model", "raw", "-o", "m.csv", "--quiet")
    for arguments in (("-o", "m.csv"), ("-o", "n.csv", "--plot", "m.png")):
        (tmp_path / "m.png").write_bytes(b"")
        refused = match("--model", "raw", *arguments, exit_code=5)
        assert "add --overwrite" in refused.stderr
        assert not (tmp_path / "n.csv").exists()
    match("--model", "raw", "-o", "m.csv", "--no-ransac", "--overwrite")
    assert "inlier" not in csv_rows(tmp_path / "m.csv")[0]
    assert not (tmp_path / "m.csv.homography.json").exists()


def test_the_same_again(match, tmp_path):
    for name in ("1.csv", "2.csv"):
        match("--model", "hog", "-o", name)
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "2.csv").read_bytes()


def test_rows_for_programs(match, tmp_path):
    result = match("--model", "raw", "--ratio", "0.9", "-o", "-")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert set(rows[0]) == {"x1", "y1", "x2", "y2", "similarity", "ratio", "inlier"}
    assert max(row["ratio"] for row in rows) <= 0.9
    facts = json.loads(result.stderr.splitlines()[0])
    assert len(facts["homography"]) == 3
    match("--model", "raw", "--ratio", "0.9", "-o", "m.parquet")
    table = pq.read_table(tmp_path / "m.parquet")
    for name in ("x1", "y2", "ratio", "inlier"):
        np.testing.assert_allclose(table.column(name), [row[name] for row in rows], rtol=1e-6)
    quiet = match("--model", "raw", "-o", "-", "--quiet")
    assert quiet.stderr == ""


def test_before_and_after(match, tmp_path):
    match("--model", "raw", "-o", "1.csv", "--plot", "1.png")
    result = match("--model", "raw", "--before", "orb", "-o", "2.csv", "--plot", "2.png")
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "2.csv").read_bytes()
    assert len(result.stderr.splitlines()) == 1
    with Image.open(tmp_path / "1.png") as one, Image.open(tmp_path / "2.png") as two:
        assert two.height > 1.7 * one.height


def test_points_of_ones_own(match, tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n60,70\n90,50\n")
    (tmp_path / "b.csv").write_text("x,y\n5,5\n70,40\n40,60\n")
    arguments = ("--model", "raw", "--points-a", "a.csv", "-o", "m.csv", "--overwrite")
    match(*arguments, "--points-b", "b.csv")
    found = [tuple(row.values())[:4] for row in csv_rows(tmp_path / "m.csv")]
    assert sorted(found) == [("60.0", "70.0", "40.0", "60.0"), ("90.0", "50.0", "70.0", "40.0")]
    match(*arguments, "--keypoints", "grid")
    assert len(csv_rows(tmp_path / "m.csv")) <= 2
    (tmp_path / "b.csv").write_text("x,y\n205,5\n5,150\n")
    refused = match(*arguments, "--points-b", "b.csv", exit_code=3)
    assert "got (5, 150) in b.csv, line 3" in refused.stderr


def test_pictures_that_show_nothing(match, tmp_path):
    Image.new("RGB", (60, 40), (9, 9, 9)).save(tmp_path / "b.png")
    result = match("--model", "sift", "-o", "m.csv", "--plot", "m.png")
    assert (tmp_path / "m.csv").read_text() == "x1,y1,x2,y2,similarity,ratio,inlier\n"
    assert "b.png has no keypoints" in result.stderr
    assert "Try --keypoints grid" in result.stderr
    assert json.loads((tmp_path / "m.csv.homography.json").read_text())["homography"] is None
    result = match("--model", "raw", "--keypoints", "grid", "-o", "m.csv", "--overwrite")
    assert result.stderr.startswith("Note: There is no homography: it takes at least 5 matches")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--model", "nothing", "-o", "-"), 3, "got 'nothing'. There are efficientnet-lite0"),
        (("-o", "-"), 2, "--model"),
        (("--model", "raw", "-o", "m.txt"), 3, "ends in .csv, .jsonl, .parquet"),
        (("--model", "raw", "-o", "-", "--plot", "m.jpg"), 3, "ends in .png"),
        (("--model", "raw", "-o", "-", "--plot", "a.png", "--overwrite"), 3, "apart from the inp"),
        (("--model", "raw", "-o", "p.csv", "--points-a", "p.csv", "--overwrite"), 3, "apart from"),
        (("--model", "raw", "-o", "-", "--before", "orb"), 2, "--plot"),
        (
            ("--model", "raw", "-o", "-", "--before", "raw", "--plot", "m.png"),
            2,
            "--before and --model are the same",
        ),
        (("--model", "raw", "-o", "-", "--no-ransac", "--threshold", "2"), 2, "--threshold is"),
        (("--model", "raw", "-o", "-", "--ratio", "1.5"), 2, "--ratio"),
        (("--model", "raw", "-o", "-", "--points-b", "none.csv"), 3, "none.csv"),
        (("--model", ".", "-o", "-"), 4, "Expected"),
    ],
)
def test_mistakes(match, tmp_path, arguments, code, message):
    (tmp_path / "p.csv").write_text("x,y\n1,2\n")
    result = match(*arguments, exit_code=code)
    assert message in " ".join(result.stderr.split())
    assert result.stdout == ""
    assert (tmp_path / "p.csv").read_text() == "x,y\n1,2\n"
    assert not (tmp_path / "m.png").exists()


def test_pictures_that_cannot_be_read(invoke, match, tmp_path):
    del match  # Its pictures are here.
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nnot")
    for name in ("bad.png", "missing.png", "."):
        result = invoke("match", "a.png", name, "--model", "raw", "-o", "m.csv", exit_code=3)
        assert result.stderr.startswith("Error: Expected")
    assert not (tmp_path / "m.csv").exists()


def test_no_tensorflow_without_a_network(match, start):
    del match
    code = (*MATCH, "--model", "raw", "-o", "-", "--quiet", "--plot", "m.png")
    process = start(*code, env=None)
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert out.count("\n") > 40
