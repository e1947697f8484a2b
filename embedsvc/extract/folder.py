"""The folder beside an output that holds what is done: one process at a time, no litter."""

from __future__ import annotations

import errno
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from embedsvc.errors import OutputError, ResumeError

_LOCK = "lock"


def parts_folder(output: Path) -> Path:
    """The folder beside an output that holds what is done so far."""
    return output.with_name(output.name + ".parts")


def remove_leftover(output: Path) -> None:
    """Remove the parts of an output that stands, which a crash can leave, if nobody uses them."""
    if parts_folder(output).is_dir():
        with suppress(OutputError), locked(output):
            remove_partial_files(output)
            shutil.rmtree(parts_folder(output), ignore_errors=True)


@contextmanager
def locked(output: Path) -> Iterator[None]:
    """Make the folder and keep it from other processes while the block runs.

    Raises:
        ResumeError: another process has it.
        OutputError: it cannot be made.
    """
    folder = parts_folder(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / _LOCK)
        lock.acquire(blocking=False)
    except Timeout as err:
        raise ResumeError(
            f"Expected {folder} to be free, but another process is writing to it. "
            "Wait for it to end, or choose another output."
        ) from err
    except OSError as err:
        raise not_writable(output, err) from err
    try:
        yield
    finally:
        lock.release()


def not_writable(output: Path, err: OSError) -> OutputError:
    """The error for an output that cannot even be begun."""
    return OutputError(
        f"Expected to write beside {output}, but {reason_of(err)}. "
        "Cure that, or choose another output."
    )


def reason_of(err: OSError) -> str:
    """Why a file could not be written, for a sentence."""
    if err.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full"
    return f"got: {err.strerror or err}"


def remove_partial_files(output: Path) -> None:
    """Remove what a killed process was writing beside the output."""
    endings = r"(\.rejects\.jsonl|\.ids\.jsonl|\.metadata\.json)?"
    partial = re.compile(rf"\.{re.escape(output.name)}{endings}\.\d+\.partial")
    for path in output.parent.iterdir():
        if partial.fullmatch(path.name):
            path.unlink(missing_ok=True)
