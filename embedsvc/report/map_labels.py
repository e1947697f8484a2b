"""Where the names of groups stand on a map, and that none covers another."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from embedsvc.report.shown_text import shown_label

MOST_LABEL = 44
_ONE_LINE = 16  # characters
_COMMA = 4
_LOOKED_AT = 400  # points of a group
_NEAR = 0.04  # of the extent of the map
_BREAKS = re.compile(r"(?<=[\s_,/|;:-])")

Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""


# As in map_over.js: in halves of the label's own size, upwards first.
SHIFTS = (
    (0, 1.6), (0, -1.6), (0, 0), (1.1, 0.9), (-1.1, 0.9), (1.1, -0.9), (-1.1, -0.9),
    (1.2, 0), (-1.2, 0), (0, 2.6), (0, -2.6),
)  # fmt: skip


def group_places(
    places: NDArray[np.float32], codes: NDArray[np.int32], n: int
) -> NDArray[np.float32]:
    """The middle of the densest part of each group: where it is, even if it lies on several isles.

    Args:
        places: of the points, shape (n_points, 2).
        codes: the group of each point, shape (n_points,).
        n: how many groups.

    Returns:
        Float32 array of shape (n, 2); (0, 0) for a group without points.
    """
    found = np.zeros((n, 2), np.float32)
    if not len(places):
        return found
    reach = _NEAR * float(np.ptp(places, axis=0).max())
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(n + 1))
    for group in range(n):
        own = places[order[starts[group] : starts[group + 1]]]
        if len(own):
            own = own[:: -(-len(own) // _LOOKED_AT)]
            near = np.hypot(*(own[:, np.newaxis] - own).transpose(2, 0, 1)) <= reach
            found[group] = own[near[near.sum(axis=1).argmax()]].mean(axis=0)
    return found


def label_lines(name: str) -> list[str]:
    """A name in one line, or in two of about the same length where it is long.

    Example:
        >>> label_lines("card_payment_wrong_exchange_rate")
        ['card_payment_', 'wrong_exchange_rate']
    """
    label = shown_label(name, MOST_LABEL)
    if len(label) <= _ONE_LINE:
        return [label]
    breaks = [part.start() for part in _BREAKS.finditer(label) if 2 < part.start() < len(label) - 2]
    if not breaks:
        return [label]

    def cost(at: int) -> float:
        # Words of a list part better at a comma.
        return abs(at - len(label) / 2) - (_COMMA if "," in label[at - 2 : at] else 0)

    middle = min(breaks, key=cost)
    return [label[:middle].rstrip(), label[middle:].lstrip()]


def place_labels(
    anchors: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    frame: Box,
    *,
    points: NDArray[np.float64] | None = None,
    margin: float = 2.0,
    shifts: Sequence[tuple[float, float]] = SHIFTS,
    taken: Sequence[Box] = (),
) -> list[tuple[float, float] | None]:
    """Centres of labels, beside their anchors where they cover the fewest points.

    Args:
        anchors: where labels belong, the most important first.
        sizes: width and height of each.
        frame: which they do not leave.
        points: what is better not covered, shape (n, 2).
        margin: kept free around each.
        shifts: where they may stand, in halves of their own size; by default beside the anchor.
        taken: boxes that stand there already.

    Returns:
        A centre for each label, none of which covers another; None where there is no room.
    """
    taken = list(taken)
    centres: list[tuple[float, float] | None] = []
    for anchor, (width, height) in zip(anchors, sizes, strict=True):
        half = (width / 2 + margin, height / 2 + margin)
        free = [
            (_crowd(box, points) + _AWAY * float(np.hypot(dx, dy)), box)
            for dx, dy in shifts
            if _is_free(box := _box(anchor, half, (dx, dy), frame), frame, taken)
        ]
        if not free:
            centres.append(None)
            continue
        box = min(free, key=lambda one: one[0])[1]
        taken.append(box)
        centres.append(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2))
    return centres


_AWAY = 3.0  # points that may be covered to stand nearer by half of the label's size


def _box(
    anchor: tuple[float, float], half: tuple[float, float], shift: tuple[float, float], frame: Box
) -> Box:
    x = min(max(anchor[0] + shift[0] * half[0], frame[0] + half[0]), frame[2] - half[0])
    y = min(max(anchor[1] + shift[1] * half[1], frame[1] + half[1]), frame[3] - half[1])
    return x - half[0], y - half[1], x + half[0], y + half[1]


def _is_free(box: Box, frame: Box, taken: Sequence[Box]) -> bool:
    # A label larger than the frame would have been pushed out of it.
    is_inside = box[0] >= frame[0] - 1e-6 and box[1] >= frame[1] - 1e-6
    return is_inside and not any(_overlap(box, other) for other in taken)


def _crowd(box: Box, points: NDArray[np.float64] | None) -> int:
    if points is None:
        return 0
    x, y = points[:, 0], points[:, 1]
    return int(((x > box[0]) & (x < box[2]) & (y > box[1]) & (y < box[3])).sum())


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
