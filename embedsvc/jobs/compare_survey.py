"""A first look at all images: which can be read, and what would make the figures lie.

Every detector then gets the same images, and a broken one is found before the first detector has
learned for minutes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from embedsvc.datasets.labels import GOOD
from embedsvc.errors import InputError
from embedsvc.evaluation.scores import auroc
from embedsvc.images.decode import decode_mask
from embedsvc.images.loading import Failure, load_batches
from embedsvc.images.luminance import luminance
from embedsvc.images.near_duplicates import (
    duplicated_between,
    group_of_descriptors,
    thumbnail_descriptors,
)
from embedsvc.images.prepare import Preparation
from embedsvc.images.records import ImageRecord
from embedsvc.jobs.compare_plan import Plan
from embedsvc.progress import Advance, progress_bar

_SIDE = 128
_BATCH = 32
_BORDER = 8
_CONFOUND = 0.9
_SHOWN = 3


@dataclass(frozen=True)
class Survey:
    """The images that can be used, and what to know of them.

    Attributes:
        normals: to learn from.
        labelled: anomalies to learn from.
        test: to be tested on; masks are there where they can be used.
        rejects: images and masks left out, by name, with the reason.
        warnings: what makes the figures better or worse than they should be.
        notes: what else was decided.
    """

    normals: tuple[ImageRecord, ...]
    labelled: tuple[ImageRecord, ...]
    test: tuple[ImageRecord, ...]
    rejects: tuple[dict[str, str], ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Seen:
    """What one look at some images gave, of those that can be read.

    Attributes:
        records: one an image.
        descriptors: float32 array of shape (n_images, 64).
        brightness: mean luminance of the picture and of its border, float64 of shape (n_images, 2).
        sizes: (height, width), int64 array of shape (n_images, 2).
    """

    records: list[ImageRecord]
    descriptors: NDArray[np.float32]
    brightness: NDArray[np.float64]
    sizes: NDArray[np.int64]

    def only(self, kept: NDArray[np.bool_]) -> _Seen:
        """What is known of the images marked."""
        records = [one for one, keep in zip(self.records, kept.tolist(), strict=True) if keep]
        return _Seen(records, self.descriptors[kept], self.brightness[kept], self.sizes[kept])


def survey_images(plan: Plan, *, show_progress: bool = False) -> Survey:
    """Open every image and every mask once.

    Raises:
        InputError: one of them cannot be used, unless they are skipped; too few are left.
    """
    rejects: list[dict[str, str]] = []
    learned = [*plan.normals, *plan.labelled]
    with progress_bar(
        "Opening", total=len(learned) + len(plan.test), unit="images", show=show_progress
    ) as advance:
        train = _look(learned, plan, rejects, advance)
        test = _look(plan.test, plan, rejects, advance)
    test, notes = _without_shots_of_given(train, test)
    _check_counts(train.records, test.records)
    tested = _with_usable_masks(test, plan, rejects)
    return Survey(
        normals=tuple(one for one in train.records if one.label == 0),
        labelled=tuple(one for one in train.records if one.label == 1),
        test=tuple(tested),
        rejects=tuple(rejects),
        warnings=(
            *_torn_groups(plan),
            *_look_alikes(train, test),
            *_lighting(test, plan.options.lighting),
            *_lost_masks(tested),
        ),
        notes=tuple(notes),
    )


def _look(
    records: Sequence[ImageRecord], plan: Plan, rejects: list[dict[str, str]], advance: Advance
) -> _Seen:
    def reject(failure: Failure) -> None:
        rejects.append({"name": records[failure.index].name, "reason": failure.reason})
        advance(1)

    indices, descriptors, brightness, sizes = [], [], [], []
    for batch in load_batches(
        [record.path for record in records],
        Preparation(_SIDE, _SIDE),
        batch_size=_BATCH,
        workers=os.cpu_count() or 1,
        on_error=plan.options.on_error,
        on_failure=reject,
    ):
        indices += batch.indices.tolist()
        descriptors.append(thumbnail_descriptors(batch.pixels))
        brightness.append(_brightness(batch.pixels))
        sizes.append(batch.sizes)
        advance(len(batch.indices))
    return _Seen(
        [records[i] for i in indices],
        np.concatenate([np.empty((0, 64), np.float32), *descriptors]),
        np.concatenate([np.empty((0, 2)), *brightness]),
        np.concatenate([np.empty((0, 2), np.int64), *sizes]),
    )


def _without_shots_of_given(train: _Seen, test: _Seen) -> tuple[_Seen, list[str]]:
    """Leave out what looks like an anomaly that was taken out of the test to be learned from.

    They may be more shots of the same objects, and whoever learned from one knows the others.
    """
    given = np.array([one.label == 1 and one.split != "train" for one in train.records], np.bool_)
    if not given.any():
        return test, []
    groups = group_of_descriptors(np.concatenate([train.descriptors[given], test.descriptors]))
    kept = ~np.isin(groups[given.sum() :], groups[: given.sum()])
    if kept.all():
        return test, []
    return test.only(kept), [
        f"{np.count_nonzero(~kept)} test images look like anomalies that were learned from, and "
        "count for nobody either."
    ]


def _brightness(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    levels = luminance(pixels).astype(np.float64)  # (b, side, side)
    is_border = np.ones((_SIDE, _SIDE), np.bool_)
    is_border[_BORDER:-_BORDER, _BORDER:-_BORDER] = False
    return np.stack([levels.mean(axis=(1, 2)), levels[:, is_border].mean(axis=1)], axis=1)


def _check_counts(train: Sequence[ImageRecord], test: Sequence[ImageRecord]) -> None:
    n_train = sum(one.label == 0 for one in train)
    n_normal = sum(one.label == 0 for one in test)
    if n_train < 2 or n_normal == 0 or n_normal == len(test):
        raise InputError(
            "Expected readable images: at least 2 normal ones to learn from, and both kinds for "
            f"the test; got {n_train} to learn from, and {n_normal} normal and "
            f"{len(test) - n_normal} anomalous for the test. Repair what was skipped, or "
            "ask for fewer labelled ones."
        )


def _with_usable_masks(seen: _Seen, plan: Plan, rejects: list[dict[str, str]]) -> list[ImageRecord]:
    checked = []
    for record, size in zip(seen.records, seen.sizes.tolist(), strict=True):
        if record.mask is None:
            checked.append(record)
            continue
        try:
            marks = _marks_something(record, (size[0], size[1]))
        except InputError as err:
            if plan.options.on_error == "error":
                raise
            rejects.append({"name": f"{record.name} (mask)", "reason": str(err)})
            marks = False
        checked.append(record if marks else replace(record, mask=None))
    return checked


def _marks_something(record: ImageRecord, size: tuple[int, int]) -> bool:
    if record.mask is None:
        return False
    mask = decode_mask(record.mask)
    if mask.shape != size:
        raise InputError(
            f"Expected a mask of {size[0]} x {size[1]} pixels, as its image {record.name} has, got "
            f"{mask.shape[0]} x {mask.shape[1]}: {record.mask}. Make it as large as its image."
        )
    return bool(mask.any())


def _torn_groups(plan: Plan) -> list[str]:
    if not plan.torn:
        return []
    return [
        f"{plan.torn} groups have images to learn from and images in the test: every figure looks "
        "better than it is. Keep a group on one side."
    ]


def _look_alikes(train: _Seen, test: _Seen) -> list[str]:
    found = duplicated_between(train.descriptors, test.descriptors)
    pairs = sorted(found, key=lambda pair: -pair[2])
    if not pairs:
        return []
    shown = "; ".join(
        f"{test.records[i].name} and {train.records[j].name}" for i, j, _ in pairs[:_SHOWN]
    )
    return [
        f"{len(pairs)} of {len(test.records)} test images look like an image that was learned "
        f"from ({shown}): every figure may look better than it is. Keep pictures of one object on "
        "one side, by groups."
    ]


def _lighting(test: _Seen, lighting: str) -> list[str]:
    labels = np.array([record.label for record in test.records])
    names = ("picture", "picture's border")
    found = [
        (max(area, 1 - area), name)
        for name, values in zip(names, test.brightness.T, strict=True)
        if not 1 - _CONFOUND <= (area := auroc(values, labels)) <= _CONFOUND
    ]
    if not found:
        return []
    area, name = max(found)
    cure = {
        "keep": "Compare with --lighting both, and use --lighting normalize if the lamp is why.",
        "normalize": "Brightness was evened out, so it should not tell here.",
        "both": "Trust the gain-normalized rows if the lamp is why.",
    }[lighting]
    return [
        f"The mean brightness of the {name} alone tells good from bad (AUROC {area:.2f}): "
        f"detectors may see the lamp and not the defects. {cure}"
    ]


def _lost_masks(test: Sequence[ImageRecord]) -> list[str]:
    """Say so where only some anomalies have a mask: the others are no part of pixel figures."""
    anomalies = [one for one in test if one.label == 1]
    n_without = sum(one.mask is None for one in anomalies)
    if n_without in (0, len(anomalies)):
        return []
    kinds = sorted({one.defect or GOOD for one in anomalies if one.mask is None} - {GOOD})
    of = f" ({', '.join(kinds[:_SHOWN])})" if kinds else ""
    return [
        f"{n_without} of {len(anomalies)} test anomalies{of} have no mask, or an empty one. They "
        "do not count in the pixel figures."
    ]
