"""Which labelled images choose the threshold, and which measure the result: never the same ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from embedsvc.datasets.labels import apply_labels
from embedsvc.datasets.places import absolute
from embedsvc.errors import InputError
from embedsvc.evaluation.splits import grouped_holdout
from embedsvc.images.records import ImageRecord

FEWEST_CHOOSING = 5
"""Anomalies from which on a threshold of the best F1 means something."""
_FEWEST_NEEDED = 4


def with_labels(
    images: Sequence[ImageRecord],
    normals: Sequence[ImageRecord],
    labels: Mapping[str, int],
    *,
    source: Path,
) -> tuple[list[ImageRecord], list[ImageRecord]]:
    """Label images to score and images to learn from out of one table.

    Args:
        images: to score.
        normals: to learn from; those that are among `images` too get the same label.
        labels: 0 or 1 by name, as of `read_labels`.
        source: the table, for relative paths and messages.

    Raises:
        InputError: a name in the table means no image, or several.
    """
    own = {absolute(one.path) for one in images}
    others = [one for one in normals if absolute(one.path) not in own]
    labelled = apply_labels([*images, *others], labels, source=source)
    by_path = {absolute(one.path): one for one in labelled}
    return labelled[: len(images)], [by_path[absolute(one.path)] for one in normals]


def choose_half(records: Sequence[ImageRecord], *, needed: bool, seed: int) -> list[int]:
    """Draw the half of the labelled images that the threshold is chosen with.

    Args:
        records: the images to score, labelled or not.
        needed: whether the method learns from these labels and cannot do without.
        seed: equal seeds draw the same ones.

    Returns:
        Positions in `records`, rising; pictures of one group are all drawn or all left. Empty
        where there are too few labelled anomalies for both, and they are not needed to learn from.

    Raises:
        InputError: the labels are needed, and too few.
    """
    labelled = [i for i, one in enumerate(records) if one.label is not None]
    n_anomalous = sum(records[i].label == 1 for i in labelled)
    if not needed and n_anomalous < 2 * FEWEST_CHOOSING:
        return []
    if n_anomalous < _FEWEST_NEEDED:
        raise InputError(
            f"Expected at least {_FEWEST_NEEDED} labelled anomalies for the regressor, half to "
            f"learn from and half to test with, got {n_anomalous}. Label more with --labels, or "
            "choose another method."
        )
    half, _ = grouped_holdout(
        len(labelled),
        fraction=0.5,
        groups=[records[i].group for i in labelled],
        labels=np.array([records[i].label for i in labelled], np.int64),
        seed=seed,
    )
    chosen = [labelled[i] for i in half.tolist()]
    if not needed and count_anomalous(records[i] for i in chosen) < FEWEST_CHOOSING:
        return []
    return chosen


def count_anomalous(records: Iterable[ImageRecord]) -> int:
    """How many of the images are labelled anomalies."""
    return int(np.sum([record.label == 1 for record in records], dtype=np.int64))
