"""Defects of the input: as the error that stops a run, or as lines of OUT.rejects.jsonl."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import orjson

from embedsvc.errors import InputError
from embedsvc.extract.rows import Reject
from embedsvc.files import atomic_write


def defect(reject: Reject) -> InputError:
    """A defect as the error that stops a run."""
    things = {"image": "images"}.get(reject.unit, "rows" if reject.line else None)
    cure = f" To leave such {things} out, add --on-error skip." if things else ""
    return InputError(f"{reject.where}: {reject.reason}{cure}")


def rejects_file(output: Path) -> Path:
    """Where the defects of a run are written."""
    return output.with_name(output.name + ".rejects.jsonl")


def to_line(reject: Reject) -> dict[str, Any]:
    """A defect as it is written; an image that stands in no table has nothing but its name."""
    if reject.unit == "image":
        return {"where": reject.where, "file": reject.file, "reason": reject.reason}
    return {
        "where": reject.where,
        "file": reject.file,
        "line": reject.line,
        "reason": reject.reason,
        "text": reject.excerpt,
    }


def write_rejects(output: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Write the defects of a whole run; without any, no file stands."""
    path = rejects_file(output)
    lines = iter(lines)
    first = next(lines, None)
    if first is None:
        path.unlink(missing_ok=True)
        return
    with atomic_write(path) as file:
        for line in chain([first], lines):
            file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
