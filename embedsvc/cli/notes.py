"""What commands tell beside their results."""

from __future__ import annotations

import click


def show_note(text: str) -> None:
    """Say something the user should know, on stderr."""
    from embedsvc.extract.rows import printable

    click.echo(f"Note: {printable(text, limit=None)}", err=True)
