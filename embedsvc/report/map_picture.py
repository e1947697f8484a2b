"""The map as a PNG: points, names beside them, and a legend where it says more than the names."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from embedsvc.report import map_colors
from embedsvc.report.figures import drawable, plain_matplotlib
from embedsvc.report.map_colors import Groups, Measure
from embedsvc.report.map_data import VectorMap
from embedsvc.report.map_labels import Box, group_places, label_lines, place_labels
from embedsvc.report.map_thumbnails import draw_thumbnails
from embedsvc.report.map_words import METHOD_NAMES, ends, heading
from embedsvc.report.shown_text import shown_label
from embedsvc.report.whole_file import write_whole

Theme = Literal["light", "dark"]

_INCHES, _DPI = (11.0, 7.6), 140
_MAP = (0.015, 0.035, 0.97, 0.885)  # left, bottom, width, height of the figure
_MAP_BESIDE = (0.015, 0.035, 0.76, 0.885)
_LABEL_SIZE = 8.0
_MOST_NAME = 30  # characters in the legend


@dataclass(frozen=True)
class _Look:
    paper: str
    ink: str
    soft: str
    line: str
    colours: tuple[str, ...]
    scale: tuple[str, ...]
    none: str


_LOOKS: dict[str, _Look] = {
    "light": _Look(
        "#ffffff", "#1d2330", "#586072", "#dfddd7",
        map_colors.LIGHT_COLOURS, map_colors.LIGHT_SCALE, map_colors.LIGHT_NONE,
    ),
    "dark": _Look(
        "#1b1e25", "#e9ebf1", "#a4acbb", "#31353f",
        map_colors.DARK_COLOURS, map_colors.DARK_SCALE, map_colors.DARK_NONE,
    ),
}  # fmt: skip


def write_map_picture(shown: VectorMap, path: Path, *, theme: Theme = "light") -> None:
    """Draw the map; the file appears whole or not at all.

    Args:
        shown: the map.
        path: ends with .png; its folder is made if need be.
        theme: "light" or "dark".

    Raises:
        OutputError: it cannot be written.
    """
    write_whole(path, _drawn(shown, _LOOKS[theme]))


def _drawn(shown: VectorMap, look: _Look) -> bytes:
    with plain_matplotlib():
        # Imported here, because it takes a second and nothing else needs it.
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=_INCHES, dpi=_DPI, facecolor=look.paper)
        canvas = FigureCanvasAgg(figure)
        has_legend = _has_legend(shown)
        axes = figure.add_axes(_MAP_BESIDE if has_legend else _MAP)
        _frame(axes, shown.places, look)
        _title(figure, shown, look)
        _points(axes, shown, look)
        taken: list[Box] = []
        if isinstance(shown.colouring, Groups):
            taken = _labels(figure, axes, shown.places, shown.colouring, look)
            if has_legend:
                _legend(figure, shown.colouring, look)
        elif isinstance(shown.colouring, Measure):
            _scale(figure, shown.colouring, look)
        if shown.pictures is not None:
            anchors = axes.transData.transform(shown.places)
            colours = _colours_of(shown, look)
            draw_thumbnails(figure, shown.pictures, anchors, colours, _inner(axes), taken)
        png = io.BytesIO()
        canvas.print_png(png, metadata={"Software": None})
    # A scale would show the steps.
    return png.getvalue() if isinstance(shown.colouring, Measure) else _smaller(png.getvalue())


def _smaller(png: bytes) -> bytes:
    """The same picture in 256 colours: a third of the size, and no eye sees it."""
    from PIL import Image

    out = io.BytesIO()
    image = Image.open(io.BytesIO(png)).convert("RGB")
    image.quantize(256, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def _has_legend(shown: VectorMap) -> bool:
    """Whether groups are listed beside the map: where each has a colour of its own."""
    colouring = shown.colouring
    if not isinstance(colouring, Groups):
        return False
    return 0 < len(colouring.names) <= len(map_colors.LIGHT_COLOURS)


def _frame(axes: Any, places: NDArray[np.float32], look: _Look) -> None:
    axes.set_facecolor(look.paper)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(look.line)
    if not len(places):
        return
    low, high = places.min(axis=0).astype(float), places.max(axis=0).astype(float)
    middle = (low + high) / 2
    box = axes.get_window_extent()
    # Both axes alike, and as large as the frame lets them be.
    extent = np.maximum(high - low, 1e-9 if (high > low).any() else 1.0)
    unit = float(max(extent / (np.array([box.width, box.height]) * 0.91)))
    axes.set_xlim(middle[0] - unit * box.width / 2, middle[0] + unit * box.width / 2)
    axes.set_ylim(middle[1] - unit * box.height / 2, middle[1] + unit * box.height / 2)


def _title(figure: Any, shown: VectorMap, look: _Look) -> None:
    said = heading(shown).translate({0x2068: None, 0x2069: None})
    parts = [shown_label(shown.title, 60), METHOD_NAMES[shown.method]]
    if shown.n_all is not None and shown.n_all > len(shown):
        parts.append(f"{len(shown):,} of {shown.n_all:,} vectors")
    _write(figure, 0.017, 0.955, said, look.ink, size=15, weight="bold", va="center")
    _write(figure, 0.984, 0.955, " · ".join(parts), look.soft, size=10, ha="right", va="center")


def _write(figure: Any, x: float, y: float, text: str, colour: str, **looks: Any) -> Any:
    # A dollar sign is a dollar sign.
    return figure.text(x, y, drawable(text), color=colour, parse_math=False, **looks)


def _points(axes: Any, shown: VectorMap, look: _Look) -> None:
    n = len(shown)
    size = 34 if n <= 300 else 22 if n <= 1500 else 13 if n <= 6000 else 5 if n <= 20_000 else 2.5
    colours = _colours_of(shown, look)
    order = _order(shown)
    axes.scatter(
        *shown.places[order].T,
        s=size,
        c=colours[order] if len(order) else None,
        alpha=0.92 if n <= 6000 else 0.7,
        linewidths=0.5 if n <= 6000 else 0,
        edgecolors=look.paper,
        plotnonfinite=True,
    )


def _order(shown: VectorMap) -> NDArray[np.int64]:
    """Those of no group below, small groups on top."""
    colouring = shown.colouring
    if isinstance(colouring, Groups):
        sizes = np.array([*colouring.counts, len(shown) + 1])
        return np.argsort(-sizes[colouring.codes], kind="stable")
    if isinstance(colouring, Measure):
        return np.argsort(~np.isnan(colouring.values), kind="stable")
    return np.arange(len(shown))


def _colours_of(shown: VectorMap, look: _Look) -> NDArray[Any]:
    """A colour for each point, float array of shape (n, 4)."""
    from matplotlib.colors import LinearSegmentedColormap, to_rgba, to_rgba_array

    colouring = shown.colouring
    if isinstance(colouring, Groups):
        chosen = _group_colours(shown.places, colouring, look)
        return np.asarray(to_rgba_array([*chosen, look.none]))[colouring.codes]
    if isinstance(colouring, Measure):
        scale = LinearSegmentedColormap.from_list("scale", look.scale)
        with_none = scale.with_extremes(bad=look.none)
        return np.asarray(with_none(np.ma.masked_invalid(colouring.shares)))
    return np.tile(to_rgba(look.colours[0]), (len(shown), 1))


def _group_colours(places: NDArray[np.float32], groups: Groups, look: _Look) -> list[str]:
    anchors = group_places(places, groups.codes, len(groups.names))
    return [look.colours[i] for i in map_colors.spread_colours(anchors, groups.counts)]


def _labels(
    figure: Any, axes: Any, places: NDArray[np.float32], groups: Groups, look: _Look
) -> list[Box]:
    """Write the names where there is room; gives the room they take."""
    from matplotlib.patheffects import withStroke

    order = sorted(range(len(groups.names)), key=lambda group: (-groups.counts[group], group))
    anchors = axes.transData.transform(group_places(places, groups.codes, len(order)))
    renderer = figure.canvas.get_renderer()
    halo = [withStroke(linewidth=2.6, foreground=look.paper)]
    looks: dict[str, Any] = {
        "fontsize": _LABEL_SIZE,
        "weight": "bold",
        "linespacing": 1.05,
        "path_effects": halo,
    }
    names = ["\n".join(map(drawable, label_lines(groups.names[group]))) for group in order]
    texts = [
        figure.text(0, 0, name, color=look.ink, ha="center", va="center", parse_math=False, **looks)
        for name in names
    ]
    boxes = [text.get_window_extent(renderer) for text in texts]
    centres = place_labels(
        [(float(x), float(y)) for x, y in anchors[order]],
        [(box.width, box.height) for box in boxes],
        _inner(axes),
        points=axes.transData.transform(places),
    )
    width, height = figure.bbox.width, figure.bbox.height
    taken: list[Box] = []
    for text, box, centre in zip(texts, boxes, centres, strict=True):
        if centre is None:
            text.remove()
            continue
        text.set_position((centre[0] / width, centre[1] / height))
        half_x, half_y = box.width / 2, box.height / 2
        x, y = centre
        taken.append((x - half_x, y - half_y, x + half_x, y + half_y))
    return taken


def _inner(axes: Any) -> Box:
    left, bottom, right, top = (float(one) for one in axes.get_window_extent().extents)
    return left + 4, bottom + 4, right - 4, top - 4


def _legend(figure: Any, groups: Groups, look: _Look) -> None:
    """Colours, names and counts of all groups, from the top of the right side down."""
    names = [*groups.names, *([groups.none_name] if groups.n_none else [])]
    counts = [*groups.counts, *([groups.n_none] if groups.n_none else [])]
    colours = [*look.colours[: len(groups.names)], look.none]
    _write(figure, 0.795, 0.9, shown_label(groups.name, 28), look.soft, size=10, va="center")
    for i, (name, count, colour) in enumerate(zip(names, counts, colours, strict=False)):
        y = 0.864 - 0.033 * i
        _write(figure, 0.795, y, "●", colour, size=11, va="center")
        number = _write(figure, 0.984, y, f"{count:,}", look.soft, size=9, ha="right", va="center")
        room = number.get_window_extent().x0 / figure.bbox.width - 0.822
        _fitted(figure, 0.815, y, name, look.ink, room)


def _fitted(figure: Any, x: float, y: float, name: str, colour: str, room: float) -> None:
    """Write a name, cut until it fits into a share of the width of the figure."""
    for most in range(_MOST_NAME, 4, -1):
        text = _write(figure, x, y, shown_label(name, most), colour, size=9, va="center")
        if text.get_window_extent().width <= room * figure.bbox.width:
            return
        text.remove()


def _scale(figure: Any, measure: Measure, look: _Look) -> None:
    """A bar of the colours inside of the map, where its lower left corner is."""
    from matplotlib.colors import LinearSegmentedColormap

    bar = figure.add_axes((0.035, 0.082, 0.2, 0.018))
    gradient = np.linspace(0, 1, 256)[np.newaxis]
    bar.imshow(gradient, aspect="auto", cmap=LinearSegmentedColormap.from_list("", look.scale))
    bar.set_axis_off()
    low, middle, high = ends(measure)
    _write(figure, 0.035, 0.108, shown_label(measure.name, 40), look.ink, size=9)
    for x, text, side in ((0.035, low, "left"), (0.135, middle, "center"), (0.235, high, "right")):
        _write(figure, x, 0.062, text, look.soft, size=8, ha=side)
