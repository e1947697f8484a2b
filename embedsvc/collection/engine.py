"""LanceDB behind one door: imported late, its errors in our words.

Lance and LanceDB are libraries of LanceDB Inc. (Apache-2.0), https://github.com/lancedb/lancedb.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from embedsvc.errors import ArtifactError, EmbedsvcError, MissingExtraError, OutputError
from embedsvc.extract.rows import printable

_FULL = ("no space left", "os error 28", "quota exceeded", "os error 122")
_FORBIDDEN = ("permission denied", "read-only file system", "os error 13", "os error 30")
_CONFLICT = ("commit conflict", "concurrent writers", "preempted by concurrent")
# Where in the engine's source an error came up, and the wrapping of one error in another.
_NOISE = re.compile(
    r",? ?/[^\s,]+\.rs:\d+:\d+|(lance|wrapped|query execution) error: |LanceError\(\w+\): "
    r"|Invalid input, | Valid fields are .*",
    re.IGNORECASE,
)
_SHOWN = 300


def load_lancedb() -> Any:
    """Import LanceDB, which takes two seconds.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import lancedb
    except ImportError as err:
        raise MissingExtraError(
            'Expected LanceDB for collections, got none. Run: pip install "embedsvc[collect]".'
        ) from err
    return lancedb


@contextmanager
def explaining(what: str, cure: str) -> Iterator[None]:
    """Turn what the engine raises while the block runs into an error for people.

    Args:
        what: what was expected, such as "to add to the collection 'reviews'".
        cure: what to do where neither the disk nor its permissions are to blame.

    Raises:
        OutputError: the disk is full, or may not be written to.
        ArtifactError: anything else.
    """
    try:
        yield
    except (EmbedsvcError, MemoryError):
        raise
    except Exception as err:
        # The engine raises ValueError, RuntimeError, OSError and classes of its own alike.
        text = str(err).lower()
        if any(sign in text for sign in _FULL):
            raise OutputError(
                f"Expected {what}, but the disk is full. Make room and run the same command "
                "again: what was acknowledged is kept."
            ) from err
        if any(sign in text for sign in _FORBIDDEN):
            raise OutputError(
                f"Expected {what}, but its place may not be written to or read. Change its "
                "permissions, or choose another --database."
            ) from err
        raise ArtifactError(f"Expected {what}, got: {reason_of(err)}. {cure}") from err


def reason_of(err: BaseException) -> str:
    """The engine's message without the places in its source, for a sentence."""
    told = _NOISE.sub("", str(err)).splitlines() or [type(err).__name__]
    return printable(told[0], limit=_SHOWN).strip(" .")


def is_conflict(err: BaseException) -> bool:
    """Whether another process wrote at the same moment, so that trying again helps."""
    text = str(err).lower()
    return any(sign in text for sign in _CONFLICT)
