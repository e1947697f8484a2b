"""Which labels are taken for which: the confusion matrix as inline SVG, and its worst pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedsvc.errors import InputError
from embedsvc.report import svg
from embedsvc.report.numbers import format_count, format_percent, plural
from embedsvc.report.shown_text import fitted, isolated, shown_label, width_of

MOST_NUMBERED = 12
"""Labels up to which every cell has its number in it."""
MOST_LABELS = 100
"""Labels up to which the whole matrix is drawn."""

_MOST_HINTS = 4000  # cells that answer to the pointer
_KEPT = 60  # labels drawn of those that are too many
_MOST_ABOVE = {45: 160.0, 90: 200.0}  # pixels of a turned name above a column
_LEVELS = 8  # strengths of colour of the cells without hints


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """Texts of one label that were taken for another.

    Attributes:
        truth: position of their label.
        predicted: position of the label they were given.
        count: how many.
        share: of the texts with that true label.
    """

    truth: int
    predicted: int
    count: int
    share: float


def confused_pairs(confusion: NDArray[np.int64], most: int = 20) -> list[ConfusedPair]:
    """The commonest mistakes, most frequent first; of equally frequent ones the larger share.

    Args:
        confusion: int64 of shape (n_labels, n_labels), true labels by predicted labels.
        most: pairs given.
    """
    wrong = _checked(confusion).copy()
    np.fill_diagonal(wrong, 0)
    shares = _row_shares(confusion)
    truths, predictions = np.nonzero(wrong)
    found = [
        ConfusedPair(int(i), int(j), int(wrong[i, j]), float(shares[i, j]))
        for i, j in zip(truths, predictions, strict=True)
    ]
    return sorted(found, key=lambda pair: (-pair.count, -pair.share, pair.truth))[:most]


def drawn_labels(confusion: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions of the labels that `confusion_chart` is meant to show: all, or the most confused.

    Returns:
        Rising int64 positions of shape (n_drawn,).
    """
    matrix = _checked(confusion)
    if len(matrix) <= MOST_LABELS:
        return np.arange(len(matrix), dtype=np.int64)
    errors = matrix.sum(axis=0) + matrix.sum(axis=1) - 2 * np.diag(matrix)
    return np.sort(np.argsort(-errors, kind="stable")[:_KEPT]).astype(np.int64)


def confusion_chart(
    confusion: NDArray[np.int64], labels: Sequence[str], *, width: int = 900
) -> str:
    """The matrix with a row a true label and a column a predicted one.

    Right answers are blue, wrong ones orange, the stronger the larger their share of the row.
    Cells of up to twelve labels have numbers; of more, they tell theirs to the pointer.

    Args:
        confusion: int64 of shape (n_labels, n_labels).
        labels: names, shape (n_labels,).
        width: pixels to fit into; many labels take more.

    Returns:
        An svg element.

    Raises:
        InputError: the matrix is not square, or has not one row a label.
    """
    matrix = _checked(confusion)
    if len(labels) != len(matrix):
        raise InputError(
            f"Expected one label a row of the confusion matrix, got {len(labels)} labels and "
            f"{len(matrix)} rows. Pass all labels in the order of their positions."
        )
    sheet = _Sheet.of([shown_label(name, 48) for name in labels], width)
    parts = [*_names(sheet), *_lines(sheet)]
    if sheet.is_numbered:
        parts += _numbered_cells(matrix, sheet)
    else:
        parts += _plain_cells(matrix, sheet)
    right = int(np.trace(matrix))
    total = int(matrix.sum())
    about = (
        f"Confusion matrix of {plural(len(labels), 'label')}: {format_count(right)} of "
        f"{plural(total, 'text')} on the diagonal"
    )
    return svg.drawing(round(sheet.right), round(sheet.bottom), about, parts)


@dataclass(frozen=True, slots=True)
class _Sheet:
    """Where things are: names on the left and above, square cells of `cell` pixels."""

    names: list[str]
    cell: float
    left: float
    top: float
    size: float
    turn: int
    right: float

    @classmethod
    def of(cls, names: list[str], width: int) -> _Sheet:
        n = len(names)
        numbered = n <= MOST_NUMBERED
        size = 12.0 if numbered else 10.0
        longest = max((width_of(name, size) for name in names), default=0.0)
        left = 26 + min(longest + 8, 0.34 * width if numbered else 230.0)
        room = (width - left - 4) / max(n, 1)
        cell = min(max(room, 44.0), 110.0 if n < 4 else 72.0)
        cell = cell if numbered else min(max(room, 11.0), 26.0)
        turn = 90 if not numbered else 0 if longest + 8 <= cell else 45
        aside = 0.71 * min(longest, _MOST_ABOVE[45])
        if turn == 45:
            cell = min(cell, max((width - left - 4 - aside) / n, 44.0))
        tall = {0: 18.0, 45: aside + 14, 90: min(longest, _MOST_ABOVE[90]) + 8}[turn]
        # A turned name of the last column leans out to the right.
        beyond = aside - cell / 2 if turn == 45 else 0.0
        return cls(names, cell, left, 22 + tall, size, turn, left + n * cell + max(beyond, 0) + 4)

    @property
    def is_numbered(self) -> bool:
        return len(self.names) <= MOST_NUMBERED

    @property
    def bottom(self) -> float:
        return self.top + len(self.names) * self.cell + 4

    def x(self, column: int) -> float:
        return self.left + column * self.cell

    def y(self, row: int) -> float:
        return self.top + row * self.cell


def _checked(confusion: NDArray[np.int64]) -> NDArray[np.int64]:
    if confusion.ndim != 2 or confusion.shape[0] != confusion.shape[1]:
        raise InputError(
            f"Expected a square confusion matrix, got shape {confusion.shape}. "
            "Pass the counts of true labels by predicted labels."
        )
    return confusion


def _row_shares(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    return shares


def _names(sheet: _Sheet) -> list[str]:
    middle = sheet.left + len(sheet.names) * sheet.cell / 2
    down = sheet.top + len(sheet.names) * sheet.cell / 2
    truth = svg.label(0, 0, "True label", anchor="middle", fill=svg.SOFT)
    parts = [
        svg.label(middle, 13, "Predicted label", anchor="middle", fill=svg.SOFT),
        svg.element("g", {"transform": f"translate(12 {down:.1f}) rotate(-90)"}, truth),
    ]
    for i, name in enumerate(sheet.names):
        base = 0.35 * sheet.size
        room = sheet.left - 34
        written = fitted(name, room, sheet.size)
        y = sheet.y(i) + sheet.cell / 2 + base
        parts.append(svg.label(sheet.left - 7, y, written, anchor="end", size=sheet.size))
        x = sheet.x(i) + sheet.cell / 2
        if sheet.turn == 0:
            parts.append(svg.label(x, sheet.top - 7, name, anchor="middle", size=sheet.size))
            continue
        written = fitted(name, _MOST_ABOVE[sheet.turn], sheet.size)
        aside = svg.label(0, 0, written, size=sheet.size)
        at = x + (base if sheet.turn == 90 else 0)
        turned = f"translate({at:.1f} {sheet.top - 7:.1f}) rotate(-{sheet.turn})"
        parts.append(svg.element("g", {"transform": turned}, aside))
    return parts


def _lines(sheet: _Sheet) -> list[str]:
    n = len(sheet.names)
    parts = []
    for i in range(n + 1):
        parts.append(svg.line(sheet.x(0), sheet.y(i), sheet.x(n), sheet.y(i)))
        parts.append(svg.line(sheet.x(i), sheet.y(0), sheet.x(i), sheet.y(n)))
    return parts


def _numbered_cells(confusion: NDArray[np.int64], sheet: _Sheet) -> list[str]:
    shares = _row_shares(confusion)
    parts = []
    for i in range(len(confusion)):
        for j in range(len(confusion)):
            count, share = int(confusion[i, j]), float(shares[i, j])
            # Pale enough for the number in it to be read, in light and dark.
            strength = 0.08 + 0.42 * share if count else 0.0
            parts.append(_cell(count, share, (i, j), sheet, strength))
            x, y = sheet.x(j) + sheet.cell / 2, sheet.y(i) + sheet.cell / 2
            ink = svg.INK if count else svg.SOFT
            weight = 650 if i == j else 400
            number = format_count(count)
            size = min(15.0, 15.0 * (sheet.cell - 4) / max(width_of(number, 15), 1))
            if sheet.cell < 40 or not count:
                y += 5
            number = svg.label(x, y, number, anchor="middle", fill=ink, weight=weight, size=size)
            parts.append(number)
            if sheet.cell >= 40 and count:
                said = format_percent(share)
                parts.append(svg.label(x, y + 15, said, anchor="middle", fill=svg.INK, size=11))
    return parts


def _plain_cells(confusion: NDArray[np.int64], sheet: _Sheet) -> list[str]:
    """The cells with texts in them; only the fullest have a hint, to spare the browser."""
    shares = _row_shares(confusion)
    places = np.argwhere(confusion > 0)
    order = np.argsort(-confusion[places[:, 0], places[:, 1]], kind="stable")
    parts = []
    for i, j in places[order[:_MOST_HINTS]].tolist():
        strength = _strength(float(shares[i, j]), is_right=i == j)
        parts.append(_cell(int(confusion[i, j]), float(shares[i, j]), (i, j), sheet, strength))
    paths: dict[tuple[bool, int], list[str]] = {}
    for i, j in places[order[_MOST_HINTS:]].tolist():
        level = min(int(_LEVELS * shares[i, j]), _LEVELS - 1)
        side = sheet.cell - 1
        square = (
            f"M{sheet.x(j) + 0.5:.1f} {sheet.y(i) + 0.5:.1f}h{side:.1f}v{side:.1f}h-{side:.1f}z"
        )
        paths.setdefault((i == j, level), []).append(square)
    for (is_right, level), squares in paths.items():
        strength = _strength((level + 0.5) / _LEVELS, is_right=is_right)
        colour = svg.CALM if is_right else svg.ALARM
        style = f"fill:{colour};fill-opacity:{strength:.2f}"
        parts.append(svg.element("path", {"d": "".join(squares), "style": style}))
    return parts


def _strength(share: float, *, is_right: bool) -> float:
    """Opacity of a cell; wrong shares are mostly small, and their root tells them apart."""
    return 0.15 + 0.85 * (share if is_right else share**0.5)


def _cell(count: int, share: float, place: tuple[int, int], sheet: _Sheet, strength: float) -> str:
    i, j = place
    at: dict[str, str | float] = {
        "x": round(sheet.x(j) + 0.5, 1),
        "y": round(sheet.y(i) + 0.5, 1),
        "width": round(sheet.cell - 1, 1),
        "height": round(sheet.cell - 1, 1),
        "style": f"fill:{svg.CALM if i == j else svg.ALARM};fill-opacity:{strength:.2f}",
    }
    truth, predicted = isolated(sheet.names[i]), isolated(sheet.names[j])
    what = f"{truth}, right" if i == j else f"{truth} taken for {predicted}"
    said = f"{what}: {format_count(count)} ({format_percent(share)} of the row)"
    return svg.element("rect", at, svg.hint(said))
