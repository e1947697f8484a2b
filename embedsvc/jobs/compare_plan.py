"""Before anything is computed: who competes, on which images, and who learns from which labels."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from embedsvc import __version__
from embedsvc.datasets.dataset import train_test_split_records
from embedsvc.errors import InputError
from embedsvc.evaluation.conformal import conformal_threshold
from embedsvc.images.records import ImageRecord
from embedsvc.jobs.compare_kinds import (
    FEWEST_LABELLED,
    KINDS,
    SUPERVISED,
    CompareOptions,
    Contestant,
)


@dataclass(frozen=True)
class Plan:
    """A comparison, ready to run.

    Attributes:
        dataset: how the user named it.
        normals: normal images to learn from.
        labelled: anomalies for detectors that learn from labels; may be empty.
        test: images that everybody is tested on.
        contestants: the detectors, the baseline first.
        options: as given.
        notes: what was decided that a reader should know.
        torn: how many groups have images to learn from and images to be tested on.
    """

    dataset: str
    normals: tuple[ImageRecord, ...]
    labelled: tuple[ImageRecord, ...]
    test: tuple[ImageRecord, ...]
    contestants: tuple[Contestant, ...]
    options: CompareOptions
    notes: tuple[str, ...]
    torn: int

    def fingerprint(self) -> dict[str, Any]:
        """What every figure depends on, as JSON values; not which detectors there are."""
        options = self.options
        size = options.size
        return {
            "version": __version__,
            "images_sha256": _digest(self),
            "size": [size, size] if isinstance(size, int) else size and list(size),
            "resize": options.resize,
            "labelled": options.n_labelled,
            "false_alarm_rate": options.false_alarm_rate,
            "seed": options.seed,
        }


def plan_comparison(
    records: Sequence[ImageRecord], options: CompareOptions, *, dataset: str
) -> Plan:
    """Divide the images and decide which detectors compete.

    Args:
        records: labelled images, as `read_dataset` gives them.
        options: what is compared.
        dataset: how the user named it.

    Returns:
        The plan; nothing has been opened yet.

    Raises:
        InputError: images that cannot be divided, more labels asked for than there are, too few
            of them for a supervised detector that was asked for, or too few normal images for the
            false alarm rate.
    """
    train, test = train_test_split_records(records, seed=options.seed)
    given, test = _give_labels(test, options)
    normals = [record for record in train if record.label == 0]
    labelled = [record for record in train if record.label == 1] + given
    if options.false_alarm_rate is not None:
        # The same message as after minutes of learning.
        conformal_threshold(range(len(normals)), options.false_alarm_rate)
    kinds, notes = _competing(options, len(labelled))
    if given:
        notes.append(
            f"{len(given)} anomalies of the test were given to the {SUPERVISED} and count for "
            "nobody."
        )
    return Plan(
        dataset=dataset,
        normals=tuple(normals),
        labelled=tuple(labelled),
        test=tuple(test),
        contestants=options.contestants(kinds),
        options=options,
        notes=tuple(notes),
        torn=len({r.group for r in train if r.group} & {r.group for r in test if r.group}),
    )


def _competing(options: CompareOptions, n_labelled: int) -> tuple[Sequence[str], list[str]]:
    """The kinds, and why one is missing."""
    kinds = options.kinds or KINDS
    if SUPERVISED not in kinds or n_labelled >= FEWEST_LABELLED:
        return kinds, []
    lacking = (
        f"{FEWEST_LABELLED} labelled anomalies to learn from, got {n_labelled} for the {SUPERVISED}"
    )
    cure = "--labelled 20 takes 20 out of the test"
    if options.kinds is not None:
        raise InputError(f"Expected at least {lacking}. Put images into train/<defect>, or {cure}.")
    note = f"Without the {SUPERVISED}: expected at least {lacking}. {cure}."
    return [kind for kind in kinds if kind != SUPERVISED], [note]


def _give_labels(
    test: Sequence[ImageRecord], options: CompareOptions
) -> tuple[list[ImageRecord], list[ImageRecord]]:
    """Anomalies to learn from, and the test without them and without others of their objects."""
    if options.n_labelled == 0:
        return [], list(test)
    given = _draw(test, options.n_labelled, options.seed)
    names = {record.name for record in given}
    groups = {record.group for record in given if record.group is not None}
    rest = [one for one in test if one.name not in names and one.group not in groups]
    if {record.label for record in rest} != {0, 1}:
        n_anomalies = sum(record.label == 1 for record in test)
        raise InputError(
            f"Expected to keep both kinds of images for the test, but {options.n_labelled} of "
            f"{n_anomalies} anomalies were to be learned from. Ask for fewer labelled ones."
        )
    return given, rest


def _draw(test: Sequence[ImageRecord], n_drawn: int, seed: int) -> list[ImageRecord]:
    """Anomalies of all kinds in the proportion they have; it does not depend on their order."""
    by_kind: dict[str, list[ImageRecord]] = defaultdict(list)
    for record in sorted(test, key=lambda record: record.name):
        if record.label == 1:
            by_kind[record.defect or ""].append(record)
    generator = np.random.default_rng(seed)
    ranked = []
    for kind, members in sorted(by_kind.items()):
        order = generator.permutation(len(members))
        # Taken in the order of these ranks, every kind is always within one of its share.
        ranked += [
            ((place + 0.5) / len(members), kind, members[i]) for place, i in enumerate(order)
        ]
    ranked.sort(key=lambda one: one[:2])
    return [record for _, _, record in ranked[:n_drawn]]


def _digest(plan: Plan) -> str:
    """Of which images there are, what is known of them, and whether their files were changed."""
    digest = hashlib.sha256()
    for part in (plan.normals, plan.labelled, plan.test):
        digest.update(b"part\n")
        for one in part:
            known = (one.name, one.label, one.group, one.defect, _state(one.path), _state(one.mask))
            digest.update(repr(known).encode("utf-8", "backslashreplace") + b"\n")
    return digest.hexdigest()


def _state(path: Path | None) -> tuple[int, int] | None:
    try:
        found = None if path is None else path.stat()
    except OSError:  # Reading it will say what is wrong.
        return None
    return None if found is None else (found.st_size, found.st_mtime_ns)
