"""Labelled folders as they are published."""

import os

import pytest

from embedsvc.datasets.mvtec import (
    child_folders,
    describe_folder,
    is_labelled_folder,
    is_mvtec,
    read_labelled_folder,
    read_mvtec,
)
from embedsvc.errors import InputError
from embedsvc.images.records import ImageRecord


def test_the_layout_of_mvtec(draw):
    root = draw(
        "train/good/000.png",
        "test/good/000.png",
        "test/hole/000.png",
        "test/hole/001.png",
        "ground_truth/hole/000_mask.png",
        "license.txt",
    )
    assert is_mvtec(root)
    assert is_mvtec(str(root))
    mask = root / "ground_truth/hole/000_mask.png"
    assert read_mvtec(root) == [
        ImageRecord(
            root / "train/good/000.png", "train/good/000.png", 0, None, "train", None, "good"
        ),
        ImageRecord(root / "test/good/000.png", "test/good/000.png", 0, None, "test", None, "good"),
        ImageRecord(root / "test/hole/000.png", "test/hole/000.png", 1, mask, "test", None, "hole"),
        ImageRecord(root / "test/hole/001.png", "test/hole/001.png", 1, None, "test", None, "hole"),
    ]


@pytest.mark.parametrize(
    ("normal", "bad", "mask"),
    [("ok", "ko", "1.bmp"), ("good", "bad", "1.png"), ("Normal", "anomaly", "1_mask.jpg")],
)
def test_relatives(draw, normal, bad, mask):
    images = [f"train/{normal}/1.bmp", f"test/{normal}/2.JPG", f"test/{bad}/1.JPG"]
    root = draw(*images, f"ground_truth/{bad}/{mask}")
    assert is_mvtec(root)
    records = read_mvtec(root)
    assert [(one.label, one.defect, one.split) for one in records] == [
        (0, "good", "train"),
        *sorted([(0, "good", "test"), (1, bad, "test")], reverse=normal > bad),  # As folders.
    ]
    assert [one.mask for one in records if one.label] == [root / f"ground_truth/{bad}/{mask}"]


def test_labelled_anomalies_for_training(draw):
    root = draw(
        "train/good/1.png", "train/hole/1.png", "train/hole/2.png", "test/good/1.png",
        "test/hole/1.png", "ground_truth/hole/1_mask.png", "ground_truth/hole/2_mask.png",
    )  # fmt: skip
    found = {one.name: (one.label, one.mask and one.mask.name) for one in read_mvtec(root)}
    assert found == {
        "train/good/1.png": (0, None),
        "train/hole/1.png": (1, None),
        "train/hole/2.png": (1, "2_mask.png"),
        "test/good/1.png": (0, None),
        "test/hole/1.png": (1, "1_mask.png"),
    }


def test_images_lie_deeper_and_other_files_beside(draw):
    root = draw("train/good/cam 1/1.png", "train/good/x.xml", "test/hole/s/2.png", "test/read.me")
    assert [one.name for one in read_mvtec(root)] == ["train/good/cam 1/1.png", "test/hole/s/2.png"]


def test_groups(draw):
    root = draw("train/good/1.png", "train/good/2.png", "test/good/3.png")
    (root / "groups.csv").write_text("path,group\ntest/good/3.png,b\ntrain/good/1.png,a\n")
    assert [one.group for one in read_mvtec(root)] == ["a", None, "b"]
    (root / "groups.csv").write_text("path,group\ntest/good/9.png,b\n")
    with pytest.raises(InputError, match="'test/good/9.png' in .*groups.csv, line 2"):
        read_mvtec(root)


@pytest.mark.parametrize(
    "names",
    [
        ["train/good/1.png"],
        ["test/good/1.png", "test/hole/1.png"],
        ["train/1.png", "test/1.png"],
        ["train/hole/1.png", "test/good/1.png"],
        ["good/1.png", "hole/1.png"],
        ["1.png"],
    ],
)
def test_other_layouts(draw, names):
    root = draw(*names)
    assert not is_mvtec(root)
    with pytest.raises(InputError, match="Expected the folders train/good and test in"):
        read_mvtec(root)


def test_a_file_or_nothing_is_no_dataset(draw):
    root = draw("a.png")
    for place in (root / "a.png", root / "gone"):
        assert not is_mvtec(place)
        assert not is_labelled_folder(place)


def test_an_image_outside_the_folders(draw):
    root = draw("train/good/1.png", "test/hole/2.png", "test/3.png")
    with pytest.raises(InputError, match="test' in the folder of its kind, got '3.png' outside"):
        read_mvtec(root)


def test_a_split_without_images(draw):
    root = draw("train/good/1.png", "test/hole/notes.txt")
    with pytest.raises(InputError, match="Expected images in the folders of '.*test'"):
        read_mvtec(root)


@pytest.mark.parametrize("normal", ["good", "ok", "Normal"])
def test_a_simple_labelled_folder(draw, normal):
    root = draw(
        f"{normal}/1.png", "hole/2.png", "zip/3.png", "ground_truth/hole/2_mask.png", "4.png"
    )
    assert is_labelled_folder(root)
    assert not is_mvtec(root)
    records = sorted(read_labelled_folder(root), key=lambda one: one.path.name)
    assert records == [
        ImageRecord(root / normal / "1.png", f"{normal}/1.png", 0, defect="good"),
        ImageRecord(
            root / "hole/2.png",
            "hole/2.png",
            1,
            mask=root / "ground_truth/hole/2_mask.png",
            defect="hole",
        ),
        ImageRecord(root / "zip/3.png", "zip/3.png", 1, defect="zip"),
    ]


def test_groups_of_a_simple_labelled_folder(draw):
    root = draw("good/1.png", "hole/2.png")
    (root / "groups.csv").write_text("path,group\nhole/2.png,b\n")
    assert [one.group for one in read_labelled_folder(root)] == [None, "b"]


@pytest.mark.parametrize(
    "names",
    [
        ["good/1.png"],
        ["good/1.png", "ok/1.png"],
        ["good/1.png", "ground_truth/hole/1.png"],
        ["a/1.png", "b/1.png"],
        ["good/1.png", "test/1.png"],
        ["1.png"],
    ],
)
def test_no_simple_labelled_folder(draw, names):
    root = draw(*names)
    assert not is_labelled_folder(root)
    with pytest.raises(InputError, match="Expected the folder good and folders of defects in"):
        read_labelled_folder(root)


def test_a_simple_labelled_folder_without_images(draw):
    with pytest.raises(InputError, match="Expected images in the folders of"):
        read_labelled_folder(draw("good/1.txt", "hole/2.txt").resolve())


def test_an_unreadable_folder(draw, monkeypatch):
    root = draw("a/1.png")

    def refuse(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match="Permission denied"):
        child_folders(root)


def test_what_is_in_a_folder(draw):
    root = draw("b.png", "a/1.png", ".hidden", *(f"c/{n}.png" for n in range(11)))
    assert describe_folder(root) == "a/, b.png, c/"
    assert describe_folder(root / "c").endswith("5.png, 6.png and 3 more")
    (root / "empty").mkdir()
    assert describe_folder(root / "empty") == "nothing"
