"""The folder of a fitted detector: what is told of it, and copies of it for the user."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from embedsvc.errors import ArtifactError, InputError, OutputError
from embedsvc.store.fields import read_object
from embedsvc.store.places import write_folder

# As in store/detectors.py, which imports TensorFlow.
WHAT = "anomaly-detector"
MODEL, STATE, BASELINE_FOLDER = "model.json", "state.safetensors", "baseline"
NAMES = (MODEL, STATE, BASELINE_FOLDER)
"""What may stand in the folder of a detector of a search."""
EXTRA = "detect_anomalies"


def read_story(folder: Path) -> dict[str, Any]:
    """What a search kept beside its detector; anybody may have written it.

    Raises:
        ArtifactError: the folder holds no detector.
    """
    extra = read_object(folder / MODEL).get("extra")
    story = extra.get(EXTRA) if isinstance(extra, dict) else None
    return story if isinstance(story, dict) else {}


def kept_fingerprint(folder: Path) -> dict[str, Any] | None:
    """What the detector in a folder was fitted with, as `DetectPlan.fingerprint` has it."""
    try:
        found = read_story(folder).get("fingerprint")
    except ArtifactError:
        return None
    return found if isinstance(found, dict) else None


def check_save(save: Path, kept: Path, *, reused: bool, overwrite: bool) -> None:
    """Refuse a folder that could not be written in the end.

    Args:
        save: where the detector is to be copied to.
        kept: where it will be; equal contents are no mistake.
        reused: whether the detector is a saved one.
        overwrite: whether a saved detector may be replaced.

    Raises:
        InputError: there will be nothing new to save.
        OutputError: the folder holds something else, or a detector that may not be replaced.
    """
    if reused:
        raise InputError(
            "Expected no folder to save to with a saved detector, which is saved already. "
            "Leave out --save."
        )
    try:
        found = {path.name for path in save.iterdir()} if save.exists() else set()
    except OSError as err:
        raise OutputError(
            f"Expected a folder to save to, got {save}: {err.strerror or err}. Choose another one."
        ) from err
    if not found or save.resolve() == kept.resolve() or _is_same(kept, save):
        return
    own = _is_detector(save) and found <= set(NAMES)
    if own and overwrite:
        return
    what = "a saved detector" if own else "a folder with other files"
    cure = "Choose another one, or add --overwrite." if own else "Choose another one."
    raise OutputError(f"Expected {save} to be new, got {what}. {cure}")


def copy_saved(kept: Path, target: Path, *, overwrite: bool) -> None:
    """Copy a detector with its baseline to a folder of the user's.

    Args:
        kept: the detector.
        target: has to be new, or hold this very detector, which is no mistake.
        overwrite: whether a saved detector may be replaced.

    Raises:
        OutputError: the folder holds something else, or cannot be written.
    """
    if target.resolve() == kept.resolve() or _is_same(kept, target):
        return

    def write(fresh: Path) -> None:
        shutil.copytree(kept, fresh, dirs_exist_ok=True)

    write_folder(target, write, what=WHAT, names=NAMES, overwrite=overwrite)


def _is_same(first: Path, second: Path) -> bool:
    """Whether two folders hold the same detector: its model.json names its arrays by checksum."""
    files = (Path(MODEL), Path(BASELINE_FOLDER, MODEL))
    try:
        return (first / MODEL).is_file() and all(
            _content(first / one) == _content(second / one) for one in files
        )
    except OSError:
        return False


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _is_detector(folder: Path) -> bool:
    try:
        return read_object(folder / MODEL).get("what") == WHAT
    except ArtifactError:
        return False
