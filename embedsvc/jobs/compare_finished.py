"""Detectors that are finished, in a folder inside the output, so that a stopped run loses one.

    OUTPUT/.finished/
      run.json             what every figure depends on
      ocsvm-keep.json      what one detector found; written last, so it promises the maps too
      patchcore-keep.npz   its small maps

The folder stays: the same command, or one with more detectors, only computes what is missing.
"""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from embedsvc.errors import ArtifactError, OutputError, ResumeError
from embedsvc.extract.folder import reason_of
from embedsvc.files import atomic_write, read_json
from embedsvc.images.prepare import Preparation
from embedsvc.jobs.compare_kinds import Contestant
from embedsvc.jobs.compare_measure import Measured

FOLDER = ".finished"
RESULTS = ("metrics.json", "scores.csv", "report.html")

_FORMAT = 1
_RUN = "run.json"
_LOCK = "lock"
_MOST_BYTES = 1 << 28


class Finished:
    """The folder of finished detectors of one output; open it with `open_finished`."""

    def __init__(self, output: Path, fingerprint: dict[str, Any]) -> None:
        self.folder = output / FOLDER
        # Through JSON, so that a tuple equals the list it is saved as.
        self._run = json.loads(json.dumps({"format": _FORMAT, **fingerprint}))

    def load(self, contestant: Contestant, images_sha256: str) -> Measured | None:
        """What a detector found earlier on the same readable images; None if it did not finish."""
        path = self._path(contestant, ".json")
        if not path.is_file():
            return None
        try:
            found = read_json(path, max_bytes=_MOST_BYTES)
            if found.pop("images_sha256") != images_sha256:
                return None
            found["scores"] = np.array(found["scores"], np.float64)
            found["preparation"] = Preparation(**found["preparation"])
            found["maps"] = self._load_maps(contestant) if found["maps"] else None
            return Measured(**found)
        except (ArtifactError, OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as err:
            raise ResumeError(
                f"Expected what {contestant.name} found earlier in {path}, got: {err}. "
                "Pass --overwrite to begin anew."
            ) from err

    def save(self, contestant: Contestant, measured: Measured, images_sha256: str) -> None:
        """Keep what a detector found; when this returns, it outlives a power cut."""
        found = {
            name.name: getattr(measured, name.name)
            for name in fields(measured)
            if name.name not in ("scores", "preparation", "maps")
        }
        found |= {
            "images_sha256": images_sha256,
            "scores": measured.scores.tolist(),
            "preparation": asdict(measured.preparation),
            "maps": measured.maps is not None,
        }
        if measured.maps is not None:
            packed = io.BytesIO()
            np.savez_compressed(packed, maps=measured.maps)
            self._write(self._path(contestant, ".npz"), packed.getvalue())
        self._write(self._path(contestant, ".json"), json.dumps(found).encode())

    def take_over(self, *, overwrite: bool) -> None:
        """Continue what is there, or refuse it, or with `overwrite` remove it.

        Raises:
            ResumeError: it belongs to a comparison of other images or with other settings.
        """
        run = self.folder / _RUN
        strangers = [name for name in RESULTS if (self.folder.parent / name).exists()]
        if run.is_file() and not overwrite:
            try:
                known = read_json(run)
            except ArtifactError as err:
                raise ResumeError(f"{err} Pass --overwrite to begin anew.") from err
            changed = sorted(
                k for k in self._run.keys() | known if self._run.get(k) != known.get(k)
            )
            if changed:
                raise ResumeError(
                    f"Expected {self.folder.parent} to hold results of the same comparison, got "
                    f"one that differs in {', '.join(map(_in_words, changed))}. Pass --overwrite "
                    "to replace it, or choose another folder."
                )
            return
        if strangers and not overwrite:
            raise ResumeError(
                f"Expected a folder without {', '.join(strangers)}, got {self.folder.parent}, "
                "where something else wrote them. Pass --overwrite to replace them, or choose "
                "another folder."
            )
        for name in strangers:
            (self.folder.parent / name).unlink()
        for path in self.folder.iterdir():
            if path.name != _LOCK:
                path.unlink()
        self._write(run, json.dumps(self._run, indent=2).encode())

    @property
    def n_finished(self) -> int:
        """How many detectors are safe on the disk."""
        return sum(path.name != _RUN for path in self.folder.glob("*.json"))

    def _load_maps(self, contestant: Contestant) -> NDArray[np.uint8]:
        with np.load(self._path(contestant, ".npz"), allow_pickle=False) as packed:
            return np.asarray(packed["maps"], np.uint8)

    def _path(self, contestant: Contestant, ending: str) -> Path:
        return self.folder / (contestant.file_name + ending)

    def _write(self, path: Path, content: bytes) -> None:
        try:
            with atomic_write(path) as file:
                file.write(content)
        except OSError as err:
            raise not_writable(path, err) from err


@contextmanager
def open_finished(
    output: Path, fingerprint: dict[str, Any], *, overwrite: bool
) -> Iterator[Finished]:
    """Take an output folder over, and keep it from other processes while the block runs.

    Args:
        output: the folder of the results; it is made if need be, and goes if nothing gets done.
        fingerprint: what every figure depends on, as JSON values.
        overwrite: whether results of another comparison are replaced.

    Raises:
        ResumeError: the folder belongs to another comparison, or another process is using it.
        OutputError: it cannot be written.
    """
    finished = Finished(output, fingerprint)
    was_there = output.exists()
    try:
        finished.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(finished.folder / _LOCK)
        lock.acquire(blocking=False)
    except Timeout as err:
        raise ResumeError(
            f"Expected {output} to be free, but another process is writing to it. "
            "Wait for it to end, or choose another folder."
        ) from err
    except OSError as err:
        raise not_writable(output, err) from err
    try:
        try:
            finished.take_over(overwrite=overwrite)
        except OSError as err:
            raise not_writable(output, err) from err
        yield finished
    finally:
        lock.release()
        if not was_there and finished.n_finished == 0:
            shutil.rmtree(output, ignore_errors=True)


def not_writable(path: Path, err: OSError) -> OutputError:
    """The error for a file or folder that cannot be written."""
    return OutputError(
        f"Expected to write {path}, but {reason_of(err)}. Cure that, or choose another folder."
    )


def _in_words(key: str) -> str:
    words = {"images_sha256": "its images", "version": "the version of embedsvc"}
    return words.get(key, key.replace("_", " "))
