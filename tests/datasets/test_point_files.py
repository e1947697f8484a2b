"""Points that people write down: read in order, and refused with the line."""

import numpy as np
import pytest

from embedsvc.datasets.point_files import read_points
from embedsvc.errors import InputError


def write(folder, text, name="points.csv"):
    path = folder / name
    path.write_text(text)
    return path


def test_points_in_their_order_with_other_columns(tmp_path):
    path = write(tmp_path, "name, Y ,X\nnose,2.5,1\near,-0.5,39.5\n")
    points = read_points(path, height=30, width=40)
    assert points.tolist() == [[1, 2.5], [39.5, -0.5]]
    assert points.dtype == np.float32
    lines = write(tmp_path, '{"x": 3, "y": 4}\n', "points.jsonl")
    assert read_points(lines, height=30, width=40).tolist() == [[3, 4]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y\n1,2\n40,3\n", r"picture of 40 x 30 pixels, got \(40, 3\) in .*line 3"),
        ("x,y\n1,-0.6\n", "line 2"),
        ("x,y\n1,two\n", "column 'y', got 'two' in .*line 2"),
        ("x,y\n1,nan\n", "column 'y', got 'nan'"),
        ("x,y\n1,\n", "column 'y', got ''"),
        ("x1,y1,x2,y2\n1,2,3,4\n", "Expected a column 'x'"),
        ("x,y\n", "at least one point"),
        ("", "at least one point"),
    ],
)
def test_unusable_points(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_points(write(tmp_path, text), height=30, width=40)


def test_no_file(tmp_path):
    with pytest.raises(InputError, match="nowhere.csv"):
        read_points(tmp_path / "nowhere.csv", height=3, width=4)
