"""The page of a map: whole, safe, and all of its data readable again."""

import json
import re

import numpy as np
import pytest
from made_maps import data_of, made_map, unpacked
from made_reports import NASTY

from embedsvc.errors import OutputError
from embedsvc.report.map_colors import colouring
from embedsvc.report.map_page import render_map_page, write_map_page


def test_data_come_back():
    shown = made_map(
        60, columns={"stars": [str(i % 5) for i in range(60)], "no": list(map(str, range(60)))}
    )
    data = data_of(render_map_page(shown))
    grid = unpacked(data["xy"], "<u2").reshape(-1, 2).astype(float)
    # One scale for both axes, y downwards.
    expected = shown.places * [1, -1]
    expected = (expected - expected.min(axis=0)) / np.ptp(shown.places, axis=0).max() * 65535
    np.testing.assert_allclose(grid - grid.min(axis=0), expected, atol=1)
    assert data["n"] == 60
    assert data["ids"][7] == "id7"
    assert data["texts"] == list(shown.texts)
    groups = data["groups"]
    assert [groups["names"][code] for code in unpacked(groups["codes"], "<u2")] == [
        f"topic {i % 3}" for i in range(60)
    ]
    assert groups["counts"] == [20, 20, 20]
    assert groups["colours"] == [0, 1, 2]
    stars, no = data["columns"]
    assert [stars["names"][code] for code in unpacked(stars["codes"], "<u2")] == [
        str(i % 5) for i in range(60)
    ]
    assert no["values"][59] == "59"
    assert data["measure"] is None


def test_numbers():
    values = [0.25, None, 1e300, -3.5]
    page = render_map_page(made_map(4, colouring=colouring("n", values)))
    data = data_of(page)
    found = unpacked(data["measure"]["values"], "<f8")
    np.testing.assert_array_equal(found, [0.25, np.nan, 1e300, -3.5])
    assert "1 without a number" in page


def test_points_of_no_group():
    data = data_of(render_map_page(made_map(3, colouring=colouring("t", ["a", None, "a"]))))
    assert unpacked(data["groups"]["codes"], "<u2").tolist() == [0, 65535, 0]
    assert data["groups"]["n_none"] == 1


@pytest.mark.parametrize(
    "nasty", [NASTY, "<!--<script>", "\u2028\u2029", "'\"&<>", "\ud800\x00\x1b[31m"]
)
def test_texts_of_users_stay_texts(nasty, tmp_path):
    shown = made_map(
        2,
        title=nasty,
        ids=[nasty, "b"],
        texts=[nasty, None],
        columns={nasty: [nasty, ""]},
        colouring=colouring(nasty, [nasty, nasty]),
        notes=(nasty,),
    )
    write_map_page(shown, tmp_path / "map.html")
    page = (tmp_path / "map.html").read_text(encoding="utf-8")
    assert page.count("</script>") == 2
    assert page.count("<script") == 2
    assert "<!--" not in page
    inner = page.split('id="map-data">')[1].split("</script>")[0]
    assert not set(inner) & set("<>&'\u2028\u2029\x00\x1b")
    assert data_of(page)["texts"][1] is None


def test_nothing_is_asked_from_outside():
    page = render_map_page(made_map())
    assert not re.findall(r'(?:src|href)="(?!#)', page)
    assert "default-src &#39;none&#39;" in page
    assert "url(" not in page


def test_without_texts_ids_or_colours():
    shown = made_map(3, groups=0, texts=None, ids=["0", "1", "2"], kind="vector")
    page = render_map_page(shown)
    data = data_of(page)
    assert data["ids"] is None
    assert data["texts"] is None
    assert data["groups"] is None
    assert "Search ids" in page
    assert 'id="groups"' not in page
    assert data_of(render_map_page(made_map(2, texts=[None, None])))["texts"] is None


def test_pictures():
    shown = made_map(2, texts=None, kind="image", pictures=[b"\xff\xd8\xff", None])
    page = render_map_page(shown)
    assert data_of(page)["pictures"] == ["/9j/", None]
    assert 'id="pictures"' in page


@pytest.mark.parametrize("n", [0, 1, 5])
def test_few_points_and_all_at_one_place(n):
    shown = made_map(n, places=np.full((n, 2), 3, np.float32))
    data = data_of(render_map_page(shown))
    assert set(unpacked(data["xy"], "<u2").tolist()) <= {32767, 32768}


def test_long_texts_are_cut():
    texts = ["word " * 100, "é" * 500, "x" * 300]
    found = data_of(render_map_page(made_map(3, texts=texts)))["texts"]
    assert [len(text) for text in found] == [300, 301, 300]
    assert found[0].endswith("word…")
    assert found[2] == texts[2]


def test_fifty_thousand_points_stay_below_12_mb():
    n = 50_000
    shown = made_map(n, texts=["word " * 80] * n, groups=40)
    page = render_map_page(shown)
    assert len(page.encode()) < 12e6
    assert len(data_of(page)["texts"][0]) > 100


def test_many_groups_repeat_colours_and_say_so():
    page = render_map_page(made_map(200, groups=25))
    assert "Colours repeat" in page
    assert set(data_of(page)["groups"]["colours"]) == set(range(10))
    assert "Colours repeat" not in render_map_page(made_map(60))


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="Expected to write"):
        write_map_page(made_map(), tmp_path / "file" / "map.html")


def test_json_has_no_nan():
    data = data_of(render_map_page(made_map(3, kept=float("nan"))))
    json.dumps(data, allow_nan=False)
