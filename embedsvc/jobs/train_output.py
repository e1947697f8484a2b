"""The folder of a trained classifier: whose it is, and whether it is complete.

OUTPUT/
  model.json, head.safetensors, encoder/     the classifier
  metrics.json, history.csv, history.png, report.html, rejects.jsonl
OUTPUT.parts/
  checkpoint/                                 the state after the last epoch; gone in the end

OUTPUT appears as a whole, by one rename, when all of it is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from embedsvc.errors import ArtifactError, OutputError, ResumeError
from embedsvc.extract.folder import parts_folder
from embedsvc.files import atomic_write, read_json
from embedsvc.jobs.predict_model import MODEL

COMMAND = "train"
METRICS, HISTORY, CURVE, REPORT, REJECTS = (
    "metrics.json",
    "history.csv",
    "history.png",
    "report.html",
    "rejects.jsonl",
)
# The first one says what the folder is.
NAMES = (MODEL, "head.safetensors", "encoder", METRICS, HISTORY, CURVE, REPORT, REJECTS)
_MOST_BYTES = 1 << 26
_CHECKPOINT = "checkpoint"


def check_output(output: Path, *, names: Sequence[str] = NAMES, noun: str = "classifier") -> None:
    """Refuse a place that is no folder of a trained model, before hours are spent.

    Args:
        output: the folder.
        names: of the files that such a folder may have; the first one it always has.
        noun: what is trained.

    Raises:
        OutputError: it is a file, holds other things, or is out of reach.
    """
    try:
        if output.exists() and not output.is_dir():
            raise OutputError(
                f"Expected a folder for the {noun}, got the file {output}. Choose another output."
            )
        found = {path.name for path in output.iterdir()} if output.exists() else set()
    except OSError as err:
        raise OutputError(
            f"Expected a folder for the {noun}, got {output}: {err.strerror or err}. Choose "
            "another output."
        ) from err
    others = sorted(found - set(names))
    if others or (found and names[0] not in found):
        raise OutputError(
            f"Expected {output} to be new, or the folder of a trained {noun}, got a folder "
            f"with {', '.join((others or sorted(found))[:3])}. Choose another output."
        )


def parts_of(output: Path) -> Path:
    """Where the state of a training is kept until it is complete."""
    return parts_folder(output if output.name else output.absolute())


def checkpoint_folder(output: Path) -> Path:
    """Where the state after the last epoch is kept."""
    return parts_of(output) / _CHECKPOINT


def finished(
    output: Path, asked: Mapping[str, Any], *, command: str = COMMAND
) -> dict[str, Any] | None:
    """The metrics of this very training, where it is complete; None where nothing stands.

    Args:
        output: the folder.
        asked: what its result depends on, as JSON values.
        command: the command that makes such folders.

    Raises:
        ResumeError: something else stands there.
    """
    if not (output / MODEL).exists():
        return None
    try:
        made = read_json(output / METRICS, max_bytes=_MOST_BYTES)
    except ArtifactError:
        made = {}
    run = made.get("run")
    what = f"it was not made by embedsvc {command}"
    if made.get("command") == command and isinstance(run, dict):
        change = difference(run, asked)
        if change is None:
            return made
        what = change
    raise ResumeError(
        f"Expected {output} not to exist, or to be the result of the same command, but {what}. "
        "Choose another output, or add --overwrite to replace it."
    )


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """The first thing that is not as before, as a clause; None where there is none."""
    for key in {**before, **now}:
        old, new = before.get(key), now.get(key)
        if old == new:
            continue
        if key.endswith("_sha256"):
            return f"the {key.removesuffix('_sha256').replace('_', ' ')} changed"
        if isinstance(old, dict) and isinstance(new, dict):
            return difference(old, new)
        return f"{key.replace('_', ' ')} was {_shown(old)} and is {_shown(new)} now"
    return None


def write_metrics(path: Path, metrics: Mapping[str, Any]) -> None:
    """Write what programs read; NaN and infinity become null.

    Raises:
        OSError: it cannot be written.
    """
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY
    with atomic_write(path) as file:
        file.write(orjson.dumps(metrics, option=options))


def _shown(value: object) -> str:
    if value is None:
        return "not given"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
