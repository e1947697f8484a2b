"""API keys: made here, kept as hashes in a file, and compared in constant time.

    alice = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    "batch.7" = "sha256:..."

A key is 256 random bits, so one round of SHA-256 hides it well: nobody can go through 2^256
guesses, and a slow, salted hash, which a password needs, would only make every request slow. That
is also the rule of NIST SP 800-63B (section 5.1.2.2, look-up secrets: from 112 bits on an approved
one-way function, below that salt and a key derivation function).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from embedsvc.errors import InputError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LEAST_CHARACTERS, MOST_CHARACTERS = 20, 512
MOST_BYTES = 1 << 20

_PREFIX = "sha256:"
_HASH = re.compile(r"sha256:[0-9a-f]{64}")
# Tools that look for secrets in code find a key by how it begins.
_KEY_PREFIX = "embedsvc_"
_MAKE = "embedsvc api-key new NAME --file {path}"


@dataclass(frozen=True)
class ApiKeys:
    """Who may call.

    Attributes:
        hashes: SHA-256 of each key, by the key's name.
        notes: what whoever runs the service should know of the file.
    """

    hashes: Mapping[str, bytes]
    notes: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> ApiKeys:
        """Read a key file.

        Raises:
            InputError: it is missing, too large, empty, or holds anything but names and hashes.
        """
        lines, mode = _read_text(path)
        hashes = parse_keys(lines, path)
        if not hashes:
            raise InputError(
                f"Expected at least one API key in {path}, got none. Make one: "
                f"{_MAKE.format(path=path)}"
            )
        notes: tuple[str, ...] = ()
        if os.name != "nt" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            notes = (
                f"{path} can be read by others than its owner. It holds only hashes of API keys, "
                f"but they concern nobody else. Run: chmod 600 {path}",
            )
        return cls(
            {name: bytes.fromhex(one[len(_PREFIX) :]) for name, one in hashes.items()}, notes
        )

    def name_of(self, presented: str) -> str | None:
        """The name of a presented key, None for an unknown one.

        Takes as long for any key of the same length: all hashes are compared, each in full.
        """
        digest = hashlib.sha256(presented.encode("utf-8", errors="replace")).digest()
        found: str | None = None
        for name, known in self.hashes.items():
            if hmac.compare_digest(digest, known):
                found = name
        return found


def new_key() -> str:
    """A new key: 256 random bits of the operating system's generator."""
    return _KEY_PREFIX + secrets.token_urlsafe(32)


def hash_key(key: str) -> str:
    """What the file keeps of a key."""
    return _PREFIX + hashlib.sha256(key.encode()).hexdigest()


def parse_keys(text: str, path: Path) -> dict[str, str]:
    """The hashes in a key file's text, by name.

    Args:
        text: of the file.
        path: of the file, for messages.

    Raises:
        InputError: it holds anything but names and hashes.
    """
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as err:
        raise InputError(
            f'Expected lines NAME = "{_PREFIX}..." in {path}, each name once, got: {err}. Correct '
            f"the file, or make a new one: {_MAKE.format(path=path)}"
        ) from err
    owners: dict[object, str] = {}
    for name, value in values.items():
        _check_name(name, path)
        _check_hash(name, value, path)
        if value in owners:
            raise InputError(
                f"Expected each API key in {path} once, got the same for {owners[value]!r} and "
                f"{name!r}. Remove one: embedsvc api-key remove {name} --file {path}"
            )
        owners[value] = name
    return values


def _check_name(name: str, path: Path) -> None:
    if not NAME.fullmatch(name):
        raise InputError(
            f"Expected names of letters, digits and . _ - (at most 64) in {path}, got "
            f"{name!r:.100}. Rename it."
        )


def _check_hash(name: str, value: object, path: Path) -> None:
    """Refuse what is no hash, without showing it: it may be a key."""
    if isinstance(value, str) and _HASH.fullmatch(value):
        return
    if isinstance(value, dict):
        raise InputError(
            f'Expected lines NAME = "{_PREFIX}..." in {path}, got a table named {name!r}. Put '
            "names with a dot in quotes, and remove lines in [brackets]."
        )
    if isinstance(value, str) and value.lower().startswith(_PREFIX):
        raise InputError(
            f"Expected {_PREFIX} and 64 of the digits 0-9 and a-f for {name!r} in {path}, got "
            f"something else of {len(value)} characters. Copy the line again, or make a new key: "
            f"{_MAKE.format(path=path)}"
        )
    raise InputError(
        f"Expected the SHA-256 of an API key for {name!r} in {path}, {_PREFIX} and 64 digits, got "
        "something else, perhaps the key in the clear. Keys are kept as hashes only. Remove the "
        f"line and add the key from stdin: embedsvc api-key add {name} --file {path}"
    )


def _read_text(path: Path) -> tuple[str, int]:
    """A key file's text and its permissions."""
    cure = f"Name the file with API keys, or make one: {_MAKE.format(path=path)}"
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            data = file.read(MOST_BYTES + 1) if stat.S_ISREG(status.st_mode) else None
        if data is None:
            raise InputError(f"Expected {path} to be a file, got something else. {cure}")
        if len(data) > MOST_BYTES:
            raise InputError(
                f"Expected at most {MOST_BYTES:,} bytes of API keys in {path}, got more. {cure}"
            )
        return data.decode("utf-8"), status.st_mode
    except OSError as err:
        raise InputError(
            f"Expected a file with API keys, got {path}: {err.strerror or err}. {cure}"
        ) from err
    except UnicodeDecodeError as err:
        raise InputError(f"Expected a text in UTF-8 in {path}, got other bytes. {cure}") from err
