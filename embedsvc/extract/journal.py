"""What is already done, in a folder beside the output: parts and a journal of them.

    OUT.parts/
      journal.jsonl           first line: the run's settings; then a line a finished part
      part-000000.parquet     what was computed of the first window, and so on

A part is flushed and renamed before its line is flushed to the journal, so a line promises a whole
part, whatever moment the machine dies at. What follows the last whole line is dropped.

The columns of a part, and what its record tells beside what `Part` has, are up to whoever adds it.
"""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from embedsvc.errors import ArtifactError, OutputError, ResumeError
from embedsvc.extract.folder import (
    locked,
    not_writable,
    parts_folder,
    reason_of,
    remove_partial_files,
)
from embedsvc.files import atomic_write

_JOURNAL = "journal.jsonl"


@dataclass(frozen=True, kw_only=True)
class Part:
    """What the journal keeps of any part; a subclass adds what its run needs, as JSON values.

    Attributes:
        index: its window's number.
        digest: sha256 of the window's input.
        rows: rows in it.
        rejects: how many defects there were.
        bytes: size of the part's file.
        crc32: of the part's file.
    """

    index: int
    digest: str
    rows: int
    rejects: int
    bytes: int = 0
    crc32: int = 0


Record = TypeVar("Record", bound=Part)


class Journal(Generic[Record]):
    """The parts folder of one output; open it with `open_journal`."""

    def __init__(self, output: Path, settings: dict[str, Any], part: type[Record]) -> None:
        self.output = output
        self._part_type = part
        self.folder = parts_folder(output)
        # Through JSON, so that a tuple equals the list it is saved as.
        self._settings = orjson.loads(orjson.dumps(settings))
        self.records: list[Record] = []

    @property
    def n_rows(self) -> int:
        """Rows that are safe on the disk: what its lines say, whatever a signal cut short here."""
        return sum(line["rows"] for _, line in self._lines())

    @property
    def path(self) -> Path:
        """The journal itself."""
        return self.folder / _JOURNAL

    @property
    def safe(self) -> str:
        """A sentence about what is done, for whoever stops here."""
        return f"The {self.n_rows:,} rows done so far are safe in {self.folder}."

    @contextmanager
    def explaining_write_errors(self) -> Iterator[None]:
        """Say of a full disk what is done and how to go on."""
        try:
            yield
        except OSError as err:
            raise OutputError(
                f"Expected to write {self.output}, but {reason_of(err)}. {self.safe} "
                "Make room for it there and run the same command again to continue."
            ) from err

    @contextmanager
    def explaining_interrupts(self) -> Iterator[None]:
        """Say to whoever interrupts what is done and how to go on."""
        try:
            yield
        except KeyboardInterrupt as err:
            kept = f"{self.safe} " if self.n_rows else ""
            raise KeyboardInterrupt(f"{kept}Run the same command again to continue.") from err

    def add(self, table: pa.Table, record: Record, rejects: list[dict[str, Any]]) -> None:
        """Save a part; when this returns, it outlives a power cut.

        Args:
            table: the part, of any columns.
            record: what to keep of it; its size and checksum are filled in here.
            rejects: the window's defects, as JSON values; `rejects` gives them back.

        Raises:
            OutputError: the disk is full or not writable.
        """
        packed = pa.BufferOutputStream()
        pq.write_table(table, packed, compression="none", use_dictionary=False)
        content = packed.getvalue()
        record = replace(record, bytes=content.size, crc32=zlib.crc32(content))
        line = orjson.dumps({**asdict(record), "defects": rejects}) + b"\n"
        with self.explaining_write_errors():
            with atomic_write(self._part(record.index)) as file:
                file.write(content)
            _append(self.path, line)
        self.records.append(record)

    def cut(self, n_records: int) -> None:
        """Forget all but the first parts; also drops what a crash left of a line."""
        lines = (line for line, _ in islice(self._lines(), n_records))
        with self.explaining_write_errors(), atomic_write(self.path) as file:
            file.write(orjson.dumps({"settings": self._settings}) + b"\n")
            file.writelines(lines)
        del self.records[n_records:]

    def tables(self) -> Iterator[pa.Table]:
        """The parts, in order, one in memory at a time.

        Raises:
            ArtifactError: a part was damaged since it was written.
        """
        for record in self.records:
            path = self._part(record.index)
            try:
                content = path.read_bytes()
                if zlib.crc32(content) != record.crc32:
                    raise ValueError("another checksum")
                table = pq.read_table(pa.BufferReader(content))
            except (OSError, ValueError, pa.ArrowException) as err:
                raise ArtifactError(
                    f"Expected the part {path} as it was written, got a damaged one: {err}. "
                    "Delete it and run the same command again to continue."
                ) from err
            yield table

    def rejects(self) -> Iterator[dict[str, Any]]:
        """The defects of all parts, in order, as they were added."""
        for _, record in self._lines():
            yield from record["defects"]

    def remove(self) -> None:
        """Delete the folder, when the output stands."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def take_over(self, *, overwrite: bool) -> None:
        """Load what an earlier run left: a gapless run of whole parts from the first.

        Args:
            overwrite: drop what does not fit instead of refusing it.
        """
        if self.path.is_file() and self._check_settings(overwrite=overwrite):
            for _, line in self._lines():
                try:
                    record = self._part_type(**{k: v for k, v in line.items() if k != "defects"})
                except TypeError:
                    break
                if not self._is_whole(record):
                    break
                self.records.append(record)
        self.cut(len(self.records))

    def _check_settings(self, *, overwrite: bool) -> bool:
        """Whether the parts of the earlier run can be used."""
        try:
            with self.path.open("rb") as file:
                earlier: dict[str, Any] = dict(orjson.loads(file.readline())["settings"])
        except (ValueError, KeyError, TypeError) as err:
            if overwrite:
                return False
            raise ArtifactError(
                f"Expected a journal of embedsvc in {self.path}, got something else: {err}. "
                "Start again with --overwrite."
            ) from err
        now = self._settings
        changed = [key for key in {**earlier, **now} if earlier.get(key) != now.get(key)]
        if overwrite:
            # Each part is compared with its rows, so those before the first edit still hold.
            return changed in ([], ["input"])
        if not changed:
            return True
        key = changed[0]
        what = (
            "the input has changed"
            if key == "input"
            else f"{key} was {earlier.get(key)!r} and is {now.get(key)!r} now"
        )
        raise ResumeError(
            f"Expected the same run as the one that left {self.folder}, but {what}. Run with the "
            "settings and input of before to continue it, or add --overwrite to start again."
        )

    def _is_whole(self, record: Record) -> bool:
        path = self._part(record.index)
        return (
            record.index == len(self.records)
            and path.is_file()
            and path.stat().st_size == record.bytes
        )

    def _part(self, index: int) -> Path:
        return self.folder / f"part-{index:06}.parquet"

    def _lines(self) -> Iterator[tuple[bytes, dict[str, Any]]]:
        """The whole lines after the first, raw and parsed."""
        if not self.path.is_file():
            return
        with self.path.open("rb") as file:
            file.readline()
            for line in file:
                try:
                    parsed = orjson.loads(line if line.endswith(b"\n") else b"")
                except ValueError:
                    return
                if not isinstance(parsed, dict):
                    return
                yield line, parsed


def _append(path: Path, line: bytes) -> None:
    # Unbuffered, so that a full disk leaves nothing that closing would try to write again.
    with path.open("ab", buffering=0) as file:
        rest = memoryview(line)
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())


@contextmanager
def open_journal(
    output: Path, settings: dict[str, Any], part: type[Record], *, overwrite: bool
) -> Iterator[Journal[Record]]:
    """Open the journal beside an output, empty or as an earlier run left it.

    Args:
        output: where the results will stand.
        settings: everything the results depend on, as JSON values; must be the same as the earlier
            run's. "input" tells what is read, all others what is made of it.
        part: the type of its records.
        overwrite: drop what an earlier run with other settings left, instead of refusing.

    Yields:
        A journal whose records are a gapless run of parts from the first. A folder that is still
        without parts at the end is removed.

    Raises:
        ResumeError: the parts there belong to a run with other settings or input, or another
            process is writing them now.
        ArtifactError: the journal there is not one.
        OutputError: the folder cannot be written.
    """
    journal = Journal(output, settings, part)
    with locked(output):
        try:
            remove_partial_files(output)
            journal.take_over(overwrite=overwrite)
        except OSError as err:
            raise not_writable(output, err) from err
        try:
            yield journal
        finally:
            if not journal.records:
                journal.remove()
