"""What every saved model's JSON begins with, and the files that it answers for."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from embedsvc import __version__
from embedsvc.errors import ArtifactError
from embedsvc.files import sha256_of
from embedsvc.store.fields import Fields, read_object, short


def read_manifest(path: Path, *, what: str, newest: int, noun: str, beside: str) -> Fields:
    """Read what a saved model says of itself; its kind and its format are checked.

    Args:
        path: the JSON file.
        what: the kind, which "what" has to say.
        newest: the format that is written now; older ones are read too.
        noun: what people call it, such as "detector".
        beside: the files that stand beside it, for the message.

    Raises:
        ArtifactError: it is missing, of another kind, or of a newer version of embedsvc.
    """
    cure = f"Name the folder that a {noun} was saved to."
    if not path.is_file():
        raise ArtifactError(
            f"Expected a saved {noun} with {path.name} and {beside}, got {path.parent} without "
            f"{path.name}. {cure}"
        )
    fields = Fields(read_object(path), path)
    if fields.values.get("what") != what:
        raise ArtifactError(
            f"Expected what = {what!r} in {path}, got {short(fields.values.get('what'))}. {cure}"
        )
    version = fields.take("format", int)
    if version > newest:
        raise ArtifactError(
            f"Expected format {newest} or older in {path}, got {version}, written by embedsvc "
            f"{short(fields.values.get('embedsvc'))}; this is {__version__}. Update embedsvc."
        )
    if version < 1:
        fields.refuse("format", f"from 1 to {newest}", version)
    return fields


def describe_file(path: Path) -> dict[str, Any]:
    """What `check_file` compares a file with."""
    return {"bytes": path.stat().st_size, "sha256": sha256_of(path)}


def check_file(path: Path, fields: Fields, *, cure: str) -> None:
    """Compare a file with what is said of it: none that was cut, changed, or is of another model.

    Args:
        path: the file.
        fields: as `describe_file` makes them.
        cure: what to do, for the message.

    Raises:
        ArtifactError: it is missing or another one.
    """
    expected = fields.take("bytes", int), fields.take("sha256", str)
    try:
        size = path.stat().st_size
        if not path.is_file():  # a device may be read without end
            raise ArtifactError(f"Expected {path} to be a file, got something else. {cure}")
        found = size, sha256_of(path) if size == expected[0] else "?"
    except OSError as err:
        raise ArtifactError(
            f"Expected {path} beside {fields.path.name}, got: {err.strerror or err}. {cure}"
        ) from err
    if found != expected:
        raise ArtifactError(
            f"Expected {path} to have {expected[0]:,} bytes and the sha256 {short(expected[1])}, "
            f"got {found[0]:,} and {found[1]}. {cure}"
        )


def read_time(fields: Fields, name: str) -> str:
    """A field that is a date and time.

    Raises:
        ArtifactError: it is something else.
    """
    text = str(fields.take(name, str))
    try:
        datetime.fromisoformat(text)
    except ValueError:
        fields.refuse(name, "a date and time", text)
    return text
