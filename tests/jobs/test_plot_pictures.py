"""Small pictures for a map: bounded, and never an end."""

import io

from PIL import Image

from embedsvc.jobs import plot_pictures
from embedsvc.jobs.plot_pictures import small_pictures


def test_small_and_in_order(tmp_path):
    Image.new("RGB", (400, 200), "red").save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"nothing")
    done = []
    files = [None, str(tmp_path / "a.png"), str(tmp_path / "b.png"), str(tmp_path / "gone.png")]
    pictures, said = small_pictures(files, advance=done.append)
    assert [one is None for one in pictures] == [True, False, True, True]
    with Image.open(io.BytesIO(pictures[1])) as small:
        assert small.size == (80, 40)
    assert said == "Not found: 1 image. Not readable: 2 images."
    assert sum(done) == 3


def test_no_more_than_a_page_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(plot_pictures, "MOST_PICTURES", 3)
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    files = [str(tmp_path / "a.png")] * 7
    pictures, said = small_pictures(files, seed=1)
    assert sum(one is not None for one in pictures) == 3
    assert said == "The map has pictures of 3 of 7 images."
    assert small_pictures(files, seed=1)[0] == pictures


def test_nothing():
    assert small_pictures([]) == ([], None)
