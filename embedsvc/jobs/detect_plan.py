"""Before anything is computed: which images are learned from, and which are scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from embedsvc import __version__
from embedsvc.datasets.labels import read_labels
from embedsvc.datasets.places import absolute
from embedsvc.errors import ArtifactError, InputError
from embedsvc.evaluation.conformal import conformal_threshold
from embedsvc.extract.rows import printable
from embedsvc.files import sha256_of
from embedsvc.images.records import ImageRecord
from embedsvc.jobs.detect_labels import FEWEST_CHOOSING, choose_half, count_anomalous, with_labels
from embedsvc.jobs.detect_listing import ImageListing, listing_digest
from embedsvc.jobs.detect_options import BASELINE, METHODS, SUPERVISED, DetectOptions
from embedsvc.jobs.detect_places import Opened, Places, open_images
from embedsvc.settings import to_json
from embedsvc.store.fields import read_object

_LAYOUT = 1
"""Changes when the same images and options give other scores."""


@dataclass(frozen=True)
class DetectPlan:
    """A search for anomalies, ready to run.

    Attributes:
        method: of the detector.
        options: as given.
        listing: the images to score.
        saved: the folder of a detector to reuse, or None to fit one.
        normals: normal images to learn from; empty with a saved detector.
        labelled: labelled images that choose the threshold, or are learned from by a supervised
            method; not tested with.
        normal_source: what the place of the normal images is called.
        notes: what was decided that a reader should know.
    """

    method: str
    options: DetectOptions
    listing: ImageListing
    saved: Path | None
    normals: tuple[ImageRecord, ...]
    labelled: tuple[ImageRecord, ...]
    normal_source: str
    notes: tuple[str, ...]

    @property
    def has_baseline(self) -> bool:
        """Whether the baseline judges the images too."""
        if self.method == BASELINE or not self.options.baseline:
            return False
        return self.saved is None or (self.saved / "baseline").is_dir()

    @property
    def groups(self) -> list[str | None] | None:
        """Groups of the images to learn from; None where none are known."""
        if all(one.group is None for one in self.normals):
            return None
        return [one.group for one in (*self.normals, *self.labelled)]

    def learned_paths(self) -> frozenset[str]:
        """Absolute paths of the normal images."""
        return frozenset(absolute(one.path) for one in self.normals)

    def fingerprint(self) -> dict[str, Any]:
        """Everything the scores depend on beside the images to score, as JSON values."""
        common = {
            "layout": _LAYOUT,
            "version": __version__,
            "method": self.method,
            "baseline": self.has_baseline,
        }
        if self.saved is not None:
            return {**common, "detector_sha256": _folder_digest(self.saved)}
        return {
            **common,
            **to_json(self.options.settings(self.method)),
            "normal_images_sha256": listing_digest(self.normals),
            "labelled_images_sha256": listing_digest(self.labelled),
        }


def plan_detection(
    images: Places,
    normal: Places | None,
    output: Path,
    *,
    options: DetectOptions,
    detector: Path | None = None,
    labels: Path | None = None,
) -> DetectPlan:
    """Find the images and decide who learns from what; no image is opened.

    Args:
        images: to score: folders, globs or files, one manifest, or one folder as of MVTec AD.
        normal: the same of images to learn from; None where `images` tells them, or with a
            saved detector.
        output: the folder of the results.
        options: how it is done.
        detector: the folder of a saved detector to reuse.
        labels: a table of labels of any of these images.

    Raises:
        InputError: images, labels or options that cannot be used.
        ArtifactError: the saved detector is none.
    """
    if detector is not None and normal:
        raise InputError(
            "Expected normal images or a saved detector, got both. A saved detector has learned "
            "already: leave out --normal, or --detector."
        )
    method = options.for_new() if detector is None else _saved_method(detector)
    if detector is not None:
        options.for_saved(method)
    opened = open_images(images, what="images to score")
    opened.refuse_output(output)
    if detector is not None:
        return _plan_saved(opened, labels, options, method, detector)
    return _plan_new(opened, _training(opened, normal, output), labels, options, method)


def _plan_saved(
    opened: Opened, labels: Path | None, options: DetectOptions, method: str, detector: Path
) -> DetectPlan:
    records = None
    if labels is not None:
        records, _ = with_labels(list(opened.records()), [], read_labels(labels), source=labels)
    listing = ImageListing(opened, records=records)
    return DetectPlan(method, options, listing, detector, (), (), "", ())


def _plan_new(
    opened: Opened,
    training: tuple[str, list[ImageRecord]],
    labels: Path | None,
    options: DetectOptions,
    method: str,
) -> DetectPlan:
    source, learning = training
    records: list[ImageRecord] | None = None
    if labels is not None:
        records, learning = with_labels(
            list(opened.records()), learning, read_labels(labels), source=labels
        )
    normals = [one for one in learning if one.label != 1]
    anomalies = [one for one in learning if one.label == 1]
    if method == SUPERVISED and not anomalies and records is None:
        records = list(opened.records())
    given: list[ImageRecord] = []
    if records is not None and (method == SUPERVISED or options.false_alarm_rate is None):
        needed = method == SUPERVISED and not anomalies
        chosen = choose_half(records, needed=needed, seed=options.seed or 0)
        given = [records[i] for i in chosen]
    used = {absolute(one.path) for one in (*anomalies, *given)}
    _check_counts(normals, source, options)
    return DetectPlan(
        method=method,
        options=options,
        listing=ImageListing(opened, records=records, chosen=frozenset(used)),
        saved=None,
        # What is given with its label is not given as normal besides.
        normals=tuple(one for one in normals if absolute(one.path) not in used),
        labelled=_distinct([*anomalies, *given]),
        normal_source=source,
        notes=tuple(_notes(records, given, anomalies, method, options)),
    )


def _training(opened: Opened, normal: Places | None, output: Path) -> tuple[str, list[ImageRecord]]:
    """What the images to learn from are called, and these images."""
    if normal:
        learning = open_images(normal, what="normal images")
        learning.refuse_output(output)
        source = ", ".join(map(printable, learning.places))
        if not learning.is_labelled:
            return source, list(learning.records())
        return source, [*learning.train, *(one for one in learning.records() if one.split is None)]
    if not opened.train:
        raise InputError(
            f"Expected normal images to learn from, got none for {opened.label}. Name a folder of "
            "good pictures with --normal, or a saved detector with --detector; without either, "
            "images have to be a folder with train/good and test, or a manifest with splits."
        )
    return f"{printable(opened.places[0])}, train", list(opened.train)


def _check_counts(normals: Sequence[ImageRecord], source: str, options: DetectOptions) -> None:
    if len(normals) < 2:
        raise InputError(
            f"Expected at least 2 normal images to learn from in {source}, got {len(normals)}. "
            "Give more pictures of good parts."
        )
    if options.false_alarm_rate is not None:
        # Refused here where even all of them are too few; fitting knows how many it holds out.
        conformal_threshold(np.zeros(len(normals)), options.false_alarm_rate)


def _distinct(records: Sequence[ImageRecord]) -> tuple[ImageRecord, ...]:
    """Each file once; one may be named as normal and as an image to score."""
    return tuple({absolute(one.path): one for one in records}.values())


def _notes(
    records: Sequence[ImageRecord] | None,
    given: Sequence[ImageRecord],
    anomalies: Sequence[ImageRecord],
    method: str,
    options: DetectOptions,
) -> list[str]:
    use = "were learned from" if method == SUPERVISED else "chose the threshold"
    if given:
        n_labelled = sum(one.label is not None for one in records or ())
        return [
            f"Of {n_labelled:,} labelled images {len(given):,}, drawn by group, {use}; the figures "
            f"are measured on the other {n_labelled - len(given):,}."
        ]
    if anomalies:
        return [f"{len(anomalies):,} labelled anomalies apart from the scored images {use}."]
    n_anomalous = 0 if records is None else count_anomalous(records)
    if options.false_alarm_rate is None and 0 < n_anomalous < 2 * FEWEST_CHOOSING:
        return [
            f"{n_anomalous} labelled anomalies are too few to choose a threshold with half of them "
            f"and to measure with the others: all measure. From {2 * FEWEST_CHOOSING} on, half "
            "choose."
        ]
    return []


def _saved_method(folder: Path) -> str:
    if not (folder / "model.json").is_file():
        raise ArtifactError(
            f"Expected a saved detector, got {folder} without model.json. Name the folder that "
            "was given to --save, or the folder detector of a report."
        )
    method = read_object(folder / "model.json").get("kind")
    if method not in METHODS:
        raise ArtifactError(
            f"Expected a detector out of {', '.join(METHODS)} in {folder}, got {method!r}. "
            "Name the folder of another detector, or update embedsvc."
        )
    return str(method)


def _folder_digest(folder: Path) -> str:
    """Of a saved detector and its baseline; arrays are named by their sha256 in model.json."""
    parts = [folder / "model.json", folder / "baseline" / "model.json"]
    return "".join(sha256_of(path)[:32] for path in parts if path.is_file())
