"""What stands beside predictions where true labels were given: OUT.metrics.json."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from embedsvc.errors import ArtifactError
from embedsvc.extract.outputs import beside
from embedsvc.files import read_json

METRICS = "metrics.json"
_MOST_BYTES = 1 << 26


def read_metrics(path: Path) -> dict[str, Any] | None:
    """The metrics beside an output; None where there are none."""
    try:
        return read_json(metrics_file(path), max_bytes=_MOST_BYTES)
    except ArtifactError:
        return None


def metrics_file(path: Path) -> Path:
    """Where the metrics of an output stand."""
    return beside(path, METRICS)


def remove_partial_metrics(path: Path) -> None:
    """Remove what a killed process was writing of the metrics."""
    partial = re.compile(rf"\.{re.escape(path.name)}\.metrics\.json\.\d+\.partial")
    for one in path.parent.iterdir():
        if partial.fullmatch(one.name):
            one.unlink(missing_ok=True)
