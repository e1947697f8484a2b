"""Where collections are: a folder, or a place in an object store."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from embedsvc.collection.engine import explaining, load_lancedb
from embedsvc.errors import InputError, OutputError
from embedsvc.extract.rows import printable

VARIABLE = "EMBEDSVC_DATABASE"
_SCHEMES = ("s3", "gs", "az")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


@dataclass(frozen=True)
class Database:
    """A place that holds collections.

    Attributes:
        place: the absolute path of a folder, or an address such as "s3://bucket/collections".
        folder: the folder; None for an object store.
    """

    place: str
    folder: Path | None

    @property
    def label(self) -> str:
        """What messages call it."""
        return printable(self.place, limit=None)

    def is_there(self) -> bool:
        """Whether anything can be in it; an object store always is."""
        return self.folder is None or self.folder.is_dir()

    def connect(self) -> Any:
        """Open it; a folder that is not there is made.

        Raises:
            MissingExtraError: LanceDB is not installed.
            OutputError: the folder cannot be made.
            ArtifactError: the object store does not answer.
        """
        lancedb = load_lancedb()
        try:
            if self.folder is not None:
                self.folder.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as err:
            reason = getattr(err, "strerror", None) or err
            raise OutputError(
                f"Expected to make the folder {self.label}, got: {reason}. Choose another "
                "--database."
            ) from err
        with explaining(f"a database in {self.label}", _cure(self)):
            # Every read looks for the newest version: others may have added meanwhile.
            return lancedb.connect(self.place, read_consistency_interval=timedelta(0))

    def names(self) -> list[str]:
        """The collections, and other tables, in the order of their names.

        Raises:
            MissingExtraError: LanceDB is not installed.
            ArtifactError: the object store does not answer.
        """
        load_lancedb()  # Whether it is there is told before anything is read or encoded.
        if not self.is_there():
            return []
        connection = self.connect()
        with explaining(f"a database in {self.label}", _cure(self)):
            return sorted(_all_pages(connection.list_tables))


def find_database(place: str | Path | None = None) -> Database:
    """Say where collections are, without looking.

    Args:
        place: a folder or an address; by default what EMBEDSVC_DATABASE says, else a folder of the
            user's own data.

    Raises:
        InputError: a file, or an address of another kind than s3://, gs:// and az://.
    """
    chosen = str(place) if place is not None else os.environ.get(VARIABLE, "")
    if scheme := _URL.match(chosen):
        if scheme[1].lower() not in _SCHEMES:
            raise InputError(
                f"Expected a folder, or an address that begins with s3://, gs:// or az://, got "
                f"{printable(chosen)!r}. Choose another --database."
            )
        return Database(chosen.rstrip("/"), None)
    folder = Path(chosen).expanduser().absolute() if chosen else default_folder()
    try:
        is_file = folder.exists() and not folder.is_dir()
    except (OSError, ValueError) as err:  # Such as a name that is too long, or a zero byte.
        raise InputError(
            f"Expected a folder, got {printable(chosen)!r}: {err}. Choose another --database."
        ) from err
    if is_file:
        raise InputError(
            f"Expected a folder that holds collections, got the file {printable(str(folder))}. "
            "Choose another --database."
        )
    return Database(str(folder), folder)


def default_folder() -> Path:
    """Where collections are unless told otherwise: they are the user's data, and no cache."""
    from platformdirs import user_data_path

    return user_data_path("embedsvc") / "collections"


def _all_pages(list_tables: Callable[..., Any]) -> list[str]:
    names: list[str] = []
    token = None
    while True:
        page = list_tables(page_token=token)
        names += page.tables
        token = page.page_token
        if not token:
            return names


def _cure(database: Database) -> str:
    if database.folder is None:
        return "Check the address, the credentials in the environment, and the network."
    return "Check the folder, or choose another --database."
