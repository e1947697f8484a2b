"""What the points of a map are coloured by: groups in a few colours, or numbers along a scale."""

from __future__ import annotations

import datetime
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedsvc.classify.label_reading import text_of
from embedsvc.errors import InputError

# The first six are Okabe and Ito's (https://jfly.uni-koeln.de/color/), yellow left out as it is too
# pale on white. The others are those farthest from them and from each other to normal, red-blind,
# green-blind and blue-blind eyes, by the simulation of Machado et al., 2009.
LIGHT_COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00",
    "#56b4e9", "#7b1e2b", "#332288", "#7b72fd", "#6e475a",
)  # fmt: skip
DARK_COLOURS = (
    "#4a9fe0", "#ff8a3d", "#2fc293", "#f0a0cc", "#f5d060",
    "#9dfee3", "#a56612", "#6958f1", "#c9bcff", "#8a6795",
)  # fmt: skip
LIGHT_NONE, DARK_NONE = "#c3c1ba", "#4d535f"
"""Of points of no group, or without a number."""

# Nine stops of matplotlib's viridis (CC0); even in lightness, so that all eyes and printers can
# read it. Dark pages leave its darkest part out, white ones its brightest.
LIGHT_SCALE = (
    "#440154", "#482475", "#414487", "#355f8d", "#2a788e",
    "#21918c", "#22a884", "#44bf70", "#8cc63c",
)  # fmt: skip
DARK_SCALE = (
    "#4f4a9c", "#4263a8", "#357ba5", "#2a929b", "#27aa8a",
    "#44bf70", "#7ad151", "#bddf26", "#fde725",
)  # fmt: skip

NONE = -1
"""The group of what is in none."""

MOST_GROUPS = 1000
_MOST_LEVELS = 12  # different whole numbers that are taken for groups, such as stars
_OUTLYING = 1.5
NO_CLUSTER = "in no cluster"
_NO_VALUE = "no value"


@dataclass(frozen=True)
class Groups:
    """Points in groups.

    Attributes:
        name: what they are grouped by.
        names: of the groups: numbers in order, others by size, largest first.
        codes: the group of each point, int32 of shape (n,); -1 for none.
        none_name: what the points of no group are called.
    """

    name: str
    names: list[str]
    codes: NDArray[np.int32]
    none_name: str = _NO_VALUE

    @property
    def noun(self) -> str:
        """What one is called."""
        return "cluster" if self.none_name == NO_CLUSTER else "group"

    @property
    def counts(self) -> list[int]:
        """Points in each group."""
        inside = self.codes[self.codes >= 0]
        return [int(count) for count in np.bincount(inside, minlength=len(self.names))]

    @property
    def n_none(self) -> int:
        """Points in no group."""
        return int((self.codes == NONE).sum())


@dataclass(frozen=True)
class Measure:
    """Points with a number each.

    Attributes:
        name: of the numbers.
        values: float64 array of shape (n,), NaN where there is none.
        low: the number at the lower end of the scale; smaller ones have its colour.
        high: at the upper end; more than `low`.
    """

    name: str
    values: NDArray[np.float64]
    low: float
    high: float

    @property
    def middle(self) -> float:
        """The number in the middle of the scale."""
        return self.low + (self.high - self.low) / 2

    @property
    def shares(self) -> NDArray[np.float64]:
        """Where each lies on the scale, from 0 to 1; NaN where there is no number."""
        return np.clip((self.values - self.low) / (self.high - self.low), 0, 1)


Colouring = Groups | Measure


def colouring(name: str, values: Sequence[Any], *, of_clusters: bool = False) -> Colouring:
    """Tell whether values are groups or numbers.

    Args:
        name: of the column.
        values: one a point; None where there is none. Numbers are groups where they are whole and
            no more than 12 are different.
        of_clusters: they are numbers of clusters, however many; -1 is none.

    Raises:
        InputError: more than 1,000 groups.

    Example:
        >>> colouring("topic", ["a", "b", "b"]).names
        ['b', 'a']
    """
    kept = [value for value in map(_plain, values) if value is not None]
    are_numbers = bool(kept) and all(isinstance(value, int | float) for value in kept)
    distinct = set(kept) if are_numbers else set()
    are_levels = len(distinct) <= _MOST_LEVELS and all(value == int(value) for value in distinct)
    if are_numbers and not of_clusters and not are_levels:
        return _measure(name, values)
    return _groups(name, values, in_order=are_numbers and not of_clusters, of_clusters=of_clusters)


def spread_colours(
    places: NDArray[np.float32], counts: Sequence[int], *, n_colours: int = len(LIGHT_COLOURS)
) -> list[int]:
    """Colours of groups such that those near to each other on the map differ.

    Args:
        places: of the groups, shape (n_groups, 2).
        counts: points in each; the larger choose first.
        n_colours: how many there are.

    Returns:
        A number from 0 for each group: the first `n_colours` in order, where that is enough for
        all.
    """
    n = len(places)
    if n <= n_colours:
        return list(range(n))
    chosen = np.full(n, -1)
    for group in sorted(range(n), key=lambda one: (-counts[one], one)):
        away = np.hypot(*(places - places[group]).T)
        nearest = [away[chosen == colour].min(initial=math.inf) for colour in range(n_colours)]
        chosen[group] = int(np.argmax(nearest))
    return [int(colour) for colour in chosen]


def written(value: Any) -> str:
    """A value of a column as a text."""
    if isinstance(value, list):
        return ", ".join(map(written, value))
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    return text_of(value)


def _plain(value: Any) -> Any:
    """A value as a number, a text or None; NaN and the empty text are nothing."""
    if value is None or value == "" or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return written(value)
    return value


def _groups(name: str, values: Sequence[Any], *, in_order: bool, of_clusters: bool) -> Groups:
    keys = [_plain(value) for value in values]
    if of_clusters:
        keys = [None if key == NONE else key for key in keys]
    counts = Counter(key for key in keys if key is not None)
    if len(counts) > MOST_GROUPS:
        raise InputError(
            f"Expected numbers or up to {MOST_GROUPS:,} groups to colour by, got {len(counts):,} "
            f"different values in {name!r}. Choose another column."
        )
    order = sorted(counts) if in_order else sorted(counts, key=lambda key: (-counts[key], str(key)))
    place = {key: i for i, key in enumerate(order)}
    return Groups(
        name,
        [_group_name(key) for key in order],
        np.array([NONE if key is None else place[key] for key in keys], np.int32),
        NO_CLUSTER if of_clusters else _NO_VALUE,
    )


def _group_name(key: Any) -> str:
    return key if isinstance(key, str) else f"{key:g}" if key != int(key) else str(int(key))


def _measure(name: str, values: Sequence[Any]) -> Measure:
    plain = [_plain(value) for value in values]
    numbers = np.array([math.nan if value is None else float(value) for value in plain])
    finite = numbers[np.isfinite(numbers)]
    low, high = float(finite.min()), float(finite.max())
    inner_low, inner_high = (float(one) for one in np.quantile(finite, [0.01, 0.99]))
    # A few far numbers would leave one colour to all others.
    if high - low > _OUTLYING * (inner_high - inner_low) > 0:
        low, high = inner_low, inner_high
    return Measure(name, numbers, low, high if high > low else low + 1)
