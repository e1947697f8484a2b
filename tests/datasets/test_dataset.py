"""Layouts recognized, and images divided."""

import os
import random
from collections import Counter
from pathlib import Path

import pytest

from embedsvc.datasets.dataset import read_dataset, train_test_split_records
from embedsvc.errors import InputError
from embedsvc.images.records import ImageRecord

DATA = Path(os.environ.get("EMBEDSVC_DATA", Path(__file__).parents[3] / "shared" / "data"))


def test_a_folder_as_of_mvtec(draw):
    root = draw("train/good/1.png", "test/hole/2.png")
    assert [one.split for one in read_dataset(root)] == ["train", "test"]


def test_a_simple_labelled_folder(draw):
    assert [one.label for one in read_dataset(str(draw("good/1.png", "hole/2.png")))] == [0, 1]


def test_a_manifest(draw):
    root = draw("1.png")
    (root / "m.csv").write_text("path,label\n1.png,0\n")
    assert [one.label for one in read_dataset(root / "m.csv")] == [0]


def test_a_folder_of_datasets(draw):
    names = ["bottle/train/good/1.png", "bottle/test/good/1.png", "cable/train/good/1.png"]
    root = draw(*names, "cable/test/good/1.png", "readme.txt")
    with pytest.raises(InputError) as caught:
        read_dataset(root)
    assert f"with 2: {root / 'bottle'}, {root / 'cable'}. Choose one." in str(caught.value)


def test_many_datasets_are_cut(draw):
    root = draw(*(f"{n:02}/{part}/good/1.png" for n in range(12) for part in ("train", "test")))
    with pytest.raises(InputError, match="with 12: .*09 and 2 more. Choose one"):
        read_dataset(root)


@pytest.mark.parametrize(
    ("names", "place", "found"),
    [
        (["1.png", "a/2.png"], ".", "with 1.png, a/. Understood are"),
        (["train/1.png", "test/1.png"], ".", "with test/, train/. Understood are"),
        (["x.txt"], "x.txt", "with a file that ends in '.txt'. Understood are"),
        ([], ".", "with nothing. Understood are"),
        ([], "gone", "which does not exist"),
    ],
)
def test_what_is_no_dataset(draw, names, place, found):
    with pytest.raises(InputError, match=found):
        read_dataset(draw(*names) / place)


def images(label, count, *, split=None, group=None, start=0):
    return [
        ImageRecord(
            path=Path(f"{label}-{split}-{n}.png"),
            name=f"{label}-{split}-{n}.png",
            label=label,
            split=split,
            group=None if group is None else group(n),
        )
        for n in range(start, start + count)
    ]


def test_splits_are_kept():
    train = images(0, 3, split="train") + images(1, 1, split="train")
    test = images(0, 2, split="test") + images(1, 2, split="test")
    assert train_test_split_records([*test, *train], seed=0) == (train, test)


def test_normals_are_drawn_and_anomalies_tested():
    records = images(0, 100) + images(1, 10)
    train, test = train_test_split_records(records, seed=3)
    assert Counter(one.label for one in train) == {0: 60}
    assert Counter(one.label for one in test) == {0: 40, 1: 10}
    assert train == [one for one in records if one in train]


def test_the_seed_decides_and_the_order_does_not():
    records = images(0, 30) + images(1, 3)
    shuffled = random.Random(0).sample(records, len(records))
    first, again, other = (
        {one.name for one in train_test_split_records(given, seed=seed)[0]}
        for given, seed in ((records, 1), (shuffled, 1), (records, 2))
    )
    assert first == again != other


@pytest.mark.parametrize("seed", range(5))
def test_groups_stay_whole(seed):
    records = images(0, 60, group=lambda n: str(n // 6)) + images(1, 5)
    train, test = train_test_split_records(records, seed=seed)
    assert len(train) == 36
    assert not {one.group for one in train} & {one.group for one in test}


def test_an_object_with_a_defect_is_for_the_test():
    records = images(0, 20, group=lambda n: str(n // 2)) + images(1, 2, group=str)
    train, test = train_test_split_records(records, seed=0)
    assert len(train) == 12
    assert {"0", "1"} <= {one.group for one in test}
    assert not {one.group for one in train} & {one.group for one in test}


def test_one_group_is_left_for_the_test():
    records = images(0, 10, group=lambda n: str(n > 0)) + images(1, 1)
    train, test = train_test_split_records(records, seed=0)
    assert {len(train), len(test) - 1} == {1, 9}


def test_groups_that_given_splits_tear_apart_are_logged(caplog):
    records = images(0, 2, split="train", group=str) + images(0, 2, split="test", group=str)
    train_test_split_records([*records, *images(1, 1, split="test")], seed=0)
    assert "2 groups are in train and in test, such as group '0'" in caplog.text


@pytest.mark.parametrize(
    ("records", "message"),
    [
        (images(0, 2) + images(None, 1), "a label for each of 3 images, got 1 without, such as"),
        (images(0, 2, split="train") + images(1, 1), "for all 3 images or for none, got 1 without"),
        (images(0, 5), "got 3 normal for training, and 2 normal and 0 anomalous"),
        (images(1, 5), "got 0 normal for training, and 0 normal and 5 anomalous"),
        (images(0, 1) + images(1, 1), "got 0 normal for training, and 1 normal and 1 anomalous"),
        (images(0, 9, group=lambda n: "x") + images(1, 1), "got 0 normal for training"),
        (images(0, 9, group=lambda n: "x") + images(1, 1, group=lambda n: "x"), "got 0 normal for"),
        (images(0, 9, split="train") + images(1, 1, split="test"), "and 0 normal and 1 anomalous"),
        ([], "got 0 normal for training, and 0 normal and 0 anomalous"),
    ],
)
def test_what_cannot_be_divided(records, message):
    with pytest.raises(InputError, match=message):
        train_test_split_records(records, seed=0)


@pytest.mark.data
def test_the_magnetic_tiles():
    folder = DATA / "magnetic_tile"
    if not folder.is_dir():
        pytest.skip("no evaluation data: set EMBEDSVC_DATA to a folder with magnetic_tile")
    train, test = train_test_split_records(read_dataset(folder), seed=0)
    assert Counter(one.defect for one in train) == {"good": 757}
    kinds = {"good": 195, "blowhole": 115, "break": 85, "crack": 57, "fray": 32, "uneven": 103}
    assert Counter(one.defect for one in test) == kinds
    assert all((one.mask is not None) == (one.label == 1) for one in test)
    assert all((one.group is not None) == (one.label == 0) for one in [*train, *test])
