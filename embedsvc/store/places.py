"""A folder that appears whole, and never takes the place of anything but its own kind."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from embedsvc.errors import ArtifactError, OutputError
from embedsvc.files import read_json, sync_folder

_MOST_BYTES = 1 << 26


def write_folder(
    folder: Path,
    write: Callable[[Path], None],
    *,
    what: str,
    names: tuple[str, ...],
    overwrite: bool,
) -> None:
    """Fill a folder beside its place, then rename it.

    A crash leaves all of it or nothing. Where a model is replaced, a crash in the moment between
    two renames leaves the old one beside, in a hidden folder that ends in ".partial".

    Args:
        folder: made with its parents; new, empty, or a saved model of the same kind.
        write: fills an empty folder.
        what: the kind, which "what" says in the first file.
        names: the files of such a folder; the first is JSON.
        overwrite: whether a saved model may be replaced.

    Raises:
        OutputError: the folder is in use or cannot be written.
    """
    folder = folder.resolve()
    try:
        _check_place(folder, what=what, names=names, overwrite=overwrite)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _staging(folder) as staging:
            fresh = staging / "fresh"
            fresh.mkdir()
            write(fresh)
            _put(fresh, folder, staging / "old")
    except OSError as err:
        raise OutputError(
            f"Expected to write the folder {folder}, got: {err.strerror or err}. "
            "Cure that, or choose another one."
        ) from err


def _check_place(folder: Path, *, what: str, names: tuple[str, ...], overwrite: bool) -> None:
    """Refuse a place that is in use, by anything but a model that may be replaced."""
    found = {path.name for path in folder.iterdir()} if folder.exists() else set()
    if not found:
        return
    others = ", ".join(sorted(found - set(names))[:3])
    if others or not _is_own(folder / names[0], what):
        raise OutputError(
            f"Expected {folder} to be new, got a folder with {others or 'files of another kind'}. "
            f"Choose another one; only a saved {what} can be replaced."
        )
    if not overwrite:
        raise OutputError(
            f"Expected {folder} to be new, got a saved {what}. Choose another folder, or ask for "
            "it to be replaced: overwrite=True."
        )


def _is_own(path: Path, what: str) -> bool:
    try:
        return read_json(path, max_bytes=_MOST_BYTES).get("what") == what
    except ArtifactError:
        return False


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """A folder beside the final one, so that a rename finishes the work; removed at the end."""
    staging = Path(
        tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=folder.parent)
    )
    try:
        yield staging
    finally:
        # Where putting back failed, the model from before is not thrown away.
        if folder.exists() or not (staging / "old").exists():
            shutil.rmtree(staging, ignore_errors=True)


def _put(fresh: Path, folder: Path, old: Path) -> None:
    """Rename a folder into place; what stands there makes room, or comes back."""
    if folder.exists():
        folder.rename(old)
    try:
        fresh.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    sync_folder(folder.parent)
