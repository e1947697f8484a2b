"""The columns that the script of the page reads."""

from dataclasses import replace

import numpy as np
import pytest
from made_reports import made_images

from embedsvc.errors import InputError
from embedsvc.report import anomaly_rows
from embedsvc.report.anomaly_rows import page_rows


def test_columns():
    images = made_images(4, pictures=1, labels=True, baseline=True)
    rows = page_rows([*images[:3], replace(images[3], label=None, defect=None)], 1.0)
    assert rows["rank"] == [1, 2, 3, 4]
    assert rows["folders"] == ["part0", "part1", "part2"]
    assert rows["folder"] == [0, 1, 2, 0]
    assert rows["score"] == [2.0, 1.33333, 0.666667, 0.0]
    assert rows["anomalous"] == [1, 1, 0, 0]
    assert rows["label"] == [0, 1, 0, None]
    assert rows["defect"] == ["good", "scratch", "good", None]
    assert rows["baseline"] == [0, 1, 0, 0]
    assert list(rows["pictures"]) == [0]
    assert [view[:23] for view in rows["pictures"][0]] == ["data:image/jpeg;base64,"] * 3


def test_numpy_values_become_plain_ones():
    image = replace(
        made_images(1)[0],
        score=np.float32(0.1),
        is_anomaly=np.bool_(1),
        label=np.int64(1),
        baseline_is_anomaly=np.bool_(0),
    )
    rows = page_rows([image], 1.0)
    for column in ("score", "anomalous", "label", "baseline"):
        assert type(rows[column][0]) in (int, float)
    assert rows["score"] == [0.1]


def test_a_picture_without_a_map():
    image = replace(made_images(1, pictures=1)[0], map_picture=None, overlay_picture=None)
    assert page_rows([image], 1.0)["pictures"][0][1:] == [None, None]
    assert page_rows([replace(image, picture=None)], 1.0)["pictures"] == {}
    with pytest.raises(InputError, match="Expected the bytes of a JPEG"):
        page_rows([replace(image, picture=b"no picture")], 1.0)


def test_a_page_has_a_size(monkeypatch):
    images = made_images(40, pictures=40, labels=True)
    size = sum(map(len, (images[0].picture, images[0].map_picture, images[0].overlay_picture)))
    monkeypatch.setattr(anomaly_rows, "MOST_PICTURE_BYTES", 12 * size)
    monkeypatch.setattr(anomaly_rows, "MOST_ROWS", 15)
    rows = page_rows(images, 1.0)
    # The eight misjudged images come first, then the most anomalous ones.
    ranks = [rows["rank"][row] for row in rows["pictures"]]
    assert ranks == [1, 2, 3, 4, 5, 6, 11, 16, 21, 26, 31, 36]
    # And all images with pictures are listed.
    assert rows["rank"] == [*range(1, 16), 16, 21, 26, 31, 36]


def test_no_images():
    rows = page_rows([], 1.0)
    assert rows["name"] == rows["folders"] == []
