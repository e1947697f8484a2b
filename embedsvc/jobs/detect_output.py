"""The folder of the results: whose it is, whether it is complete, and what is written last.

OUTPUT/
  detector/           what was learned, as soon as it is; with baseline/
  scores.csv.parts/   scores so far; gone in the end
  scores.csv          maps/           report.html
  metrics.json        written last: where it stands, all else is complete
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from embedsvc.errors import ArtifactError, OutputError, ResumeError
from embedsvc.extract.folder import parts_folder, reason_of
from embedsvc.extract.joining import input_digest
from embedsvc.extract.windows import windows_of
from embedsvc.files import atomic_write, read_json
from embedsvc.jobs.detect_plan import DetectPlan

COMMAND = "detect-anomalies"
SCORES, METRICS, MAPS, DETECTOR, REPORT = (
    "scores.csv",
    "metrics.json",
    "maps",
    "detector",
    "report.html",
)
_MOST_BYTES = 1 << 26
_PARTIAL_FILE = re.compile(r"\.(metrics\.json|report\.html)\.\d+\.partial")
_PARTIAL_DETECTOR = re.compile(r"\.detector\.\w+\.partial")


def check_output(output: Path) -> None:
    """Refuse a folder that holds other things than a search for anomalies, whoever asks.

    Raises:
        OutputError: it does, it is a file, or it is out of reach.
    """
    try:
        found = {path.name for path in output.iterdir()} if output.exists() else set()
    except OSError as err:
        raise OutputError(
            f"Expected a folder for the results, got {output}: {err.strerror or err}. "
            "Choose another output."
        ) from err
    visible = sorted(name for name in found if not name.startswith("."))
    if visible and not _is_own(output):
        raise OutputError(
            f"Expected {output} to be new, or the folder of an earlier {COMMAND}, got a folder "
            f"with {', '.join(visible[:3])}. Choose another output."
        )


def finished(output: Path, plan: DetectPlan, run: Mapping[str, Any]) -> dict[str, Any] | None:
    """The metrics of this very search, where it is complete.

    Args:
        output: the folder.
        plan: the search; its images are listed to be compared.
        run: what it depends on.

    Raises:
        ResumeError: a complete search of something else stands there.
    """
    if not (output / METRICS).exists():
        return None
    made = _metrics(output)
    changed = _change(made.get("run") or {}, orjson.loads(orjson.dumps(run)))
    if changed is None and plan.options.on_error == "error" and made.get("n_unreadable"):
        changed = "it skipped images that could not be read"
    if changed is None and made.get("images_sha256") != images_digest(plan):
        changed = "the images have changed"
    if changed is None:
        return made
    raise ResumeError(
        f"Expected {output} not to exist, or to be the result of the same command, but {changed}. "
        "Choose another output, or add --overwrite to replace it."
    )


def check_kept(
    output: Path, kept: Mapping[str, Any] | None, fingerprint: Mapping[str, Any]
) -> None:
    """Refuse to go on with a detector that was fitted otherwise.

    Args:
        output: the folder.
        kept: the fingerprint of the detector kept there, or None.
        fingerprint: what it should be.

    Raises:
        ResumeError: they differ; the message names the first difference.
    """
    what = None if kept is None else _change(kept, fingerprint)
    if what is None:
        return
    raise ResumeError(
        f"Expected the same search as the one that fitted {output / DETECTOR}, but {what}. Run "
        "with the images and options of before to continue, or add --overwrite to start again."
    )


def _change(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """The first difference as a clause; None where there is none."""
    for key in {**before, **now}:
        if before.get(key) != now.get(key):
            if key.endswith("images_sha256"):
                return f"the {key.removesuffix('_sha256').replace('_', ' ')} have changed"
            name = key.replace("_", " ")
            return f"{name} was {before.get(key)!r} and is {now.get(key)!r} now"
    return None


def images_digest(plan: DetectPlan) -> str:
    """One sha256 over names, sizes and times of all images to score, and their labels."""
    return input_digest(window.digest for window in windows_of(plan.listing))


def forget_results(output: Path) -> None:
    """Remove the results of a complete search, and what a killed process was writing.

    Overlays of one that is not complete are left, as they are continued.

    Raises:
        OutputError: the folder cannot be written.
    """
    try:
        if (output / METRICS).exists():
            forget_maps(output)
        # The mark of completeness goes first.
        for name in (METRICS, REPORT, SCORES):
            (output / name).unlink(missing_ok=True)
        for path in output.iterdir():
            if _PARTIAL_FILE.fullmatch(path.name):
                path.unlink(missing_ok=True)
            elif _PARTIAL_DETECTOR.fullmatch(path.name):
                shutil.rmtree(path, ignore_errors=True)
    except OSError as err:
        raise OutputError(
            f"Expected to write to {output}, but {reason_of(err)}. Choose another output."
        ) from err


def forget_maps(output: Path) -> None:
    """Remove the overlays of another search."""
    shutil.rmtree(output / MAPS, ignore_errors=True)


def forget_detector(kept: Path) -> None:
    """Remove the detector of another search."""
    shutil.rmtree(kept, ignore_errors=True)


def write_metrics(output: Path, metrics: Mapping[str, Any]) -> None:
    """Write what programs read; NaN and infinity become null.

    Raises:
        OSError: it cannot be written.
    """
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY
    with atomic_write(output / METRICS) as file:
        file.write(orjson.dumps(metrics, option=options))


def _is_own(output: Path) -> bool:
    if parts_folder(output / SCORES).is_dir():
        return True
    if (output / METRICS).is_file() and _metrics(output).get("command") == COMMAND:
        return True
    # Removed parts and no metrics yet: a run that was stopped before its first window.
    return {name for name in os.listdir(output) if not name.startswith(".")} == {DETECTOR}  # noqa: PTH208


def _metrics(output: Path) -> dict[str, Any]:
    try:
        return read_json(output / METRICS, max_bytes=_MOST_BYTES)
    except ArtifactError:
        return {}
