""" "[NAME=]PLACE" taken apart."""

import pytest

from embedsvc.errors import InputError
from embedsvc.server.model_places import NamedPlace, parse_place, served_places
from embedsvc.server.settings import ServeSettings


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Folders in the working folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("gears", "lr=0.1", "runs/a=b", "with space", "deep/er/gears"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "name", "place"),
    [
        ("minilm", "minilm", "minilm"),
        ("small=minilm", "small", "minilm"),
        ("gears", "gears", "gears"),
        ("gears/", "gears", "gears/"),
        ("./gears", "gears", "./gears"),
        ("deep/er/gears", "gears", "deep/er/gears"),
        ("gears=deep/er/gears", "gears", "deep/er/gears"),  # a folder of that name is no matter
        ("a=b=c", "a", "b=c"),
        ("x=lr=0.1", "x", "lr=0.1"),
        ("x=runs/a=b", "x", "runs/a=b"),
        ("s=with space", "s", "with space"),
        ("huggingface:a/b", "huggingface:a/b", "huggingface:a/b"),
        ("huggingface:a/b@main", "huggingface:a/b", "huggingface:a/b@main"),
        ("e5=huggingface:a/b@main", "e5", "huggingface:a/b@main"),
        ("keras:MobileNetV2@w.weights.h5", "keras:MobileNetV2", "keras:MobileNetV2@w.weights.h5"),
        ("org/name:v1.2=minilm", "org/name:v1.2", "minilm"),
    ],
)
def test_names_and_places(folders, text, name, place):
    assert parse_place(text, "--model") == NamedPlace(name, place)


def test_names_of_folders_with_equals_signs(folders):
    with pytest.raises(InputError, match=r"got 'lr=0.1' from 'lr=0.1'.*--model NAME=lr=0.1"):
        parse_place("lr=0.1", "--model")


@pytest.mark.parametrize(
    "text", ["", "with space", "=minilm", "é=minilm", "a" * 101, "-x", ".", "/"]
)
def test_names_that_cannot_be(folders, text):
    try:
        found = parse_place(text, "--detector")
    except InputError as err:
        assert "Expected --detector to have a name of letters" in str(err)
    else:
        assert (text, found.name) == (".", folders.name)


def test_a_name_without_a_place(folders):
    with pytest.raises(InputError, match="no place"):
        parse_place("x=", "--model")


def test_no_path_of_this_machine_becomes_a_name(folders):
    for part in ("encoder", "preprocess"):
        (folders / "gears" / part).mkdir()
    assert parse_place(f"tfhub:{folders / 'gears'}", "--model").name == "gears"
    assert parse_place(str(folders / "gears"), "--model").name == "gears"


def test_minilm_is_served_where_nothing_is_named():
    assert [one.name for one in served_places(ServeSettings())] == ["minilm"]
    alone = served_places(ServeSettings(detectors=("x=y",)))
    assert (alone.models, alone.detectors) == ((), (NamedPlace("x", "y"),))


def test_names_are_unique_over_all_kinds():
    settings = ServeSettings(models=("a=minilm",), classifiers=("b=x",), detectors=("a=y",))
    with pytest.raises(InputError, match="got 'a' for minilm and for y.*ANOTHER=y"):
        served_places(settings)
    places = served_places(ServeSettings(models=("minilm", "x=minilm"), classifiers=("c=d",)))
    assert [one.name for one in places] == ["minilm", "x", "c"]
