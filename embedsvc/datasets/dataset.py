"""A labelled dataset, whatever its layout, and its division into train and test."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from embedsvc.datasets.manifest import read_manifest
from embedsvc.datasets.mvtec import (
    child_folders,
    describe_folder,
    is_labelled_folder,
    is_mvtec,
    read_labelled_folder,
    read_mvtec,
)
from embedsvc.datasets.tables import TABLE_ENDINGS
from embedsvc.errors import InputError
from embedsvc.images.records import ImageRecord

_TRAIN_SHARE = 0.6
_SHOWN = 10
_logger = logging.getLogger(__name__)


def read_dataset(place: str | Path) -> list[ImageRecord]:
    """Read a labelled dataset: a manifest, a folder as of MVTec AD, or folders of good and bad.

    Raises:
        InputError: the place is missing, or of no layout that is understood, or holds several
            datasets; or the reader of its layout refuses it.

    Example:
        >>> train, test = train_test_split_records(read_dataset("bottle"), seed=0)  # doctest: +SKIP
    """
    place = Path(place)
    if place.is_file():
        if place.suffix.lower() not in TABLE_ENDINGS:
            raise _no_layout(place, f"a file that ends in {place.suffix!r}")
        return read_manifest(place)
    if not place.is_dir():
        raise InputError(
            f"Expected a dataset, got {str(place)!r}, which does not exist. Check the path."
        )
    if is_mvtec(place):
        return read_mvtec(place)
    if is_labelled_folder(place):
        return read_labelled_folder(place)
    inner = [name for name in child_folders(place) if is_mvtec(place / name)]
    if inner:
        shown = ", ".join(str(place / name) for name in inner[:_SHOWN])
        more = f" and {len(inner) - _SHOWN} more" if len(inner) > _SHOWN else ""
        raise InputError(
            f"Expected one dataset, got {str(place)!r} with {len(inner)}: {shown}{more}. "
            "Choose one."
        )
    raise _no_layout(place, describe_folder(place))


def _no_layout(place: Path, found: str) -> InputError:
    return InputError(
        f"Expected a labelled dataset, got {str(place)!r} with {found}. Understood are: a folder "
        "with train/good, test/good and test/<defect> (masks in ground_truth/<defect>); a folder "
        f"with good and a folder for each defect; a manifest ({', '.join(TABLE_ENDINGS)}) with the "
        "columns path, label and, if known, mask, split, group, defect."
    )


def train_test_split_records(
    records: Sequence[ImageRecord], *, seed: int
) -> tuple[list[ImageRecord], list[ImageRecord]]:
    """Divide labelled images into train and test.

    Splits that the records have are kept; groups that they tear apart are logged. Otherwise about
    60 % of the normal images are drawn for training, and all else is for the test. A group stays
    whole: the normal pictures of an object that has anomalous ones too are for the test.

    Args:
        records: images with labels, all of them with a split or none.
        seed: of the drawing; it does not depend on the order of the records.

    Returns:
        Train and test, each in the order of `records`.

    Raises:
        InputError: an image has no label, only some have a split, or train would have no normal
            image, or test not both kinds.
    """
    has_splits = _have_splits(records)
    drawn = set() if has_splits else _draw_train(records, seed)
    is_train = [one.split == "train" if has_splits else _unit(one) in drawn for one in records]
    train = [one for one, chosen in zip(records, is_train, strict=True) if chosen]
    test = [one for one, chosen in zip(records, is_train, strict=True) if not chosen]
    _check_kinds(train, test)
    _warn_of_torn_groups(train, test)
    return train, test


def _have_splits(records: Sequence[ImageRecord]) -> bool:
    unlabelled = [record for record in records if record.label is None]
    if unlabelled:
        raise InputError(
            f"Expected a label for each of {len(records):,} images, got {len(unlabelled):,} "
            f"without, such as {unlabelled[0].name!r}. Label them or leave them out."
        )
    unsplit = [record for record in records if record.split is None]
    if 0 < len(unsplit) < len(records):
        raise InputError(
            f"Expected a split for all {len(records):,} images or for none, got {len(unsplit):,} "
            f"without, such as {unsplit[0].name!r}. Fill in the column, or empty it."
        )
    return not unsplit


def _draw_train(records: Sequence[ImageRecord], seed: int) -> set[tuple[str, str]]:
    """The groups for training: at least one, and one is left for the test."""
    mixed = {_unit(record) for record in records if record.label == 1}
    normals = [_unit(record) for record in records if record.label == 0]
    sizes = Counter(unit for unit in normals if unit not in mixed)
    units = sorted(sizes)
    np.random.default_rng(seed).shuffle(units)
    reached = np.cumsum([sizes[unit] for unit in units])  # (n_units,)
    if not units:
        return set()
    count = int(np.argmin(np.abs(reached - _TRAIN_SHARE * len(normals)))) + 1
    kept_for_test = 0 if len(normals) > reached[-1] else 1
    return set(units[: min(count, len(units) - kept_for_test)])


def _unit(record: ImageRecord) -> tuple[str, str]:
    """What is drawn as a whole: a group, or an image that has none."""
    return ("image", record.name) if record.group is None else ("group", record.group)


def _check_kinds(train: Sequence[ImageRecord], test: Sequence[ImageRecord]) -> None:
    normals, anomalies = (sum(record.label == label for record in test) for label in (0, 1))
    fitted = sum(record.label == 0 for record in train)
    if not (fitted and normals and anomalies):
        raise InputError(
            "Expected normal images for training and both kinds for the test, got "
            f"{fitted:,} normal for training, and {normals:,} normal and {anomalies:,} anomalous "
            "for the test. Add images, split them otherwise, or use smaller groups."
        )


def _warn_of_torn_groups(train: Sequence[ImageRecord], test: Sequence[ImageRecord]) -> None:
    torn = {one.group for one in train if one.group} & {one.group for one in test if one.group}
    if torn:
        _logger.warning(
            "Pictures of %d groups are in train and in test, such as group %r: figures of the test "
            "will look better than they are.",
            len(torn),
            min(torn),
        )
