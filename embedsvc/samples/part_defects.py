"""The defects of the sample parts: a scratch, a hole, a stain, each with its exact mask.

A drawer changes a surface where its `weight` is above 0 and nowhere else. Weights have soft edges
cut off where nobody would see them, so the mask is the visible change.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from embedsvc.samples.part_shapes import Floats, Window

_Doubles = NDArray[np.float64]
_Mask = NDArray[np.bool_]
_Drawer = Callable[[np.random.Generator, Floats, Floats, tuple[float, float]], tuple[Floats, _Mask]]
_LEAST_WEIGHT = 0.1
_PATH = np.linspace(-0.5, 0.5, 129)  # where the points of a scratch lie along it


def draw_scratch(
    rng: np.random.Generator, surface: Floats, clearance: Floats, light: tuple[float, float]
) -> tuple[Floats, _Mask]:
    """A thin bent line, bright on one side and dark on the other, that fades and skips.

    Args:
        rng: where all variation comes from.
        surface: RGB brightness, float32 of shape (height, width, 3).
        clearance: pixels to the nearest edge of the metal, negative off it, float32 of shape
            (height, width).
        light: unit vector (x, y) that points to the lamp.

    Returns:
        The changed surface, float32 of shape (height, width, 3), and where it changed, bool of
        shape (height, width).
    """
    length, width = rng.uniform(40, 105), rng.uniform(1.3, 2.1)
    path, normals = _curve(rng, _spot(rng, clearance, room=4.0), length)
    rows, columns, window = _window(path, surface, margin=4)
    to_right, to_down = columns - path[0, :, None, None], rows - path[1, :, None, None]
    nearest = (to_right**2 + to_down**2).argmin(axis=0)[None]  # (1, rows, columns)
    right, down = (np.take_along_axis(way, nearest, 0)[0] for way in (to_right, to_down))
    across_x, across_y = normals[:, nearest[0]]
    side = right * across_x + down * across_y  # signed distance from the line
    ahead = np.hypot(right, down) - np.abs(side)  # beyond an end
    weight = _pressure(rng)[nearest[0]] * np.clip(1.5 - np.abs(side) / width - ahead, 0, 1)
    weight = _seen(weight * np.clip(clearance[window], 0, 1))
    lit = np.tanh(0.4 - 1.2 * side * (across_x * light[0] + across_y * light[1]))
    change = rng.uniform(0.14, 0.30) * weight * lit
    return _apply(surface, window, lambda patch: patch + change[..., None], weight)


def draw_hole(
    rng: np.random.Generator, surface: Floats, clearance: Floats, light: tuple[float, float]
) -> tuple[Floats, _Mask]:
    """A small pit, out of round: dark within, with a bright rim away from the lamp.

    Arguments and results are those of `draw_scratch`.
    """
    radius = rng.uniform(2.8, 6.0)
    middle = _spot(rng, clearance, room=radius + 3)
    rows, columns, window = _window(middle, surface, margin=int(radius * 1.6) + 4)
    right, down = columns - middle[0], rows - middle[1]
    length = np.hypot(right, down)
    edge = length - _outline(rng, np.arctan2(down, right), radius, waves=(2, 3), swing=0.4)
    pit = np.clip(0.5 - edge / 1.8, 0, 1)
    away = -(right * light[0] + down * light[1]) / (length + 1e-6)
    rim = np.clip(1 - np.abs(edge - 0.9) / 1.5, 0, 1) * np.clip(away + 0.3, 0, 1)
    weight = _seen(np.maximum(pit, rim))
    depth, shine = rng.uniform(0.40, 0.75), rng.uniform(0.08, 0.22)
    dark = (1 - depth * pit * (0.75 - 0.25 * away) * (weight > 0))[..., None]
    bright = (shine * rim * (weight > 0))[..., None]
    return _apply(surface, window, lambda patch: patch * dark + bright, weight)


def draw_stain(
    rng: np.random.Generator, surface: Floats, clearance: Floats, light: tuple[float, float]
) -> tuple[Floats, _Mask]:
    """A dried drop of oil: an uneven brownish blot, darker along its edge.

    Arguments and results are those of `draw_scratch`; a stain looks the same under any light.
    """
    del light
    radius = rng.uniform(11, 23)
    middle = _spot(rng, clearance, room=6.0)
    rows, columns, window = _window(middle, surface, margin=int(radius * 1.9))
    right, down = columns - middle[0], rows - middle[1]
    outline = _outline(rng, np.arctan2(down, right), radius, waves=(2, 3, 4, 5, 6), swing=0.34)
    depth = (outline - np.hypot(right, down)) / radius  # 0 on the outline, positive within
    weight = np.clip(depth / 0.22 + 0.3, 0, 1) * (0.65 + 0.45 * np.exp(-((depth / 0.16) ** 2)))
    weight = _seen(weight * np.clip(clearance[window] / 1.5, 0, 1))
    absorbed = rng.uniform(0.35, 0.95) * np.array([0.16, 0.24, 0.38])
    return _apply(surface, window, lambda patch: patch * (1 - weight[..., None] * absorbed), weight)


DRAWERS: dict[str, _Drawer] = {"scratch": draw_scratch, "hole": draw_hole, "stain": draw_stain}


def _spot(rng: np.random.Generator, clearance: Floats, *, room: float) -> _Doubles:
    """A random point (x, y) of the metal with `room` pixels to every edge."""
    rows, columns = np.nonzero(clearance > room)
    choice = int(rng.integers(len(rows)))
    return np.array([columns[choice] + 0.5, rows[choice] + 0.5])


def _curve(rng: np.random.Generator, middle: _Doubles, length: float) -> tuple[_Doubles, _Doubles]:
    """Points of a bent line and its unit normals there, both (2, n)."""
    angle, bend = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.35)
    cos, sin = np.cos(angle), np.sin(angle)
    forward, sideways = length * _PATH, length * bend * _PATH**2
    path = middle[:, None] + [forward * cos - sideways * sin, forward * sin + sideways * cos]
    slope = 2 * bend * _PATH
    normals = np.array([-sin - slope * cos, cos - slope * sin])
    return path, normals / np.hypot(*normals)


def _pressure(rng: np.random.Generator) -> _Doubles:
    """How deep a scratch goes along its path: less at the ends, and it skips here and there."""
    steps = rng.uniform(0.4, 1.3, size=9)
    skips = np.interp(_PATH, np.linspace(-0.5, 0.5, 9), steps)
    return np.clip(skips, 0, 1) * np.clip(1.25 - (2.2 * _PATH) ** 2, 0, 1)


def _outline(
    rng: np.random.Generator,
    angle: _Doubles,
    radius: float,
    *,
    waves: tuple[int, ...],
    swing: float,
) -> _Doubles:
    """The radius of an uneven round thing in each direction."""
    outline = np.full(angle.shape, radius)
    for count in waves:
        height = radius * rng.uniform(0, swing) / count
        outline += height * np.cos(count * angle + rng.uniform(0, 2 * np.pi))
    return outline


def _seen(weight: _Doubles) -> _Doubles:
    return np.where(weight < _LEAST_WEIGHT, 0.0, weight)


def _window(path: _Doubles, surface: Floats, *, margin: int) -> tuple[_Doubles, _Doubles, Window]:
    """The middles of the pixels around one or more points (2, ...), and the cut-out they are."""
    height, width = surface.shape[:2]
    points = path.reshape(2, -1)
    left, top = np.maximum(points.min(axis=1).astype(int) - margin, 0)
    right, bottom = np.minimum(points.max(axis=1).astype(int) + margin + 1, [width, height])
    rows, columns = np.mgrid[top:bottom, left:right] + 0.5
    return rows, columns, (slice(top, bottom), slice(left, right))


def _apply(
    surface: Floats, window: Window, paint: Callable[[Floats], _Doubles], weight: _Doubles
) -> tuple[Floats, _Mask]:
    changed, mask = surface.copy(), np.zeros(surface.shape[:2], np.bool_)
    changed[window] = paint(surface[window])
    mask[window] = weight > 0
    return changed, mask
