"""Two pictures side by side with lines between their matching points, one row a model."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from embedsvc.errors import InputError
from embedsvc.report.figures import drawable, plain_matplotlib
from embedsvc.report.heatmap import check_image
from embedsvc.report.numbers import format_percent, plural
from embedsvc.report.shown_text import shown_label
from embedsvc.report.whole_file import write_whole

MOST_LINES = 150
"""Lines drawn in a row; more would hide the pictures."""

_DPI = 100
_WIDTH, _HIGHEST = 1600, 760  # pixels of the figure, and of a picture at most
_MARGIN = 24
_GAP, _WIDEST_GAP = 12, 240  # between pictures; wide where these are narrow, so that lines show
_TITLE, _NAMES, _LEGEND = 46, 30, 34  # pixels of the lines of text
_PIXELATED = 4.0  # enlarged that much and more, pixels are shown as they are
_PAPER, _INK, _SOFT, _RIM = "#ffffff", "#1d2330", "#586072", "#10141c"


@dataclass(frozen=True)
class Check:
    """What matches were checked by, in words.

    Attributes:
        holds: said of those that pass.
        fails: of the others.
        never: where none passes.
    """

    holds: str
    fails: str
    never: str


HOMOGRAPHY = Check("agree on one homography", "do not agree", "which agree on no homography")
"""Whether one homography takes the first point of a match to the second."""


@dataclass(frozen=True)
class MatchRow:
    """Matches to draw.

    Attributes:
        title: what found them.
        points_a: of the first picture, float array of shape (n_matches, 2), the best first.
        points_b: the matching ones of the second picture.
        inliers: bool array of shape (n_matches,), those that pass a check, such as that they agree
            with one homography; None where that was not asked.
        check: what they were checked by.
    """

    title: str
    points_a: NDArray[Any]
    points_b: NDArray[Any]
    inliers: NDArray[np.bool_] | None = None
    check: Check = HOMOGRAPHY

    @property
    def summary(self) -> str:
        """Its numbers in words."""
        n = len(self.points_a)
        parts = [plural(n, "match", "matches")]
        if self.inliers is not None and n:
            agree = int(self.inliers.sum())
            share = f"{agree:,} ({format_percent(agree / n)}) {self.check.holds}"
            parts[0] += f", {share if agree else self.check.never}"
        if n > MOST_LINES:
            parts.append(f"{MOST_LINES} drawn, spread over the picture")
        return " · ".join(parts)


@dataclass(frozen=True)
class _Look:
    """How lines of one kind look: by colour, dashes and the marks at their ends."""

    colour: str
    dashes: Any
    mark: str
    width: float
    opacity: float


# Blue and orange of M. Okabe and K. Ito, brightened for photographs; dashes and crosses tell the
# two apart where colours do not.
_AGREE = _Look("#3fc8ff", "solid", "o", 1.2, 1.0)
_OTHERS = _Look("#ff9a1f", (0, (4, 3)), "X", 1.1, 0.9)
_ALL = _Look("#3fc8ff", "solid", "o", 1.2, 0.9)
_NOT_CHECKED = "matches, not checked by a homography"


def write_match_picture(
    image_a: NDArray[np.uint8],
    image_b: NDArray[np.uint8],
    rows: Sequence[MatchRow],
    path: Path,
    *,
    names: tuple[str, str] = ("", ""),
) -> None:
    """Draw matches between two pictures; the file appears whole or not at all.

    Both pictures are drawn equally high, at whatever size they are. Of many matches some are drawn
    that are spread over the first picture, as many of each kind as is their share.

    Args:
        image_a: uint8 RGB of shape (height, width, 3).
        image_b: the second picture, of any size.
        rows: one above the other, as those of a model before and after it was trained.
        path: ends with .png; its folder is made if need be.
        names: written below the pictures.

    Raises:
        InputError: no pictures, no rows, or matches whose shapes do not fit.
        OutputError: it cannot be written.

    Example:
        >>> row = MatchRow("SIFT", points_a, points_b, inliers)
        >>> write_match_picture(image_a, image_b, [row], Path("matches.png"))
    """
    check_image(image_a)
    check_image(image_b)
    if not rows:
        raise InputError("Expected at least one row of matches to draw, got none.")
    for row in rows:
        n = len(row.points_a)
        shapes = [np.shape(row.points_a), np.shape(row.points_b)]
        if shapes != [(n, 2)] * 2 or (row.inliers is not None and row.inliers.shape != (n,)):
            raise InputError(
                "Expected points of shape (n_matches, 2) in both pictures and as many inliers, got "
                f"{shapes[0]}, {shapes[1]} and "
                f"{None if row.inliers is None else row.inliers.shape}."
            )
    write_whole(path, _drawn(image_a, image_b, rows, names))


def spread(points: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Choose points far from each other: the first, then always the farthest from all chosen.

    Args:
        points: float array of shape (n, 2).
        count: how many.

    Returns:
        Sorted int64 array of `count` rows, or all n.

    Source:
        T. F. Gonzalez, "Clustering to minimize the maximum intercluster distance", 1985.
    """
    if count >= len(points):
        return np.arange(len(points))
    if count < 1:
        return np.empty(0, np.int64)
    chosen = [0]
    distance = np.full(len(points), np.inf)
    for _ in range(count - 1):
        np.minimum(distance, ((points - points[chosen[-1]]) ** 2).sum(axis=1), out=distance)
        distance[chosen[-1]] = -1
        chosen.append(int(distance.argmax()))
    return np.sort(np.array(chosen, np.int64))


@dataclass(frozen=True)
class _Place:
    """Where a picture stands in a row, in pixels from the left and the top."""

    image: NDArray[np.uint8]
    left: float
    scale: tuple[float, float]

    def points(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Where its points stand in the row."""
        return (np.asarray(points, np.float64) + 0.5) * self.scale + [self.left, 0]


def _placed(image_a: NDArray[np.uint8], image_b: NDArray[np.uint8]) -> tuple[_Place, _Place]:
    """Both pictures equally high, as large as the figure has room for."""
    wide = [image.shape[1] / image.shape[0] for image in (image_a, image_b)]
    height = max(1, min(_HIGHEST, int((_WIDTH - 2 * _MARGIN - _GAP) / sum(wide))))
    widths = [max(1, round(height * one)) for one in wide]
    gap = min(_WIDEST_GAP, max(_GAP, (_WIDTH - sum(widths)) // 3))
    left = (_WIDTH - sum(widths) - gap) / 2
    places = []
    for image, width in zip((image_a, image_b), widths, strict=True):
        scale = (width / image.shape[1], height / image.shape[0])
        places.append(_Place(_resized(image, width, height), left, scale))
        left += width + gap
    return places[0], places[1]


def _resized(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    pixelated = height >= _PIXELATED * image.shape[0]
    how = Image.Resampling.NEAREST if pixelated else Image.Resampling.LANCZOS
    return np.asarray(Image.fromarray(image).resize((width, height), how, reducing_gap=3))


def _drawn(
    image_a: NDArray[np.uint8],
    image_b: NDArray[np.uint8],
    rows: Sequence[MatchRow],
    names: tuple[str, str],
) -> bytes:
    places = _placed(image_a, image_b)
    high = places[0].image.shape[0]
    total = len(rows) * (_TITLE + high) + _NAMES + _LEGEND + _MARGIN // 2
    with plain_matplotlib():
        # Imported here, because it takes a second and nothing else needs it.
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(_WIDTH / _DPI, total / _DPI), dpi=_DPI, facecolor=_PAPER)
        canvas = FigureCanvasAgg(figure)
        top = 0
        for row in rows:
            _write_title(figure, row, places[0].left, top + _TITLE / 2)
            top += _TITLE
            _draw_row(figure, row, places, top)
            top += high
        for place, name in zip(places, names, strict=True):
            if not name:
                continue
            middle = place.left + place.image.shape[1] / 2
            shown = shown_label(name, min(60, max(3, place.image.shape[1] // 10)))
            _write(figure, middle, top + _NAMES / 2, shown, _SOFT, size=10.5, ha="center")
        _draw_legend(figure, rows, places[0].left, top + _NAMES + _LEGEND / 2 - 4)
        png = io.BytesIO()
        canvas.print_png(png, metadata={"Software": None})
    return png.getvalue()


def _write(figure: Any, x: float, y: float, text: str, colour: str, **looks: Any) -> Any:
    """Write at a place in pixels from the left and the top."""
    width, height = figure.bbox.width, figure.bbox.height
    looks = {"va": "center", **looks}
    # A dollar sign is a dollar sign.
    return figure.text(
        x / width, 1 - y / height, drawable(text), color=colour, parse_math=False, **looks
    )


def _write_title(figure: Any, row: MatchRow, left: float, y: float) -> None:
    left = min(left, _MARGIN * 4)
    title = _write(figure, left, y, shown_label(row.title, 60), _INK, size=14, weight="bold")
    begin = title.get_window_extent().x1 + 14
    said = _write(figure, begin, y, row.summary, _SOFT, size=11)
    room = (figure.bbox.width - _MARGIN - begin) / said.get_window_extent().width
    if room < 1:
        said.set_fontsize(max(7.0, 11 * room))


def _draw_row(figure: Any, row: MatchRow, places: tuple[_Place, _Place], top: float) -> None:
    width, height = figure.bbox.width, figure.bbox.height
    high = places[0].image.shape[0]
    axes = figure.add_axes((0, 1 - (top + high) / height, 1, high / height))
    axes.set_axis_off()
    for place in places:
        right = place.left + place.image.shape[1]
        axes.imshow(place.image, extent=(place.left, right, high, 0), interpolation="nearest")
    axes.set_aspect("auto")
    axes.set_xlim(0, width)
    axes.set_ylim(high, 0)
    begins, ends = places[0].points(row.points_a), places[1].points(row.points_b)
    for look, rows in _chosen(row, begins):
        _draw_lines(axes, begins[rows], ends[rows], look)


def _chosen(row: MatchRow, places: NDArray[np.float64]) -> list[tuple[_Look, NDArray[np.int64]]]:
    """Which matches are drawn and how, those below others first."""
    if row.inliers is None:
        return [(_ALL, spread(places, MOST_LINES))]
    agree, others = np.flatnonzero(row.inliers), np.flatnonzero(~row.inliers)
    n_agree = round(MOST_LINES * len(agree) / max(1, len(row.inliers)))
    if len(row.inliers) <= MOST_LINES:
        n_agree = len(agree)
    n_others = MOST_LINES - n_agree
    return [
        (_OTHERS, others[spread(places[others], n_others)]),
        (_AGREE, agree[spread(places[agree], n_agree)]),
    ]


def _draw_lines(
    axes: Any, begins: NDArray[np.float64], ends: NDArray[np.float64], look: _Look
) -> None:
    from matplotlib.collections import LineCollection

    lines = np.stack([begins, ends], axis=1)  # (n, 2, 2)
    for colour, wider, opacity in ((_RIM, 1.2, 0.35), (look.colour, 0.0, look.opacity)):
        axes.add_collection(
            LineCollection(
                list(lines),
                colors=colour,
                linewidths=look.width + wider,
                linestyles=[look.dashes],
                alpha=opacity,
                capstyle="butt",
            ),
            autolim=False,
        )
    for points in (begins, ends):
        axes.scatter(
            *points.T,
            s=26 if look.mark == "o" else 34,
            marker=look.mark,
            c=look.colour,
            edgecolors=_RIM,
            linewidths=0.7,
            zorder=3,
        )


def _draw_legend(figure: Any, rows: Sequence[MatchRow], left: float, y: float) -> None:
    from matplotlib.lines import Line2D

    checked = [row.inliers is not None for row in rows]
    looks = [*([_AGREE, _OTHERS] if any(checked) else []), *([] if all(checked) else [_ALL])]
    check = next((row.check for row in rows if row.inliers is not None), HOMOGRAPHY)
    names = {_AGREE: check.holds, _OTHERS: check.fails, _ALL: _NOT_CHECKED}
    width, height = figure.bbox.width, figure.bbox.height
    x = min(left, _MARGIN * 4)
    for look in looks:
        line = Line2D(
            [x / width, (x + 44) / width],
            [1 - y / height] * 2,
            color=look.colour,
            linestyle=look.dashes,
            marker=look.mark,
            linewidth=2,
            markersize=7,
            markeredgecolor=_RIM,
            markeredgewidth=0.7,
        )
        figure.add_artist(line)
        text = _write(figure, x + 54, y, names[look], _INK, size=10.5)
        x = text.get_window_extent().x1 + 28
