"""One table: opened, looked up, written to, a batch a commit.

Every batch is one commit of Lance: it is seen whole or not at all, whatever happens to the process.
Lance leaves it to the system when files reach the disk: a power cut may cost the last seconds.
Writers in one folder take turns behind a lock of the file system. In an object store, where there
is none, two commits that touch the same ids are found out by Lance, as the ids are declared to be
the key, and the later one is done again on top of the earlier.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, TypeVar

import pyarrow as pa
from filelock import FileLock

from embedsvc.collection.database import Database
from embedsvc.collection.engine import explaining, is_conflict
from embedsvc.collection.layout import DIGEST, ID, VECTOR, new_schema, read_layout, user_fields
from embedsvc.collection.names import check_name, sql_ids, unknown_name
from embedsvc.errors import OutputError
from embedsvc.extract.folder import reason_of
from embedsvc.tables.matching import check_same_vectors

T = TypeVar("T")

_IDS_A_QUERY = 2048
_ATTEMPTS = 8
# Files of versions that nobody reads any more; a search lasts seconds.
_KEPT_FOR = timedelta(minutes=10)


class Store:
    """The table of one collection.

    Args:
        database: where it is, or will be.
        name: of the collection.

    Raises:
        InputError: no usable name.
    """

    def __init__(self, database: Database, name: str) -> None:
        check_name(name)
        self.database = database
        self.name = name
        self._table: Any = None
        self._metadata: dict[str, Any] = {}

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"the collection {self.name!r}"

    # There or not

    def is_there(self) -> bool:
        """Whether there is such a table."""
        return self.name in self.database.names()

    @property
    def table(self) -> Any:
        """The table, opened.

        Raises:
            InputError: there is none.
            ArtifactError: it cannot be read, or is none of ours.
        """
        if self._table is None:
            names = self.database.names()
            if self.name not in names:
                raise unknown_name(self.name, names, self.database.label)
            with self.reading():
                table = self.database.connect().open_table(self.name)
                schema = table.schema
            self._metadata = read_layout(schema, self.label)
            self._table = table
        return self._table

    @property
    def metadata(self) -> dict[str, Any]:
        """What is known of the vectors."""
        _ = self.table
        return dict(self._metadata)

    def fields(self) -> dict[str, pa.DataType]:
        """The user's columns with their types."""
        with self.reading():
            return user_fields(self.table.schema)

    def create(self, metadata: Mapping[str, Any], fields: Sequence[pa.Field]) -> None:
        """Make the table, unless another process has just made it of the same model.

        Raises:
            ArtifactError: the other process has another model.
            OutputError: it cannot be written.
        """
        with self.locked():
            if not self.is_there():
                schema = new_schema(metadata, fields)
                with self.writing():
                    table = self.database.connect().create_table(
                        self.name, schema=schema, exist_ok=True
                    )
                    table.set_unenforced_primary_key(ID)
        check_same_vectors(self.metadata, metadata, self.label)
        self.add_fields(fields)

    def add_fields(self, fields: Sequence[pa.Field]) -> None:
        """Add columns that are not there yet; all rows have null in them."""
        with self.locked():
            there = self.fields()
            missing = [field for field in fields if field.name not in there]
            if missing:
                with self.writing():
                    self.table.add_columns(pa.schema(missing))

    def drop(self) -> None:
        """Remove the table with all its rows."""
        _ = self.table
        with self.locked(), self.writing():
            self.database.connect().drop_table(self.name)
        self._table = None

    # Rows

    def count(self, where: str | None = None) -> int:
        """How many rows there are, or those that a filter keeps."""
        with self.reading():
            return int(self.table.count_rows(where))

    def rows_of(self, ids: Sequence[str], columns: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Some columns of the rows with these ids, by id; those that there are."""
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(ids), _IDS_A_QUERY):
            some = ids[start : start + _IDS_A_QUERY]
            with self.reading():
                query = self.table.search().where(sql_ids(some)).select([ID, *columns])
                rows = query.limit(None).to_arrow().to_pylist()
            found.update((row[ID], row) for row in rows)
        return found

    def vectors_of(self, ids: Sequence[str]) -> dict[str, tuple[str | None, list[float]]]:
        """The digest and the vector of the rows with these ids, by id."""
        rows = self.rows_of(ids, [DIGEST, VECTOR])
        return {name: (row[DIGEST], row[VECTOR]) for name, row in rows.items()}

    def put(self, rows: pa.Table) -> None:
        """Add rows, or replace those with the same ids, in one commit.

        Columns that are not given stay as they are, and are null in new rows.

        Args:
            rows: no id twice.
        """
        schema = pa.schema(
            [field.with_nullable(field.name not in (ID, VECTOR)) for field in rows.schema]
        )

        def merge() -> Any:
            builder = self.table.merge_insert(ID)
            builder = builder.when_matched_update_all().when_not_matched_insert_all()
            return builder.execute(rows.cast(schema))

        with self.locked(), self.writing():
            _try_again(merge)

    def delete(self, where: str) -> int:
        """Remove the rows that a filter keeps; returns how many."""
        with self.locked(), self.writing():
            return int(_try_again(lambda: self.table.delete(where)).num_deleted_rows)

    def optimize(self) -> None:
        """Join small files, take new rows into the index, and drop files of old versions."""
        with self.locked(), self.writing():
            _try_again(lambda: self.table.optimize(cleanup_older_than=_KEPT_FOR))

    # Around all of it

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other writers of this folder away while the block runs."""
        folder = self.database.folder
        if folder is None:
            yield
            return
        lock = FileLock(folder / f".{self.name}.lock", is_singleton=True)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Where a file system has no locks, Lance finds conflicts itself.
            with suppress(NotImplementedError):
                lock.acquire()
        except OSError as err:
            raise OutputError(
                f"Expected to write in {self.database.label}, but {reason_of(err)}. Cure that, or "
                "choose another --database."
            ) from err
        try:
            yield
        finally:
            lock.release()

    def reading(self) -> Any:
        """Explain what goes wrong while the block reads."""
        return explaining(
            f"{self.label} in {self.database.label} to be whole",
            "Restore it from a copy, or remove it and add its inputs anew.",
        )

    def writing(self) -> Any:
        """Explain what goes wrong while the block writes."""
        return explaining(
            f"to write to {self.label} in {self.database.label}",
            "What was acknowledged is kept. Run the same command again.",
        )


def _try_again(write: Callable[[], T]) -> T:
    """Write, and try again while others write the same rows at the same moment."""
    for attempt in range(_ATTEMPTS):
        try:
            return write()
        except (RuntimeError, ValueError, OSError) as err:
            if attempt == _ATTEMPTS - 1 or not is_conflict(err):
                raise
            # Not the same pause for all of them; it changes no result.
            time.sleep(random.uniform(0.1, 0.5) * 2**attempt)
    raise AssertionError("unreachable")
