"""The course of a training run as a picture: the terms of the loss, and the validation measures."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from embedsvc.errors import InputError
from embedsvc.nets.training_state import EpochRecord
from embedsvc.report.epochs import Series, loss_series, measure_series, penalty_series
from embedsvc.report.figures import drawable, plain_matplotlib
from embedsvc.report.shown_text import shown_label
from embedsvc.report.whole_file import write_whole

_INCHES, _DPI = (12.0, 5.0), 100  # 1200 x 500 pixels
# Okabe and Ito's colours, told apart by every kind of colour vision; the yellow one, which is
# too pale on white, is replaced. Source: https://jfly.uni-koeln.de/color/
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6500", "#56b4e9", "#000000", "#999999")
_DASHES: tuple[Any, ...] = (
    "-", (0, (6, 2)), (0, (1.5, 1.5)), (0, (7, 2, 1.5, 2)), (0, (4, 4)), (0, (9, 3)), (0, (3, 1)),
    (0, (6, 2, 1.5, 2, 1.5, 2)),
)  # fmt: skip
_INK, _SOFT, _LINE = "#1d2330", "#586072", "#dfddd7"
_LOG_FROM = 100.0
_MOST_LINES, _MOST_DOTTED, _MOST_NAME = 8, 30, 36


def write_curve_png(
    history: Sequence[EpochRecord], path: Path, *, best_epoch: int | None = None
) -> None:
    """Draw the terms of the loss on the left and the validation measures on the right.

    Values that are not finite leave gaps. An axis is logarithmic where its values are positive
    and far apart. Matplotlib's settings and backend stay as they are.

    Args:
        history: one record an epoch, at least one.
        path: ends with .png; its folder is made if need be.
        best_epoch: whose weights were kept; marked.

    Raises:
        InputError: there is no epoch.
        OutputError: it cannot be written.
    """
    if not history:
        raise InputError("Expected at least one epoch to draw, got none. Train for one first.")
    write_whole(path, _drawn(history, best_epoch))


def _drawn(history: Sequence[EpochRecord], best_epoch: int | None) -> bytes:
    with plain_matplotlib():
        # Imported here, because it takes a second and nothing else needs it.
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        png = io.BytesIO()
        layout = ConstrainedLayoutEngine(w_pad=0.14, h_pad=0.12, wspace=0.03)
        figure = Figure(figsize=_INCHES, dpi=_DPI, facecolor="white", layout=layout)
        canvas = FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2)
        epochs = [record.epoch for record in history]
        losses = [*loss_series(history), *penalty_series(history)]
        _draw(left, "Loss", losses, epochs, best_epoch)
        _draw(right, "Validation measures", measure_series(history), epochs, best_epoch)
        canvas.print_png(png, metadata={"Software": None})
    return png.getvalue()


def _draw(
    axes: Any, title: str, series: Sequence[Series], epochs: Sequence[int], best_epoch: int | None
) -> None:
    from matplotlib.ticker import MaxNLocator

    ranked = sorted(series, key=lambda one: -max(one.finite, default=-math.inf))
    kept = {one.name for one in ranked[:_MOST_LINES]}
    drawn = [one for one in series if one.name in kept and one.finite]
    handles = [_line(axes, one, epochs, i) for i, one in enumerate(drawn)]
    is_log = _set_scale(axes, [value for one in drawn for value in one.finite])
    n_left = len([one for one in series if one.finite]) - len(drawn)
    said = [*(["log scale"] if is_log else []), *([f"{n_left} smaller left out"] if n_left else [])]
    remark = f" ({', '.join(said)})" if said else ""
    axes.set_title(title + remark, loc="left", color=_INK, fontsize=12)
    axes.set_xlabel("Epoch", color=_SOFT)
    axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(color=_LINE, linewidth=0.8)
    axes.tick_params(colors=_SOFT)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(_SOFT)
    if not drawn:
        axes.set_yticks([])
        place = {"transform": axes.transAxes, "ha": "center", "va": "center", "color": _SOFT}
        axes.text(0.5, 0.5, "Nothing was measured.", **place)
        return
    if best_epoch in epochs:
        best = axes.axvline(best_epoch, color=_INK, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
        handles.append((best, f"best: epoch {best_epoch}"))
    _legend(axes, handles)


def _line(axes: Any, one: Series, epochs: Sequence[int], i: int) -> tuple[Any, str]:
    values = [math.nan if v is None or not math.isfinite(v) else v for v in one.values]
    (line,) = axes.plot(
        epochs,
        values,
        color=_COLOURS[i],
        linestyle=_DASHES[i],
        linewidth=2,
        marker="o" if len(epochs) <= _MOST_DOTTED or len(one.finite) < 2 else "",
        markersize=4.5,
        zorder=2,
    )
    return line, one.name


def _set_scale(axes: Any, values: Sequence[float]) -> bool:
    """Logarithmic where values are far apart; else from 0 where that costs little room."""
    if not values:
        return False
    low, high = min(values), max(values)
    if low > 0 and high / low > _LOG_FROM:
        axes.set_yscale("log")
        return True
    if 0 <= low < 0.5 * high:
        axes.set_ylim(0, 1.04 * high)
    return False


def _legend(axes: Any, handles: Sequence[tuple[Any, str]]) -> None:
    names = [_written(name) for _, name in handles]
    legend = axes.legend(
        [handle for handle, _ in handles],
        names,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.14),
        ncols=1 if len(names) < 3 else 2,
        frameon=False,
        fontsize=9,
        handlelength=3.4,
        labelcolor=_INK,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)  # a dollar sign is a dollar sign


def _written(name: str) -> str:
    """A name with the characters the font has; an underscore in front would hide it."""
    text = drawable(shown_label(name, _MOST_NAME))
    return f" {text}" if text.startswith("_") else text
