"""Anomaly detectors on the disk: a folder of settings in JSON and arrays in safetensors.

    FOLDER/
      model.json          format, kind, settings, threshold, backbone, when it was trained
      state.safetensors   all that it learned

Neither can run code. Whatever is read is checked before it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedsvc import __version__
from embedsvc.detectors.base import AnomalyDetector
from embedsvc.detectors.calibration import Calibration
from embedsvc.detectors.learned import Learned
from embedsvc.detectors.registry import DETECTORS, detector_class
from embedsvc.errors import ArtifactError, InputError
from embedsvc.settings import from_json, setting_types, to_json
from embedsvc.store.arrays import Arrays, read_arrays, write_arrays
from embedsvc.store.fields import Fields, short, write_object
from embedsvc.store.manifest import check_file, describe_file, read_manifest, read_time
from embedsvc.store.places import write_folder

FORMAT = 1
WHAT = "anomaly-detector"
MODEL, STATE = "model.json", "state.safetensors"

_STATE_PREFIX = "state."
_SCORES, _DESCRIPTORS, _SUSPECTS = (
    "calibration.scores",
    "training.descriptors",
    "training.suspects",
)


def save_detector(
    detector: AnomalyDetector,
    folder: Path | str,
    *,
    extra: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Save a fitted detector as a folder.

    It is written beside its place and then renamed, so that a crash leaves all of it or nothing.

    Args:
        detector: one of those in `DETECTORS`.
        folder: where it will stand; made with its parents, and has to be new or empty.
        extra: anything of one's own that JSON can hold, kept in model.json; see `read_about`.
        overwrite: whether a detector saved there before is replaced. Folders that hold anything
            else never are.

    Raises:
        NotFittedError: it has learned nothing.
        InputError: it is a class of one's own, or `extra` is no JSON or too large.
        ArtifactError: what it has learned cannot be loaded again.
        OutputError: the folder is in use or cannot be written.

    Example:
        >>> save_detector(PatchCore().fit(good_images), "gears", extra={"line": 3})
        >>> detector = load_detector("gears")
    """
    kind = detector.kind
    if kind not in DETECTORS or detector_class(kind) is not type(detector):
        raise InputError(
            f"Expected a detector out of {', '.join(DETECTORS)}, got a {type(detector).__name__}: "
            "classes of your own cannot be found again when loading."
        )
    detector.check_settings()
    detector.check_state()
    write_folder(
        Path(folder),
        lambda fresh: _write(detector, fresh, dict(extra or {})),
        what=WHAT,
        names=(MODEL, STATE),
        overwrite=overwrite,
    )


def load_detector(folder: Path | str) -> AnomalyDetector:
    """Load a saved detector, ready to score. Its backbone is fetched where it is not cached.

    Args:
        folder: made by `save_detector`; it may come from anywhere.

    Returns:
        A detector that gives the scores and labels of the one that was saved.

    Raises:
        ArtifactError: the folder is no detector, is broken, or goes with another backbone.
        WeightsError: the backbone could not be fetched.
    """
    folder = Path(folder)
    about = read_about(folder)
    fields = Fields(about, folder / MODEL)
    detector = _make(about["kind"], fields.table("settings"))
    check_file(
        folder / STATE,
        fields.table("state"),
        cure="Copy both files again, or save the detector again.",
    )
    detector.restore(_read_learned(fields, read_arrays(folder / STATE), detector))
    _check_same(fields, "input", _input(detector))
    try:
        _check_same(fields, "backbone", to_json(detector.describe()))
    except InputError as err:
        raise ArtifactError(f"{folder / MODEL}: {err}") from err
    detector.check_state()
    return detector


def read_about(folder: Path | str) -> dict[str, Any]:
    """Read what model.json says of a detector, without loading it.

    Returns:
        Its fields; only "format", "what" and "kind" are checked.

    Raises:
        ArtifactError: the folder is no detector, or one of a newer version of embedsvc.
    """
    fields = read_manifest(
        Path(folder) / MODEL, what=WHAT, newest=FORMAT, noun="detector", beside=STATE
    )
    if fields.take("kind", str) not in DETECTORS:
        fields.refuse("kind", f"one of {', '.join(DETECTORS)}", fields.values["kind"])
    return fields.values


# Saving


def _write(detector: AnomalyDetector, folder: Path, extra: dict[str, Any]) -> None:
    write_arrays(
        folder / STATE,
        {
            **{f"{_STATE_PREFIX}{name}": value for name, value in detector.state_.items()},
            _SCORES: detector.calibration_scores_,
            _DESCRIPTORS: detector.descriptors_,
            _SUSPECTS: detector.suspects_,
        },
    )
    about = {
        "format": FORMAT,
        "what": WHAT,
        "kind": detector.kind,
        "embedsvc": __version__,
        "settings": {name: to_json(value) for name, value in detector.get_params().items()},
        "calibration": {
            "threshold": detector.threshold_,
            "false_alarm_rate": detector.calibration_.false_alarm_rate,
            "about": detector.calibration_.about,
        },
        "map_range": to_json(detector.map_range_),
        "input": _input(detector),
        "backbone": to_json(detector.describe()),
        "trained_at": detector.trained_at_,
        "n_images": detector.n_images_,
        "fit_seconds": detector.fit_seconds_,
        "state": describe_file(folder / STATE),
        "extra": extra,
    }
    write_object(folder / MODEL, about)


def _input(detector: AnomalyDetector) -> dict[str, Any]:
    """What pictures are brought to before anything is computed."""
    preparation = detector.preparation
    return {
        "height": preparation.height,
        "width": preparation.width,
        "resize": preparation.resize,
        "lighting": preparation.lighting,
        "tiles": int(detector.tiles),
    }


# Loading


def _make(kind: str, fields: Fields) -> AnomalyDetector:
    """The detector with its settings, nothing learned yet."""
    found = detector_class(kind)
    hints = setting_types(found)
    for name in fields.values:
        if name not in hints:
            raise ArtifactError(
                f"Expected settings of {kind} in {fields.path}: {', '.join(hints)}; got "
                f"{short(name)}. Save the detector again with this version of embedsvc."
            )
    settings = {
        name: from_json(fields.values[name], hint)
        for name, hint in hints.items()
        if name in fields.values
    }
    restored = fields.replaced(settings)
    detector = found(**{name: restored.take(name, hint) for name, hint in hints.items()})
    try:
        detector.check_settings()
    except InputError as err:
        raise ArtifactError(f"{fields.path}: {err}") from err
    return detector


def _read_learned(fields: Fields, arrays: Arrays, detector: AnomalyDetector) -> Learned:
    calibration = fields.table("calibration")
    scores = _array(arrays, _SCORES, np.float64, 1, fields)
    if not len(scores) or (np.diff(scores) < 0).any():
        raise ArtifactError(
            f"Expected {_SCORES} beside {fields.path} to be ascending numbers, got others. "
            "Save the detector again."
        )
    rate = calibration.take("false_alarm_rate", float | None)
    if rate is not None and not 0 < rate < 1:
        calibration.refuse("false_alarm_rate", "between 0 and 1", rate)
    return Learned(
        state={
            name.removeprefix(_STATE_PREFIX): value
            for name, value in arrays.items()
            if name not in (_SCORES, _DESCRIPTORS, _SUSPECTS)
        },
        calibration=Calibration(
            float(calibration.take("threshold", float)),
            scores,
            rate,
            calibration.take("about", str),
        ),
        suspects=_array(arrays, _SUSPECTS, np.int64, 1, fields),
        descriptors=_array(arrays, _DESCRIPTORS, np.float32, 2, fields),
        map_range=_read_map_range(fields, detector),
        n_images=fields.take("n_images", int),
        trained_at=read_time(fields, "trained_at"),
        fit_seconds=float(fields.take("fit_seconds", float)),
    )


def _array(
    arrays: Arrays, name: str, dtype: type[np.generic], n_axes: int, fields: Fields
) -> NDArray[Any]:
    array = arrays.get(name)
    if array is None or array.dtype != dtype or array.ndim != n_axes:
        got = "none" if array is None else f"{array.dtype} of shape {array.shape}"
        raise ArtifactError(
            f"Expected {name} as {np.dtype(dtype)} with {n_axes} axes beside {fields.path}, got "
            f"{got}. Save the detector again."
        )
    return array


def _read_map_range(fields: Fields, detector: AnomalyDetector) -> tuple[float, float] | None:
    if not detector.has_maps:
        return None
    low, high = fields.take("map_range", tuple[float, float])
    if not low < high:
        fields.refuse("map_range", "rising", [low, high])
    return float(low), float(high)


def _check_same(fields: Fields, name: str, found: dict[str, Any]) -> None:
    """Compare what the detector was trained with to what it would score with."""
    saved = fields.take(name, dict)
    for key in sorted(saved.keys() | found.keys()):
        if saved.get(key) != found.get(key):
            raise ArtifactError(
                f"Expected {name}.{key} = {short(saved.get(key))}, as the detector in "
                f"{fields.path} was trained with, got {short(found.get(key))}, which gives other "
                "scores. Get the same model, or train the detector again."
            )
