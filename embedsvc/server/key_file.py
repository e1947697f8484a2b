"""Changing a file of API keys: whole or not at all, one change at a time, comments kept."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable
from pathlib import Path

from embedsvc.errors import InputError, OutputError
from embedsvc.files import atomic_write
from embedsvc.server.api_keys import (
    LEAST_CHARACTERS,
    MOST_BYTES,
    MOST_CHARACTERS,
    NAME,
    hash_key,
    parse_keys,
)

_OWNER_ONLY = stat.S_IRUSR | stat.S_IWUSR


def add_key(path: Path, name: str, key: str) -> None:
    """Append the hash of a key; a file that is not there is made, for its owner's eyes only.

    Raises:
        InputError: the name cannot be one or is taken, the key is too short or known already, or
            the file is not usable.
        OutputError: the file cannot be written.
    """
    _check(name, key)
    hashed = hash_key(key)

    def append(text: str, keys: dict[str, str]) -> str:
        if name in keys:
            raise InputError(
                f"Expected a new name, got {name!r}, which has a key in {path}. Take another name, "
                f"or remove that key first: embedsvc api-key remove {name} --file {path}"
            )
        for other, known in keys.items():
            if known == hashed:
                raise InputError(
                    f"Expected a new key, got the one of {other!r} in {path}. Make another: "
                    f"embedsvc api-key new {name} --file {path}"
                )
        start = text if not text or text.endswith("\n") else f"{text}\n"
        return f'{start}{_as_toml(name)} = "{hashed}"\n'

    _change(path, append, missing_is_empty=True)


def remove_key(path: Path, name: str) -> None:
    """Remove a key by its name.

    Raises:
        InputError: there is none of that name, or the file is not usable.
        OutputError: the file cannot be written.
    """

    def remove(text: str, keys: dict[str, str]) -> str:
        if name not in keys:
            raise InputError(
                f"Expected the name of a key in {path} ({', '.join(keys) or 'it has none'}), got "
                f"{name!r}. See: embedsvc api-key list --file {path}"
            )
        line = re.compile(rf"""[ \t]*(["']?){re.escape(name)}\1[ \t]*=""")
        kept = "".join(one for one in text.splitlines(keepends=True) if not line.match(one))
        expected = {other: known for other, known in keys.items() if other != name}
        if parse_keys(kept, path) != expected:
            raise InputError(
                f"Expected {name!r} on a line of its own in {path}, got it written in another "
                "way. Remove it with an editor."
            )
        return kept

    _change(path, remove, missing_is_empty=False)


def list_keys(path: Path) -> dict[str, str]:
    """The hashes of the keys in a file, by name; a file may hold none.

    Raises:
        InputError: the file is not usable.
    """
    return parse_keys(_read(path, missing_is_empty=False), path)


def _check(name: str, key: str) -> None:
    if not NAME.fullmatch(name):
        raise InputError(
            "Expected a name of letters, digits and . _ - (at most 64, the first a letter or "
            f"digit), got {name!r:.100}. The name is what the service's log shows."
        )
    if not LEAST_CHARACTERS <= len(key) <= MOST_CHARACTERS:
        raise InputError(
            f"Expected a key of {LEAST_CHARACTERS} to {MOST_CHARACTERS} characters, got "
            f"{len(key)}. Let embedsvc make one: embedsvc api-key new {name}"
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise InputError(
            "Expected a key of printable ASCII characters without spaces, as it travels in an HTTP "
            f"header, got others. Let embedsvc make one: embedsvc api-key new {name}"
        )


def _as_toml(name: str) -> str:
    return f'"{name}"' if "." in name else name


def _change(
    path: Path, change: Callable[[str, dict[str, str]], str], *, missing_is_empty: bool
) -> None:
    # Other commands that import this file need not wait for it.
    from filelock import FileLock

    # A link stays one; the lock is one file for all names of the same keys.
    path = path.resolve()
    if not path.parent.is_dir():
        raise OutputError(
            f"Expected the folder of {path} to be there, got none. Choose another --file, or make "
            "its folder."
        )
    try:
        with FileLock(path.with_name(f".{path.name}.lock"), mode=_OWNER_ONLY):
            text = _read(path, missing_is_empty=missing_is_empty)
            changed = change(text, parse_keys(text, path))
            with atomic_write(path) as file:
                Path(file.name).chmod(_OWNER_ONLY)
                file.write(changed.encode())
    except OSError as err:
        raise OutputError(
            f"Expected to write API keys to {path}, got: {err.strerror or err}. Choose another "
            "--file, or make room for it."
        ) from err


def _read(path: Path, *, missing_is_empty: bool) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES:,} bytes")
        return data.decode("utf-8")
    except FileNotFoundError as err:
        if missing_is_empty:
            return ""
        raise InputError(
            f"Expected a file with API keys, got {path}, which is not there. Correct --file, or "
            f"make one: embedsvc api-key new NAME --file {path}"
        ) from err
    except (OSError, ValueError) as err:
        raise InputError(
            f"Expected a file with API keys in {path}, got: {err}. Correct --file."
        ) from err
