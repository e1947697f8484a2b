"""What a detector has learned, as a whole: set at once, saved at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedsvc.detectors.calibration import Calibration
from embedsvc.errors import ArtifactError

State = dict[str, NDArray[Any]]
Shape = tuple[int | str, ...]
"""Lengths of an array; a name stands for a length that is free, and the same wherever it stands."""


@dataclass(frozen=True)
class Learned:
    """All that fitting finds out.

    Attributes:
        state: named arrays that scores are computed from.
        calibration: the threshold and the scores it rests on.
        suspects: positions of training images that are probably anomalies, int64 of shape (n,).
        descriptors: of the normal images, to find their copies among others; float32 of shape
            (n_normal, dim).
        map_range: what is normal on a map and what hardly any normal cell exceeds.
        n_images: images learned from, those that chose the threshold included.
        trained_at: when, in UTC, such as "2026-01-31T12:00:00+00:00".
        fit_seconds: how long it took.
    """

    state: State
    calibration: Calibration
    suspects: NDArray[np.int64]
    descriptors: NDArray[np.float32]
    map_range: tuple[float, float] | None
    n_images: int
    trained_at: str
    fit_seconds: float


def part_of(state: State, prefix: str) -> State:
    """The arrays whose names begin with a prefix, by the rest of their names."""
    return {
        name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)
    }


def check_shapes(state: State, expected: dict[str, Shape]) -> None:
    """Compare arrays with what a detector says of them.

    Raises:
        ArtifactError: an array is missing, not known, or of another shape; the message names it.
    """
    for what, names in (
        ("without", sorted(expected.keys() - state.keys())),
        ("with an unknown", sorted(state.keys() - expected.keys())),
    ):
        if names:
            raise ArtifactError(
                f"Expected the arrays {', '.join(expected)}, got a detector {what} "
                f"{', '.join(names)}. Save the detector again."
            )
    lengths: dict[str, int] = {}
    for name, shape in expected.items():
        _check_shape(name, state[name].shape, shape, lengths)


def _check_shape(
    name: str, found: tuple[int, ...], expected: Shape, lengths: dict[str, int]
) -> None:
    """Compare one shape; `lengths` gathers what the free lengths are."""
    valid = len(found) == len(expected) and 0 not in found
    for length, wanted in zip(found, expected, strict=False):
        known = lengths.setdefault(wanted, length) if isinstance(wanted, str) else wanted
        valid = valid and length == known
    if not valid:
        words = ", ".join(f"{one} = {lengths[one]}" for one in expected if one in lengths)
        raise ArtifactError(
            f"Expected {name} of shape {_written(expected)}{f' with {words}' if words else ''}, "
            f"got {found}. Save the detector again."
        )


def _written(shape: Shape) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
