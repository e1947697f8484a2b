"""Files that survive a crash: a write is seen whole or not at all.

The order is always the same: write beside the target, flush to the disk, rename over the target,
flush the folder. A rename within one folder is atomic on POSIX and on Windows.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from embedsvc.errors import ArtifactError

_CHUNK = 1 << 20


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Open a file whose bytes appear at `path` only when the block ends without an error.

    Args:
        path: where the finished file will stand; an existing file is replaced.

    Yields:
        A binary file to write to. After an error nothing is left behind.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_folder(path.parent)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk, so that a rename outlives a power cut."""
    if os.name == "nt":  # Windows cannot open folders and journals its entries itself.
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_of(path: Path) -> str:
    """The sha256 of a file as 64 hexadecimal digits, read in chunks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def read_json(path: Path, *, max_bytes: int = 1 << 20) -> dict[str, Any]:
    """Read a small, untrusted JSON object.

    Raises:
        ArtifactError: the file is missing, larger than `max_bytes`, no JSON, or no object.
    """
    value = read_json_value(path, max_bytes=max_bytes)
    if not isinstance(value, dict):
        raise ArtifactError(f"Expected a JSON object in {path}, got a {type(value).__name__}.")
    return value


def read_json_value(path: Path, *, max_bytes: int = 1 << 20) -> Any:
    """Read a small, untrusted JSON file of any kind.

    Raises:
        ArtifactError: the file is missing, larger than `max_bytes`, or no JSON.
    """
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise ArtifactError(
                f"Expected {path} to be at most {max_bytes:,} bytes, got {size:,}. "
                "Check that it is the file it should be."
            )
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as err:
        raise ArtifactError(f"Expected readable JSON in {path}, got: {err}") from err


def format_bytes(count: float) -> str:
    """A size for people: `format_bytes(83_506_384)` is "83.5 MB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
