"""Labelled folders: the layout of MVTec AD and its relatives, and plain folders of good and bad.

    train/good/*  test/good/*  test/<defect>/*  ground_truth/<defect>/<stem>_mask.png   groups.csv
    good/*  <defect>/*                          ground_truth/<defect>/<stem>_mask.png   groups.csv

Normal folders may be called good, ok or normal; a mask may have the stem of its image alone; images
may have any image ending, and lie deeper in their folders. Masks and groups may be missing.
`train/<defect>` holds labelled anomalies, for detectors that learn from them.

Source: Bergmann et al., "MVTec AD - A Comprehensive Real-World Dataset for Unsupervised Anomaly
Detection", CVPR 2019, https://www.mvtec.com/company/research/datasets/mvtec-ad. BTAD (Mishra et
al. 2021) has `ok` and `ko`, VisA (Zou et al. 2022), once converted, `good` and `bad`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from embedsvc.datasets.groups import apply_groups
from embedsvc.datasets.labels import GOOD, is_normal_name
from embedsvc.datasets.masks import Masks
from embedsvc.datasets.walk import is_image_name, is_left_out, walk_files
from embedsvc.errors import InputError
from embedsvc.images.records import IMAGE_ENDINGS, ImageRecord

_GROUPS = "groups.csv"
_MASKS = "ground_truth"
_SPLITS = ("train", "test")
_SHOWN = 8


def is_mvtec(folder: str | Path) -> bool:
    """Whether a folder has `train/` with a folder of normal images in it, and `test/`."""
    train, test = (Path(folder, split) for split in _SPLITS)
    return test.is_dir() and any(map(is_normal_name, child_folders(train)))


def is_labelled_folder(folder: str | Path) -> bool:
    """Whether a folder has `good/` (or ok, normal) and other folders, and no splits."""
    kinds = _kinds(Path(folder))
    normals = sum(map(is_normal_name, kinds))
    return 0 < normals < len(kinds) and not set(_SPLITS) & set(kinds)


def read_mvtec(folder: str | Path) -> list[ImageRecord]:
    """Read a folder in the layout of MVTec AD.

    Returns:
        Records of train, then of test, each in order of folder and file, named relative to
        `folder`. An anomalous image without a mask has None for it.

    Raises:
        InputError: the folder is not of this layout, a split has no image or one outside the
            folders for kinds, or `groups.csv` is broken or names what is not there.
    """
    folder = Path(folder)
    if not is_mvtec(folder):
        raise InputError(
            f"Expected the folders train/good and test in {str(folder)!r}, got "
            f"{describe_folder(folder)}. Arrange the images so, or write a manifest."
        )
    masks = Masks(folder / _MASKS)
    # As published, a mask is of a test image: they ask first, should train have the same names.
    test, train = (_read_split(folder, split, masks) for split in ("test", "train"))
    masks.warn_of_strangers()
    return _with_groups([*train, *test], folder)


def read_labelled_folder(folder: str | Path) -> list[ImageRecord]:
    """Read a folder with normal images in `good/` (or ok, normal) and a folder for each defect.

    Returns:
        Records with labels and without splits, in order of folder and file.

    Raises:
        InputError: the folder is not of this layout or has no image, or `groups.csv` is broken or
            names what is not there.
    """
    folder = Path(folder)
    if not is_labelled_folder(folder):
        raise InputError(
            f"Expected the folder good and folders of defects in {str(folder)!r}, got "
            f"{describe_folder(folder)}. Arrange the images so, or write a manifest."
        )
    masks = Masks(folder / _MASKS)
    records = [one for kind in _kinds(folder) for one in _read_kind(folder, kind, None, masks)]
    masks.warn_of_strangers()
    return _with_groups(_not_empty(records, folder), folder)


def child_folders(folder: Path) -> list[str]:
    """The names of the folders in a folder, sorted, without hidden ones; none if there is none.

    Raises:
        InputError: the folder cannot be read.
    """
    return [name for name, is_folder in _children(folder) if is_folder]


def describe_folder(folder: Path) -> str:
    """The first things in a folder, for a message."""
    children = _children(folder)
    shown = [f"{name}/" if is_folder else name for name, is_folder in children[:_SHOWN]]
    more = f" and {len(children) - _SHOWN:,} more" if len(children) > _SHOWN else ""
    return ", ".join(shown) + more if shown else "nothing"


def _children(folder: Path) -> list[tuple[str, bool]]:
    if not folder.is_dir():
        return []
    try:
        with os.scandir(folder) as entries:
            found = [(one.name, one.is_dir()) for one in entries if not is_left_out(one.name)]
    except OSError as err:
        raise InputError(
            f"Expected a readable folder, got {str(folder)!r}: {err.strerror or err}. "
            "Check its permissions."
        ) from err
    return sorted(found)


def _kinds(folder: Path) -> list[str]:
    return [name for name in child_folders(folder) if name != _MASKS]


def _read_split(folder: Path, split: str, masks: Masks) -> list[ImageRecord]:
    place = folder / split
    for name, is_folder in _children(place):
        if is_image_name(name) and not is_folder:
            raise InputError(
                f"Expected each image of {str(place)!r} in the folder of its kind, got {name!r} "
                f"outside. Move it to {split}/{GOOD} or {split}/<defect>."
            )
    kinds = child_folders(place)
    found = [one for kind in kinds for one in _read_kind(folder, f"{split}/{kind}", split, masks)]
    return _not_empty(found, place)


def _read_kind(folder: Path, kind: str, split: str | None, masks: Masks) -> Iterator[ImageRecord]:
    defect = kind.rpartition("/")[2]
    normal = is_normal_name(defect)
    for name in walk_files(folder / kind):
        if is_image_name(name):
            yield ImageRecord(
                path=folder / kind / name,
                name=f"{kind}/{name}",
                label=0 if normal else 1,
                mask=None if normal else masks.find(defect, name, split),
                split=split,
                defect=GOOD if normal else defect,
            )


def _not_empty(records: list[ImageRecord], place: Path) -> list[ImageRecord]:
    if not records:
        raise InputError(
            f"Expected images in the folders of {str(place)!r} (endings "
            f"{', '.join(IMAGE_ENDINGS)}), got none. Check the folder."
        )
    return records


def _with_groups(records: list[ImageRecord], folder: Path) -> list[ImageRecord]:
    table = folder / _GROUPS
    return apply_groups(records, table) if table.is_file() else records
