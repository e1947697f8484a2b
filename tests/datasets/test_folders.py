"""From places to records."""

import os
import sys
from pathlib import Path

import pytest

from embedsvc.datasets.folders import iter_images, scan_images
from embedsvc.errors import InputError
from embedsvc.images.records import ImageRecord


def names(*places, **options):
    return [record.name for record in scan_images(list(places), **options)]


def test_a_folder(draw):
    root = draw("b.png", "a/img10.JPG", "a/img2.jpg", "notes.txt", "a/data.csv")
    assert scan_images([root]) == [
        ImageRecord(path=root / "a" / "img10.JPG", name="a/img10.JPG"),
        ImageRecord(path=root / "a" / "img2.jpg", name="a/img2.jpg"),
        ImageRecord(path=root / "b.png", name="b.png"),
    ]
    assert names(root, recursive=False) == ["b.png"]


def test_all_endings(draw):
    images = [
        "x.bmp",
        "x.gif",
        "x.jpeg",
        "x.jpg",
        "x.pgm",
        "x.png",
        "x.ppm",
        "x.tif",
        "x.tiff",
        "x.webp",
    ]
    assert names(draw(*images, "x.svg", "x.pcx")) == images


def test_a_glob_names_below_its_fixed_part(draw):
    root = draw("parts/1.png", "parts/sub/2.png", "parts/3.jpg")
    assert names(f"{root}/parts/*.png") == ["1.png"]
    assert names(f"{root}/*/**/*.png") == ["parts/1.png", "parts/sub/2.png"]


def test_a_file_named_outright_is_kept_whatever_its_name(draw):
    root = draw("scan", ".x.dat")
    assert names(root / "scan") == ["scan"]
    assert names(root / "scan", root / ".x.dat") == ["scan", ".x.dat"]


def test_several_places_stand_in_front_of_names(draw):
    root = draw("a/1.png", "b/1.png", "c/1.png", "c/2.png", "d.png")
    found = names(root / "a", root / "b", f"{root}/c/1*", root / "d.png")
    assert found == ["a/1.png", "b/1.png", "c/1.png", "d.png"]


def test_places_of_one_name_are_told_apart(draw):
    root = draw("a/good/1.png", "b/good/1.png")
    assert names(root / "a" / "good", root / "b" / "good") == ["a/good/1.png", "b/good/1.png"]
    files = [root / "a/good/1.png", root / "b/good/1.png"]
    assert names(*files) == ["a/good/1.png", "b/good/1.png"]


def test_the_working_folder_has_a_name(draw, monkeypatch):
    root = draw("here/1.png", "there/2.png")
    monkeypatch.chdir(root / "here")
    assert names(".") == ["1.png"]
    assert names(".", "../there") == ["here/1.png", "there/2.png"]
    assert scan_images(["."])[0].path == Path("1.png")


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        (["a", "a"], ["a/1.png", "a/s/2.png", "a/s/3.jpg"]),
        (["a", "a/s"], ["a/1.png", "a/s/2.png", "a/s/3.jpg"]),
        (["a/s", "a"], ["s/2.png", "s/3.jpg", "a/1.png"]),
        (["a/*.png", "a/**/*.png"], ["a/1.png", "a/s/2.png"]),
        (["a/1.png", "a", "a/s/2.png"], ["1.png", "a/s/2.png", "a/s/3.jpg"]),
        (["a", "a/.h"], ["a/1.png", "a/s/2.png", "a/s/3.jpg", ".h/4.png"]),
        (["a/../a", "a/1.png"], ["a/1.png", "a/s/2.png", "a/s/3.jpg"]),
    ],
)
def test_an_image_is_given_once(draw, monkeypatch, places, expected):
    monkeypatch.chdir(draw("a/1.png", "a/s/2.png", "a/s/3.jpg", "a/.h/4.png"))
    assert names(*places) == expected


def test_a_missing_place_is_told_before_the_first_image(draw):
    root = draw("a/1.png")
    with pytest.raises(InputError, match="does not exist"):
        iter_images([root / "a", root / "gone"])


def test_images_are_streamed(draw, monkeypatch):
    root = draw("a/1.png", "b/2.png")
    opened = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda folder: opened.append(folder) or scandir(folder))
    images = iter_images([root])
    assert opened == []
    assert next(images).name == "a/1.png"
    assert opened == [root, root / "a"]
    images.close()


def test_nothing_found_says_what_was_looked_for_and_what_was_there(draw):
    root = draw("a.txt", "b.TXT", "c.csv", "README")
    with pytest.raises(InputError) as caught:
        scan_images([root])
    text = str(caught.value)
    assert text.startswith(f"Expected images in {str(root)!r} (endings .jpg, .jpeg, .png, .webp,")
    assert "got 4 other files: 2 .txt, 1 .csv, 1 without a known ending" in text or (
        "got 4 other files: 2 .txt, 1 without a known ending, 1 .csv" in text
    )


def test_an_empty_folder_is_told(draw):
    root = draw("a/1.png")
    (root / "empty").mkdir()
    with pytest.raises(InputError, match="empty'.*got no files"):
        scan_images([root / "a", root / "empty"])


def test_many_endings_are_cut(draw):
    root = draw(*(f"x.{number}" for number in range(12)))
    with pytest.raises(InputError, match="12 other files.* and 4 endings more"):
        scan_images([root])


@pytest.mark.skipif(sys.platform != "linux", reason="names are Unicode elsewhere")
def test_a_name_that_is_no_utf8_can_be_printed(tmp_path, png):
    (tmp_path / os.fsdecode(b"gr\xf6\xdfe.png")).write_bytes(png)
    (record,) = scan_images([tmp_path])
    assert record.name == "gr\\xf6\\xdfe.png"
    assert record.path.read_bytes() == png
