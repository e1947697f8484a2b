"""One order everywhere, and an end to every circle of links."""

import os

import pytest

from embedsvc.datasets.walk import is_image_name, walk_files
from embedsvc.errors import InputError


def test_order_is_that_of_sorted_path_parts(draw):
    names = ["b.png", "a/2.png", "a/10.png", "a.png", "a-b/1.png", "a/b/c.png", "Z.png", "ä.png"]
    found = list(walk_files(draw(*names)))
    assert found == sorted(names, key=lambda name: name.split("/"))
    assert found.index("a/10.png") < found.index("a/2.png")


def test_hidden_things_and_litter_are_left_out(draw):
    root = draw(
        "a.png",
        ".b.png",
        "._a.png",
        ".ipynb_checkpoints/a.png",
        "__MACOSX/a.png",
        "Thumbs.db",
        "sub/thumbs.DB",
        "sub/.hidden/c.png",
    )
    assert list(walk_files(root)) == ["a.png"]


def test_a_hidden_root_is_walked(draw):
    assert list(walk_files(draw(".cache/a.png") / ".cache")) == ["a.png"]


def test_folders_can_be_passed_over(draw):
    asked = []

    def enter(folder: str) -> bool:
        asked.append(folder)
        return folder != "b"

    root = draw("a/1.png", "a/c/2.png", "b/c/3.png")
    assert list(walk_files(root, enter=enter)) == ["a/1.png", "a/c/2.png"]
    assert asked == ["a", "a/c", "b"]


def test_circles_of_links_end(draw):
    root = draw("a/1.png", "b/2.png")
    (root / "a" / "up").symlink_to(root)
    (root / "a" / "self").symlink_to("self")
    (root / "b" / "a").symlink_to(root / "a")
    (root / "a" / "b").symlink_to(root / "b")
    # "self" is no folder, and reading it will say so.
    assert list(walk_files(root)) == ["a/1.png", "a/b/2.png", "a/self"]


def test_links_to_files_and_folders_are_followed(draw):
    root = draw("elsewhere/1.png", "in/x.png")
    (root / "in" / "folder").symlink_to(root / "elsewhere")
    (root / "in" / "file.png").symlink_to(root / "elsewhere" / "1.png")
    assert list(walk_files(root / "in")) == ["file.png", "folder/1.png", "x.png"]


def test_a_broken_link_is_listed_as_reading_tells_more(draw):
    root = draw("a.png")
    (root / "b.png").symlink_to(root / "gone.png")
    assert list(walk_files(root)) == ["a.png", "b.png"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipes_are_left_out_as_reading_would_wait_for_ever(draw):
    root = draw("a.png")
    os.mkfifo(root / "b.png")
    (root / "c.png").symlink_to(root / "b.png")
    assert list(walk_files(root)) == ["a.png"]


def test_an_unreadable_folder_is_named(draw, monkeypatch):
    root = draw("a/1.png", "b/2.png")
    scandir = os.scandir

    def refuse(folder):
        if folder == root / "b":
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    files = walk_files(root)
    assert next(files) == "a/1.png"
    with pytest.raises(InputError, match=r"readable folder, got '.*b': Permission denied"):
        next(files)


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.Png", "a.webp", "a.TIF", "a.tiff", "a.bmp"])
def test_image_names(name):
    assert is_image_name(name)
    assert not is_image_name(name + ".txt")
