"""The write of a small file that is made in memory first."""

from __future__ import annotations

from pathlib import Path

from embedsvc.errors import OutputError
from embedsvc.extract.folder import reason_of
from embedsvc.files import atomic_write


def write_whole(path: Path, content: bytes) -> None:
    """Write a file; it appears whole or not at all, and its folder is made if need be.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            file.write(content)
    except OSError as err:
        raise OutputError(
            f"Expected to write {path}, but {reason_of(err)}. Cure that, or choose another folder."
        ) from err
