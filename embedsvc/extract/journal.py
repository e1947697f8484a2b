"""What is already done, in a folder beside the output: parts and a journal of them.

    OUT.parts/
      journal.jsonl           first line: the run's settings; then a line a finished part
      part-000000.parquet     the vectors of the first window, and so on

A part is flushed and renamed before its line is flushed to the journal, so a line promises a whole
part, whatever moment the machine dies at. A torn last line is dropped.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from embedsvc.errors import ArtifactError, OutputError, ResumeError
from embedsvc.extract.parts import PartRecord
from embedsvc.files import atomic_write, sync_folder


class Journal:
    """The parts folder of one output; open it with `open_journal`."""

    def __init__(self, folder: Path, records: list[PartRecord], file: IO[bytes]) -> None:
        self.folder = folder
        self.records = records
        self._file = file

    @property
    def n_rows(self) -> int:
        """Vectors that are safe on the disk."""
        return sum(record.rows for record in self.records)

    def add(self, table: pa.Table, record: PartRecord) -> None:
        """Save a part; when this returns, it outlives a power cut."""
        with atomic_write(self._part(record.index)) as file:
            pq.write_table(table, file, compression="none", use_dictionary=False)
        record = replace(record, bytes=self._part(record.index).stat().st_size)
        _append(self._file, asdict(record))
        self.records.append(record)

    def tables(self) -> Iterator[pa.Table]:
        """The parts, in order, one in memory at a time."""
        for record in self.records:
            yield pq.read_table(self._part(record.index))

    def remove(self) -> None:
        """Delete the folder, when the output stands."""
        self._file.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _part(self, index: int) -> Path:
        return _part_path(self.folder, index)


def _part_path(folder: Path, index: int) -> Path:
    return folder / f"part-{index:06}.parquet"


def parts_folder(output: Path) -> Path:
    """The folder beside an output that holds what is done so far."""
    return output.with_name(output.name + ".parts")


@contextmanager
def open_journal(output: Path, settings: dict[str, Any], *, overwrite: bool) -> Iterator[Journal]:
    """Open the journal beside an output, empty or as an earlier run left it.

    Args:
        output: where the results will stand.
        settings: everything the vectors depend on; must be the same as the earlier run's.
        overwrite: forget what an earlier run left.

    Yields:
        A journal whose records are a gapless run of parts from the first.

    Raises:
        ResumeError: the parts there belong to a run with other settings or input, or another
            process is writing them now.
        OutputError: the folder cannot be written.
    """
    folder = parts_folder(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "lock")
        lock.acquire(blocking=False)
    except Timeout as err:
        raise ResumeError(
            f"Expected {folder} to be free, but another process is writing to it. "
            "Wait for it to end, or choose another output."
        ) from err
    except OSError as err:
        raise OutputError(
            f"Expected to write beside {output}, got: {err.strerror}. Choose another output."
        ) from err
    try:
        path = folder / "journal.jsonl"
        if overwrite:
            path.unlink(missing_ok=True)
        records = _read(path, folder, settings)
        with path.open("r+b" if records is not None else "wb") as file:
            if records is None:
                _append(file, {"settings": settings})
                sync_folder(folder)
            else:
                _drop_torn_end(file, len(records))
            yield Journal(folder, records or [], file)
    finally:
        lock.release()


def _append(file: IO[bytes], line: dict[str, Any]) -> None:
    file.write(orjson.dumps(line) + b"\n")
    file.flush()
    os.fsync(file.fileno())


def _read(path: Path, folder: Path, settings: dict[str, Any]) -> list[PartRecord] | None:
    """The records of an earlier run, or None where there is none."""
    lines = path.read_bytes().split(b"\n")[:-1] if path.is_file() else []
    if not lines:
        return None
    try:
        earlier = orjson.loads(lines[0])["settings"]
        parsed = [PartRecord(**orjson.loads(line)) for line in lines[1:]]
    except (ValueError, KeyError, TypeError) as err:
        raise ArtifactError(
            f"Expected a journal of embedsvc in {path}, got something else: {err}. "
            "Start again with --overwrite."
        ) from err
    _check_settings(folder, earlier, settings)
    records: list[PartRecord] = []
    for record in parsed:
        part = _part_path(folder, record.index)
        if record.index != len(records) or not part.is_file():
            break
        if part.stat().st_size != record.bytes:
            break
        records.append(record)
    return records


def _drop_torn_end(file: IO[bytes], n_records: int) -> None:
    """Cut off what follows the last usable record, so that new lines stand on their own."""
    end = 0
    for _ in range(1 + n_records):
        end += len(file.readline())
    file.truncate(end)
    file.seek(end)


def _check_settings(folder: Path, earlier: dict[str, Any], now: dict[str, Any]) -> None:
    # Through JSON, so that a tuple equals the list it was saved as.
    now = orjson.loads(orjson.dumps(now))
    changed = [key for key in {**earlier, **now} if earlier.get(key) != now.get(key)]
    if not changed:
        return
    key = changed[0]
    what = (
        "the input has changed"
        if key == "input"
        else f"{key} was {earlier.get(key)!r} and is {now.get(key)!r} now"
    )
    raise ResumeError(
        f"Expected the same run as the one that left {folder}, but {what}. Run with the settings "
        "and input of before to continue it, or add --overwrite to start again."
    )
