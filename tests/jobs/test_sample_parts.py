"""The files of the sample parts."""

import hashlib
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from embedsvc.errors import OutputError
from embedsvc.jobs import sample_parts
from embedsvc.jobs.sample_parts import write_sample_parts
from embedsvc.samples.parts import DEFECTS, PART_SIZE


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples") / "new" / "parts"
    write_sample_parts(folder)
    return folder


def digests(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*.png")
    }


def test_the_layout(folder):
    files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    assert Counter(name.rpartition("/")[0] for name in files) == {
        "train/good": 80,
        "test/good": 24,
        **{f"test/{defect}": 8 for defect in DEFECTS},
        **{f"ground_truth/{defect}": 8 for defect in DEFECTS},
    }
    for defect in DEFECTS:
        for path in (folder / "test" / defect).iterdir():
            assert (folder / "ground_truth" / defect / f"{path.stem}_mask.png").is_file()


def test_the_pictures(folder):
    for path in (*(folder / "train").rglob("000.png"), *(folder / "test").rglob("007.png")):
        with Image.open(path) as image:
            assert (image.mode, image.size) == ("RGB", (PART_SIZE, PART_SIZE))
    for path in (folder / "ground_truth").rglob("*.png"):
        mask = np.asarray(Image.open(path))
        assert mask.shape == (PART_SIZE, PART_SIZE)
        assert np.unique(mask).tolist() == [0, 255]


def test_no_two_pictures_are_equal(folder):
    pictures = digests(folder)
    assert len(set(pictures.values())) == len(pictures)


@pytest.fixture
def few(monkeypatch):
    for name in ("N_TRAIN_GOOD", "N_TEST_GOOD", "N_EACH_DEFECT"):
        monkeypatch.setattr(sample_parts, name, 2)


@pytest.mark.usefixtures("few")
def test_the_seed_decides(tmp_path):
    for name, seed in (("first", 1), ("again", 1), ("other", 2)):
        write_sample_parts(tmp_path / name, seed=seed)
    first, other = digests(tmp_path / "first"), digests(tmp_path / "other")
    assert len(first) == 2 + 2 + 2 * 2 * len(DEFECTS)
    assert first == digests(tmp_path / "again")
    assert not set(first.values()) & set(other.values())


@pytest.mark.usefixtures("few")
def test_a_second_run_replaces_the_first(tmp_path):
    write_sample_parts(tmp_path)
    before = digests(tmp_path)
    (tmp_path / "train" / "good" / "000.png").write_bytes(b"something else")
    write_sample_parts(tmp_path)
    assert digests(tmp_path) == before


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="Expected to write pictures to .*choose another folder"):
        write_sample_parts(tmp_path / "file" / "parts")


def test_a_full_disk(tmp_path, monkeypatch):
    def full(image, path, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OutputError, match="the disk is full"):
        write_sample_parts(tmp_path)
