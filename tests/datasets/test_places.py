"""Folders, globs and files, found before anything is listed."""

from pathlib import Path

import pytest

from embedsvc.datasets.places import find_places, own_names
from embedsvc.errors import InputError

NAMES = ["a.png", "b.jpg", "b.txt", "s/c.png", "s/t/d.png", "s/t/e.PNG", "s/x.pcx", "u/t/f.png"]


@pytest.mark.parametrize("recursive", [True, False])
@pytest.mark.parametrize(
    ("pattern", "deep", "flat"),
    [
        ("", "a.png b.jpg s/c.png s/t/d.png s/t/e.PNG u/t/f.png", "a.png b.jpg"),
        ("*.png", "a.png", None),
        ("?.*", "a.png b.jpg", None),
        ("[ab].jpg", "b.jpg", None),
        ("*", "a.png b.jpg s/c.png s/t/d.png s/t/e.PNG u/t/f.png", "a.png b.jpg s/c.png"),
        ("s*", "s/c.png s/t/d.png s/t/e.PNG", "s/c.png"),
        ("*/t", "s/t/d.png s/t/e.PNG u/t/f.png", None),
        ("**/t", "s/t/d.png s/t/e.PNG u/t/f.png", None),
        ("**/*.png", "a.png s/c.png s/t/d.png u/t/f.png", None),
        ("**", "a.png b.jpg s/c.png s/t/d.png s/t/e.PNG u/t/f.png", None),
        ("s/**/d.png", "s/t/d.png", None),
        ("**/s/**/t/**/d*", "s/t/d.png", None),
        # An ending written out is an image ending, known or not.
        ("s/*.pcx", "s/x.pcx", None),
        ("*/*.p?x", "", None),
    ],
)
def test_what_is_taken(draw, pattern, deep, flat, recursive):
    root = draw(*NAMES, ".hidden.png", "s/.h/g.png")
    place = find_places([root / pattern], recursive=recursive)[0]
    below = place.root.relative_to(root).as_posix()
    prefix = "" if below == "." else f"{below}/"
    found = [prefix + name for name in place.walk() if place.takes(name, place.endings)]
    assert found == (deep if recursive or flat is None else flat).split()


def test_only_folders_that_may_hold_a_match_are_walked(draw):
    root = draw("a/good/1.png", "a/raw/2.png", "b/raw/deep/3.png")
    place = find_places([f"{root}/*/good"], recursive=True)[0]
    assert list(place.walk()) == ["a/good/1.png"]


def test_what_exists_is_no_glob(draw):
    root = draw("photos [2024]/a.png", "photos 2/b.png", "what?.png")
    folder, file = find_places([root / "photos [2024]", root / "what?.png"], recursive=True)
    assert folder.pattern == ()
    assert list(folder.walk()) == ["a.png"]
    assert file.pattern is None


def test_a_glob_relative_to_the_working_folder(draw, monkeypatch):
    monkeypatch.chdir(draw("a.png"))
    assert find_places(["*.png"], recursive=True)[0].root == Path()


@pytest.mark.parametrize("places", [[], (), "folder", Path("folder")])
def test_a_list_is_asked_for(places):
    with pytest.raises(InputError, match="Expected a list of folders, globs or files"):
        find_places(places, recursive=True)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("gone", "does not exist"),
        ("", "'', which does not exist"),
        ("a\0b", "does not exist"),
        ("x" * 5000, "cannot be read"),
        ("/dev/null", "a pipe or a device"),
        ("gone/*.png", "got no folder 'gone'"),
    ],
)
def test_what_is_not_there(name, problem):
    with pytest.raises(InputError, match=problem):
        find_places([name], recursive=True)


def test_own_names_are_as_long_as_needed():
    assert own_names(["/x/a", "/x/b"]) == {"/x/a": "a", "/x/b": "b"}
    assert own_names(["/x/a", "/y/a", "/y/b"]) == {"/x/a": "x/a", "/y/a": "y/a", "/y/b": "y/b"}
    assert own_names(["/"]) == {"/": ""}
    assert own_names([]) == {}
