"""Sizes of images on the command line."""

from __future__ import annotations

import re

import click


def parse_size(
    _ctx: click.Context | None, _param: click.Parameter | None, value: str | None
) -> tuple[int, int] | None:
    """Height and width in pixels out of "256x320", or "256" for both: a callback of an option."""
    if value is None:
        return None
    match = re.fullmatch(r"([1-9][0-9]{0,4})(?:x([1-9][0-9]{0,4}))?", value.lower())
    if match is None:
        raise click.BadParameter(
            f"{value!r} is no size. Pass height x width in pixels, such as 256x320, or 256."
        )
    return int(match[1]), int(match[2] or match[1])
