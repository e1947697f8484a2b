"""`embedsvc api-key`: who may call the service."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from embedsvc.server.api_keys import MOST_CHARACTERS, new_key
from embedsvc.server.key_file import add_key, list_keys, remove_key

_Command = TypeVar("_Command", bound=Callable[..., None])


def _file_option(command: _Command) -> _Command:
    return click.option(
        "--file",
        "path",
        type=click.Path(path_type=Path),
        default=Path("keys.toml"),
        show_default=True,
        help="The key file, as --api-key-file of embedsvc serve takes it.",
    )(command)


@click.group("api-key")
def api_key() -> None:
    """Make, list and remove API keys for embedsvc serve.

    The file holds SHA-256 hashes of keys, never a key. A running service reads it when it starts.

    \b
    Examples:
      embedsvc api-key new alice --file keys.toml
      embedsvc api-key list --file keys.toml
      embedsvc api-key remove alice --file keys.toml
      embedsvc serve --api-key-file keys.toml
    """


@api_key.command("new")
@click.argument("name")
@_file_option
def new_command(*, name: str, path: Path) -> None:
    """Make a random key called NAME, print it once, and add its hash to the file.

    \b
    Examples:
      embedsvc api-key new alice --file keys.toml
      KEY=$(embedsvc api-key new batch --file keys.toml)
    """
    key = new_key()
    add_key(path, name, key)
    click.echo(key)
    click.echo(
        f"The key of {name!r}. It is shown only now: {path} has its hash alone. Clients send it as "
        "'Authorization: Bearer KEY'.",
        err=True,
    )


@api_key.command("add")
@click.argument("name")
@_file_option
def add_command(*, name: str, path: Path) -> None:
    """Add a key of your own, read from stdin, under NAME.

    It has to have at least 20 characters, and should be random.

    \b
    Example:
      embedsvc api-key add alice --file keys.toml < key.txt
    """
    if sys.stdin.isatty():
        key = click.prompt("Key", hide_input=True, err=True)
    else:
        key = sys.stdin.readline(MOST_CHARACTERS + 3).rstrip("\r\n")
    add_key(path, name, key)
    click.echo(f"Added the hash of the key of {name!r} to {path}.", err=True)


@api_key.command("list")
@_file_option
def list_command(*, path: Path) -> None:
    """Print the names of the keys in the file.

    \b
    Example:
      embedsvc api-key list --file keys.toml
    """
    for name in list_keys(path):
        click.echo(name)


@api_key.command("remove")
@click.argument("name")
@_file_option
def remove_command(*, name: str, path: Path) -> None:
    """Remove the key called NAME. Services that run keep it until they are started again.

    \b
    Example:
      embedsvc api-key remove alice --file keys.toml
    """
    remove_key(path, name)
    click.echo(f"Removed the key of {name!r} from {path}.", err=True)
