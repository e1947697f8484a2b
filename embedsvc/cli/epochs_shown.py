"""The epochs of a training as lines, while it runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from embedsvc.nets.training_state import EpochRecord

_SHOWN_EVERY = 1.0  # seconds; the epochs of a head alone pass faster than anybody reads


def epoch_lines(*, quiet: bool) -> Callable[[EpochRecord], None]:
    """A function that prints a line an epoch, but not more often than anybody reads."""
    from embedsvc.report.numbers import format_duration, format_score

    last = -_SHOWN_EVERY

    def show(record: EpochRecord) -> None:
        nonlocal last
        if quiet or time.monotonic() - last < _SHOWN_EVERY:
            return
        last = time.monotonic()
        measures = "".join(
            f", {name.replace('_', ' ')} {format_score(value)}"
            for name, value in record.validation.items()
            if name != "loss"
        )
        click.echo(
            f"Epoch {record.epoch}: loss {format_score(record.terms['total'])}{measures}, "
            f"{format_duration(record.seconds)}",
            err=True,
        )

    return show
