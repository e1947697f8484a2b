"""Where settings come from: flags first, then the environment, then a TOML file."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from embedsvc.errors import InputError
from embedsvc.server.settings import ENVIRONMENT, ServeSettings

CONFIG_VARIABLE = f"{ENVIRONMENT}CONFIG"

# Flags that may be repeated are named after one of what they add to.
_FLAGS = {
    "models": "--model",
    "classifiers": "--classifier",
    "detectors": "--detector",
    "allowed_hosts": "--allowed-host",
    "cors_origins": "--cors-origin",
}
_MOST_BYTES = 1 << 20
_SHOWN = 80


@dataclass(frozen=True)
class _Given:
    """A value and who gave it, such as "--port", "EMBEDSVC_SERVE_PORT" or "port in serve.toml"."""

    value: Any
    origin: str


def load_settings(flags: Mapping[str, Any], config: Path | None = None) -> ServeSettings:
    """Put the settings together: flags > environment > TOML file > defaults.

    Args:
        flags: values by the names of the settings; None and an empty tuple are not given. A list
            that is given replaces the whole list of a source below it.
        config: the TOML file; None is the one that EMBEDSVC_SERVE_CONFIG names, if any. Relative
            paths in it are relative to the working folder, as those of flags are.

    Raises:
        InputError: the file is not usable, or a setting is unknown or cannot be what it is said
            to be; the message says where it was given.

    Example:
        >>> load_settings({"port": "9000"}).port
        9000
    """
    variable = os.environ.get(CONFIG_VARIABLE, "")
    path = config or (Path(variable) if variable else None)
    given = (_from_file(path) if path else {}) | _from_environment() | _from_flags(flags)
    try:
        return ServeSettings(**{name: one.value for name, one in given.items()})
    except ValidationError as err:
        raise InputError(_refusal(err, given)) from err


def flag_of(name: str) -> str:
    """The flag of a setting: `flag_of("max_items")` is "--max-items"."""
    return _FLAGS.get(name, f"--{name.replace('_', '-')}")


# Sources


def _from_flags(flags: Mapping[str, Any]) -> dict[str, _Given]:
    return {
        name: _Given(value, flag_of(name))
        for name, value in flags.items()
        if value is not None and value != ()
    }


def _from_environment() -> dict[str, _Given]:
    for variable in os.environ:
        name = variable.upper().removeprefix(ENVIRONMENT).lower()
        if variable.upper().startswith(ENVIRONMENT) and variable.upper() != CONFIG_VARIABLE:
            _check_known(name, f"variables {ENVIRONMENT}NAME", variable, prefix=ENVIRONMENT)
    values = EnvSettingsSource(ServeSettings)()
    return {
        name: _Given(value, f"the variable {ENVIRONMENT}{name.upper()}")
        for name, value in values.items()
    }


def _from_file(path: Path) -> dict[str, _Given]:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise ValueError(f"more than {_MOST_BYTES:,} bytes")
        values = tomllib.loads(data.decode("utf-8"))
    except OSError as err:
        raise InputError(
            f"Expected settings in {path}, got: {err.strerror or err}. Check --config and "
            f"{CONFIG_VARIABLE}."
        ) from err
    except (ValueError, RecursionError) as err:
        raise InputError(
            f'Expected settings in TOML, such as port = 9000 or models = ["minilm"], in {path}, '
            f"got: {err}. Correct the file."
        ) from err
    for name in values:
        _check_known(name, f"settings in {path}", repr(name), prefix="")
    return {name: _Given(value, f"{name} in {path}") for name, value in values.items()}


def _check_known(name: str, things: str, got: str, *, prefix: str) -> None:
    known = list(ServeSettings.model_fields)
    if name in known:
        return
    close = difflib.get_close_matches(name, known, 1)
    meant = prefix + (close[0].upper() if prefix else close[0]) if close else ""
    hint = f"Did you mean {meant}?" if close else "Correct or remove it."
    raise InputError(f"Expected {things}, NAME out of {', '.join(known)}; got {got}. {hint}")


# Messages


def _refusal(err: ValidationError, given: Mapping[str, _Given]) -> str:
    """The first thing that is wrong, and how many more there are."""
    first = err.errors(include_url=False)[0]
    name = str(first["loc"][0])
    if name not in given:
        return f"Expected settings out of {', '.join(ServeSettings.model_fields)}; got {name!r}."
    got = repr(given[name].value)
    shown = got if len(got) <= _SHOWN else f"{got[: _SHOWN - 3]}..."
    more = len({one["loc"][0] for one in err.errors(include_url=False)}) - 1
    tail = f" {more} more of the settings cannot be used." if more else ""
    return (
        f"Expected {given[name].origin} to be {expected(name)}, got {shown}. Correct it, or leave "
        f"it out for the default: {default_of(name)}.{tail}"
    )


def expected(name: str) -> str:
    """What a setting may be, in words, as `ServeSettings` declares it."""
    declared = ServeSettings.model_json_schema()["properties"][name]
    kinds = [one for one in declared.get("anyOf", [declared]) if one.get("type") != "null"]
    return _in_words(kinds[0])


def default_of(name: str) -> str:
    """A setting's default, for people."""
    value = ServeSettings.model_fields[name].default
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    return str(value) if value else "none"


def _in_words(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(schema["enum"])
    kind = schema["type"]
    if kind == "array":
        return 'a list of texts, such as ["a", "b"] (in a flag or variable also a,b)'
    if kind == "boolean":
        return "true or false"
    if kind == "string":
        return "a path" if schema.get("format") == "path" else "a text that is not empty"
    noun = "a whole number" if kind == "integer" else "a number"
    if "exclusiveMinimum" in schema:
        return f"{noun} above {schema['exclusiveMinimum']:g}, at most {schema['maximum']:g}"
    if "maximum" in schema:
        return f"{noun} from {schema['minimum']:g} to {schema['maximum']:g}"
    return f"{noun} of at least {schema['minimum']:g}"
