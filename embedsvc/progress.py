"""One progress bar for everything: on stderr, and silent when stderr is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[int], None]
"""Called with how many units were done since the last call."""


def is_terminal() -> bool:
    """Whether somebody watches stderr; a process may have none."""
    return sys.stderr is not None and sys.stderr.isatty()


@contextmanager
def progress_bar(
    label: str, *, total: int | None, unit: str, show: bool | None = None
) -> Iterator[Advance]:
    """Show progress with rate and time left while the block runs.

    Args:
        label: what is being done, such as "Embedding".
        total: how many units there will be, or None where that is not known.
        unit: "texts", or "bytes" for sizes written as MB.
        show: True or False; None shows the bar when stderr is a terminal.

    Yields:
        A function to call with the number of units just done.
    """
    if not (is_terminal() if show is None else show):
        yield lambda count: None
        return
    # rich takes 0.1 s to import and is not needed where nothing is drawn.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.text import Text

    class RateColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:,.0f} {unit}/s")

    counts: list[ProgressColumn] = (
        [DownloadColumn(), TransferSpeedColumn()]
        if unit == "bytes"
        else [MofNCompleteColumn(), RateColumn()]
    )
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *counts,
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        speed_estimate_period=60,
    ) as progress:
        task = progress.add_task(label, total=total)
        yield lambda count: progress.advance(task, count)
