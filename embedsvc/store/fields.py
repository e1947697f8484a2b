"""A model's settings as JSON, read as untrusted data: bounded, strict, and every field checked."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NoReturn

from embedsvc.errors import ArtifactError, InputError
from embedsvc.files import atomic_write
from embedsvc.settings import fits, in_words

MOST_BYTES = 1 << 20


class Fields:
    """A JSON object whose fields are taken one by one; errors name the field.

    Attributes:
        values: the object.
        path: the file it is from.
    """

    def __init__(self, values: dict[str, Any], path: Path, prefix: str = "") -> None:
        self.values, self.path, self._prefix = values, path, prefix

    def take(self, name: str, hint: Any) -> Any:
        """A field of a type, as `embedsvc.settings.fits` has it.

        Raises:
            ArtifactError: it is missing, or of another type.
        """
        if name not in self.values:
            raise ArtifactError(
                f"Expected {self._prefix}{name} in {self.path}, got none. Save the model again."
            )
        if not fits(self.values[name], hint):
            self.refuse(name, in_words(hint), self.values[name])
        return self.values[name]

    def table(self, name: str) -> Fields:
        """A field that is an object itself."""
        return self.replaced(self.take(name, dict), f"{self._prefix}{name}.")

    def replaced(self, values: dict[str, Any], prefix: str | None = None) -> Fields:
        """The same place with other values."""
        return Fields(values, self.path, self._prefix if prefix is None else prefix)

    def refuse(self, name: str, expected: str, got: object) -> NoReturn:
        """Raise ArtifactError for a field's value."""
        raise ArtifactError(
            f"Expected {self._prefix}{name} in {self.path} to be {expected}, got {short(got)}. "
            "Save the model again."
        )


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object of at most a megabyte, all of whose numbers are finite.

    Raises:
        ArtifactError: the file is missing or something else.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES:,} bytes")
        found = json.loads(data, parse_constant=_no_number, parse_float=_finite)
    except (OSError, ValueError, RecursionError) as err:
        raise ArtifactError(f"Expected readable JSON in {path}, got: {err}") from err
    if not isinstance(found, dict):
        raise ArtifactError(f"Expected a JSON object in {path}, got a {type(found).__name__}.")
    return found


def write_object(path: Path, values: dict[str, Any], *, suspect: str = "extra") -> None:
    """Write what `read_object` reads, whole or not at all.

    Args:
        path: a file, replaced where there is one.
        values: the object.
        suspect: the field that anything may stand in, for the message.

    Raises:
        InputError: it holds what JSON cannot, or is too large.
        OSError: it cannot be written.
    """
    cure = f"Keep only texts, finite numbers, lists and dicts of these in {suspect}."
    try:
        text = json.dumps(values, indent=2, allow_nan=False) + "\n"
    except (TypeError, ValueError, RecursionError) as err:
        raise InputError(f"Expected {suspect} that JSON can hold, got: {err}. {cure}") from err
    if len(text) > MOST_BYTES:
        raise InputError(
            f"Expected {suspect} with which {path.name} has at most {MOST_BYTES:,} bytes, got "
            f"{len(text):,}. {cure}"
        )
    with atomic_write(path) as file:
        file.write(text.encode())


def short(value: object) -> str:
    """A value for a message."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text}, which is no JSON")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _no_number(text)
