"""The map as a page to move in, search and select: one file, drawn by a script of its own."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from embedsvc.report import map_colors
from embedsvc.report.map_colors import Groups, Measure
from embedsvc.report.map_data import VectorMap
from embedsvc.report.map_labels import group_places, label_lines
from embedsvc.report.map_words import about, ends, heading, reading
from embedsvc.report.page import render_page, write_page
from embedsvc.report.shown_text import cut, shown_label

_SCRIPTS = (
    "map_points.js", "map_view.js", "map_over.js", "map_card.js", "map_panel.js",
    "map_legend.js", "map.js",
)  # fmt: skip
_GRID = 65_535  # places are whole numbers up to it
_NONE = 65_535
_MOST_CHARS, _FEWEST_CHARS = 300, 60
_BUDGET = 7_000_000  # characters of all texts
_FEW_VALUES = 2000  # different ones, up to which a column is written as a list and numbers
# Nothing of these can end the element the data stands in, or a line of a script.
_UNSAFE = {ord(char): f"\\u{ord(char):04x}" for char in "<>&'\u2028\u2029"}


def write_map_page(shown: VectorMap, path: Path) -> None:
    """Write the page; it appears whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    write_page(path, render_map_page(shown))


def render_map_page(shown: VectorMap) -> str:
    """The map as one self-contained text of HTML.

    Texts are cut to 300 characters, or fewer where there are so many that the page would grow past
    some 10 MB.
    """
    colouring = shown.colouring
    groups = colouring if isinstance(colouring, Groups) else None
    measure = colouring if isinstance(colouring, Measure) else None
    context = {
        "title": shown_label(shown.title, 200),
        "heading": heading(shown),
        "about": about(shown),
        "reading": reading(shown),
        "searched": _searched(shown),
        "groups": _groups_shown(groups),
        "measure": _measure_shown(measure),
        "has_pictures": _has_any(shown.pictures),
        "has_labels": bool(groups and groups.names),
        "data": Markup(_json(map_data(shown))),  # noqa: S704
    }
    return render_page("map.html.j2", context, styles=("map.css",), scripts=_SCRIPTS)


def map_data(shown: VectorMap) -> dict[str, Any]:
    """All that the page's script draws; arrays are base64 of little-endian numbers."""
    grid = _on_grid(shown.places)
    colouring = shown.colouring
    ids = list(shown.ids)
    return {
        "n": len(shown),
        "kind": shown.kind,
        "xy": _packed(grid.round(), "<u2"),
        "ids": None if ids == [str(i) for i in range(len(ids))] else [_line(one) for one in ids],
        "texts": _texts(shown.texts),
        "pictures": _pictures(shown.pictures),
        "columns": [_column(name, values) for name, values in shown.columns.items()],
        "groups": _groups_data(colouring, grid) if isinstance(colouring, Groups) else None,
        "measure": _measure_data(colouring) if isinstance(colouring, Measure) else None,
        "colours": {
            "light": {
                "groups": map_colors.LIGHT_COLOURS,
                "scale": map_colors.LIGHT_SCALE,
                "none": map_colors.LIGHT_NONE,
            },
            "dark": {
                "groups": map_colors.DARK_COLOURS,
                "scale": map_colors.DARK_SCALE,
                "none": map_colors.DARK_NONE,
            },
        },
    }


def _on_grid(places: NDArray[np.float32]) -> NDArray[np.float64]:
    """Places from 0 to 65,535, both axes alike, y downwards; in the middle where all are equal."""
    wide = places.astype(np.float64)
    if not len(wide):
        return wide
    low, high = wide.min(axis=0), wide.max(axis=0)
    extent = float((high - low).max())
    factor = _GRID / extent if extent > 0 else 0.0
    grid: NDArray[np.float64] = (wide - (low + high) / 2) * [factor, -factor] + _GRID / 2
    return grid


def _packed(values: NDArray[Any], dtype: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values, np.dtype(dtype)).tobytes()).decode()


def _texts(texts: Sequence[str | None] | None) -> list[str | None] | None:
    if not _has_any(texts) or texts is None:
        return None
    total = sum(min(len(text), _MOST_CHARS) for text in texts if text)
    most = _MOST_CHARS
    if total > _BUDGET:
        most = max(_FEWEST_CHARS, math.floor(_MOST_CHARS * _BUDGET / total))
    return [None if text is None else _line(text, most) for text in texts]


def _line(text: str, most: int = _MOST_CHARS) -> str:
    if text.isascii() and text.isprintable():
        # As `cut` does it, but without a look at each of some millions of characters.
        plain = " ".join(text[: 8 * most].split())
        return plain if len(plain) <= most else plain[:most].rstrip() + "…"
    head, is_cut = cut(text, most)
    return head + "…" if is_cut else head


def _pictures(pictures: Sequence[bytes | None] | None) -> list[str | None] | None:
    if not _has_any(pictures) or pictures is None:
        return None
    return [None if one is None else base64.b64encode(one).decode() for one in pictures]


def _has_any(values: Sequence[object] | None) -> bool:
    return values is not None and any(value is not None for value in values)


def _column(name: str, values: Sequence[str]) -> dict[str, Any]:
    lines = [_line(value) for value in values]
    names = list(dict.fromkeys(lines))
    if len(names) > min(_FEW_VALUES, len(lines) // 2):
        return {"name": shown_label(name), "values": lines}
    places = {one: i for i, one in enumerate(names)}
    codes = np.array([places[line] for line in lines])
    return {"name": shown_label(name), "names": names, "codes": _packed(codes, "<u2")}


def _groups_data(groups: Groups, grid: NDArray[np.float64]) -> dict[str, Any]:
    anchors = group_places(grid.astype(np.float32), groups.codes, len(groups.names))
    codes = np.where(groups.codes < 0, _NONE, groups.codes)
    return {
        "name": shown_label(groups.name),
        "names": [shown_label(name, 200) for name in groups.names],
        "lines": [label_lines(name) for name in groups.names],
        "counts": groups.counts,
        "colours": map_colors.spread_colours(anchors, groups.counts),
        "anchors": [[round(float(x)), round(float(y))] for x, y in anchors],
        "codes": _packed(codes, "<u2"),
        "none_name": groups.none_name,
        "n_none": groups.n_none,
    }


def _measure_data(measure: Measure) -> dict[str, Any]:
    return {
        "name": shown_label(measure.name),
        "low": measure.low,
        "high": measure.high,
        "values": _packed(measure.values, "<f8"),
    }


def _searched(shown: VectorMap) -> str:
    if _has_any(shown.texts):
        return f"{shown.kind}s"
    return "names of images" if shown.kind == "image" else "ids"


def _groups_shown(groups: Groups | None) -> dict[str, Any] | None:
    if groups is None:
        return None
    repeats = len(groups.names) > len(map_colors.LIGHT_COLOURS)
    return {"name": shown_label(groups.name), "repeats": repeats}


def _measure_shown(measure: Measure | None) -> dict[str, Any] | None:
    if measure is None:
        return None
    low, middle, high = ends(measure)
    n_none = int(np.isnan(measure.values).sum())
    name = shown_label(measure.name)
    return {"name": name, "low": low, "middle": middle, "high": high, "n_none": n_none}


def _json(data: dict[str, Any]) -> str:
    """JSON in UTF-8 that is safe inside of a script element."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate(_UNSAFE)
