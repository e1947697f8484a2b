"""Pictures of a part that exists nowhere: a brushed bearing plate under a lamp, and its defects.

Every picture is computed, so a quick start needs no download and nobody's licence. From picture to
picture the plate shifts and turns a little, the lamp and the colours vary, and the marks of the
tools are new; the drawing of the part stays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedsvc.errors import InputError
from embedsvc.samples.part_defects import DRAWERS
from embedsvc.samples.part_shapes import Floats, Pose, band, circle, inside, rounded_square

PART_SIZE = 256
DEFECTS = ("scratch", "hole", "stain")

_HALF = PART_SIZE / 2
_PIXELS = np.arange(PART_SIZE, dtype=np.float32) + np.float32(0.5)  # middles along one side

# The drawing, in part units: see part_shapes. Holes are (x, y, radius).
_PLATE, _CORNER = 0.80, 0.17
_BOSS, _GROOVE = 0.55, 0.42
_BORE = (0.0, 0.0, 0.27)
_BOLTS = [(x, y, 0.085) for x in (-0.59, 0.59) for y in (-0.59, 0.59)]
_PIN = (0.0, -0.675, 0.036)
_TAPPED = [(0.0, -0.485, 0.028), (-0.42, 0.2425, 0.028), (0.42, 0.2425, 0.028)]


def normal_part(rng: np.random.Generator, *, max_turn: float = 0.5) -> NDArray[np.uint8]:
    """A picture of a faultless part.

    Args:
        rng: where all variation comes from; the same state gives the same picture.
        max_turn: the part is turned by at most this many degrees either way; 180 is any rotation.

    Returns:
        RGB picture, uint8 of shape (PART_SIZE, PART_SIZE, 3).

    Example:
        >>> normal_part(np.random.default_rng(0)).shape
        (256, 256, 3)
    """
    scene = _draw_scene(rng, max_turn)
    return _expose(scene.surface, scene.grain)


def defective_part(
    rng: np.random.Generator, defect: str, *, max_turn: float = 0.5
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A picture of a part with one defect, and where the defect is.

    Outside the mask it equals what `normal_part` makes of a generator in the same state.

    Args:
        rng: where all variation comes from; the same state gives the same picture.
        defect: one of `DEFECTS`.
        max_turn: as for `normal_part`.

    Returns:
        RGB picture, uint8 of shape (PART_SIZE, PART_SIZE, 3), and bool mask of shape
        (PART_SIZE, PART_SIZE), true on the defect.

    Raises:
        InputError: there is no such defect.
    """
    if defect not in DEFECTS:
        raise InputError(
            f"Expected a defect out of {', '.join(DEFECTS)}, got {defect!r}. Choose one of these."
        )
    scene = _draw_scene(rng, max_turn)
    surface, mask = DRAWERS[defect](rng, scene.surface, scene.clearance, scene.light)
    return _expose(surface, scene.grain), mask


@dataclass(frozen=True)
class _Scene:
    """A part before the camera.

    Attributes:
        surface: RGB brightness in 0..1, float32 of shape (height, width, 3).
        grain: noise of the camera, float32 of shape (height, width, 1).
        clearance: pixels to the nearest edge of the metal, float32 of shape (height, width);
            negative off the metal.
        light: unit vector (x, y) of the picture that points to the lamp.
    """

    surface: Floats
    grain: Floats
    clearance: Floats
    light: tuple[float, float]


def _draw_scene(rng: np.random.Generator, max_turn: float) -> _Scene:
    turn = float(np.deg2rad(rng.uniform(-max_turn, max_turn)))
    lamp = np.deg2rad(rng.normal(-125.0, 4.0))
    light = (float(np.cos(lamp)), float(np.sin(lamp)))
    pose = _place(rng, turn, float(np.deg2rad(max_turn)), light)
    plate, plate_facing = rounded_square(pose, _PLATE, _CORNER)
    metal = _metal(rng, pose, turn)
    # An edge that looks to the lamp is bright, one that looks away is dark.
    metal += 0.30 * plate_facing * band(plate + 0.018, 0.014)
    metal, clearance = _drill_all(pose, metal, -plate)
    warmth = float(rng.normal(0.0, 0.012))
    tint = np.array([0.985 + warmth, 1.0, 1.02 - warmth], np.float32)
    cover = inside(plate, pose.scale)[..., None]
    surface = _table(pose, plate) * (1 - cover) + metal[..., None] * tint * cover
    return _Scene(
        surface=surface * _lighting(rng)[..., None],
        grain=rng.standard_normal((PART_SIZE, PART_SIZE, 1), np.float32) * np.float32(0.011),
        clearance=clearance * np.float32(pose.scale),
        light=light,
    )


def _place(
    rng: np.random.Generator, turn: float, max_turn: float, light: tuple[float, float]
) -> Pose:
    # A part that may turn far is photographed from farther away: its corners need the room.
    lean = np.cos(np.pi / 4 - min(max_turn, np.pi / 4))
    reach = (_PLATE - _CORNER) * np.sqrt(2) * lean + _CORNER
    scale = _HALF * min(1.0, 0.93 / float(reach)) * float(rng.uniform(0.998, 1.002))
    middle_x, middle_y = _HALF + rng.uniform(-0.8, 0.8, size=2)
    right = ((_PIXELS - float(middle_x)) / scale)[None, :]
    down = ((_PIXELS - float(middle_y)) / scale)[:, None]
    cos, sin = float(np.cos(turn)), float(np.sin(turn))
    return Pose(
        x=right * cos + down * sin,
        y=down * cos - right * sin,
        scale=scale,
        light=(light[0] * cos + light[1] * sin, light[1] * cos - light[0] * sin),
    )


def _metal(rng: np.random.Generator, pose: Pose, turn: float) -> Floats:
    """Brightness of the plate and its boss before drilling, (height, width)."""
    radius, facing = circle(pose, 0.0, 0.0)
    face = _brushed(rng, pose, turn)
    boss = inside(radius - _BOSS, pose.scale)
    metal = face + boss * (_turned(rng, radius, facing, pose.scale) - face)
    metal += 0.30 * facing * band(radius - _BOSS, 0.012)
    metal -= 0.10 * band(radius - _BOSS - 0.02, 0.02)  # dirt in the corner below the boss
    metal -= (0.20 + 0.16 * facing) * band(radius - _GROOVE, 0.013)
    return np.asarray(metal, np.float32)


def _drill_all(pose: Pose, metal: Floats, clearance: Floats) -> tuple[Floats, Floats]:
    """All holes sunk into the metal, and the clearance in part units, both (height, width)."""
    metal, clearance = metal.copy(), clearance.copy()
    for x, y, radius in (_BORE, *_BOLTS, _PIN, *_TAPPED):
        window = pose.around(x, y, 1.5 * radius + 0.1)
        edge, towards = circle(pose.cut(window), x, y)
        edge -= np.float32(radius)
        metal[window] = _drill(metal[window], edge, towards, pose.scale, 0.010 + 0.12 * radius)
        clearance[window] = np.minimum(clearance[window], edge)
    return metal, clearance


def _drill(metal: Floats, edge: Floats, towards: Floats, scale: float, chamfer: float) -> Floats:
    """Sink a hole; `edge` is the distance to its rim and `towards` how far it looks to the lamp."""
    rim = inside(edge - chamfer, scale) - inside(edge, scale)
    # Chamfer and wall slope inwards: they catch the light on the side away from the lamp.
    metal = metal + rim * (0.50 - 0.28 * towards - metal)
    wall = np.exp(np.minimum(edge, 0) / 0.05) * np.maximum(-towards, 0)
    return np.asarray(metal + inside(edge, scale) * (0.07 + 0.30 * wall - metal), np.float32)


def _brushed(rng: np.random.Generator, pose: Pose, turn: float) -> Floats:
    """The flat face: white noise drawn out along x of the part, and a soft sheen across."""
    down = np.fft.fftfreq(PART_SIZE).astype(np.float32)[:, None]
    right = np.fft.rfftfreq(PART_SIZE).astype(np.float32)[None, :]
    along = right * float(np.cos(turn)) + down * float(np.sin(turn))
    across = down * float(np.cos(turn)) - right * float(np.sin(turn))
    fine, broad = band(along, 0.011) * band(across, 0.28), band(along, 0.004) * band(across, 0.03)
    noise = np.fft.rfft2(rng.standard_normal((PART_SIZE, PART_SIZE), np.float32))
    streaks = np.fft.irfft2(noise * (fine + 2.5 * broad), s=(PART_SIZE, PART_SIZE))
    streaks = (0.017 / streaks.std()) * streaks
    sheen = band(pose.y - float(rng.normal(-0.25, 0.06)), 0.55)
    return np.asarray(0.50 + 0.10 * sheen + streaks, np.float32)


def _turned(rng: np.random.Generator, radius: Floats, facing: Floats, scale: float) -> Floats:
    """The boss, cut on a lathe: fine circles that shine along the direction of the lamp."""
    circles = rng.standard_normal(PART_SIZE).astype(np.float32)
    ridges = np.interp(radius * np.float32(scale * 1.2), np.arange(PART_SIZE), circles)
    shine = facing**2
    return np.asarray(0.46 + 0.20 * shine**2 + (0.014 + 0.016 * shine) * ridges, np.float32)


def _table(pose: Pose, plate: Floats) -> Floats:
    """The matt table with the shadow of the plate, RGB of shape (height, width, 3)."""
    cast = pose.moved(-0.05 * pose.light[0], -0.05 * pose.light[1])
    shadow = np.clip(1 - (rounded_square(cast, _PLATE, _CORNER)[0] + 0.02) / 0.09, 0, 1)
    contact = np.exp(-np.maximum(plate, 0) / 0.03)
    grey = 0.265 * (1 - 0.50 * shadow**2) * (1 - 0.25 * contact)
    return np.asarray(grey[..., None] * np.array([0.92, 1.0, 1.09], np.float32), np.float32)


def _lighting(rng: np.random.Generator) -> Floats:
    """Gain, slope and the darker corners of a lens, (height, width)."""
    offsets = (_PIXELS - _HALF) / _HALF
    rows, columns = offsets[:, None], offsets[None, :]
    slope_x, slope_y = rng.normal(-0.05, 0.025, size=2)
    gain = 1 + float(rng.normal(0.0, 0.04)) + float(slope_x) * columns + float(slope_y) * rows
    return np.asarray(gain * (1 - 0.09 * (rows**2 + columns**2)), np.float32)


def _expose(surface: Floats, grain: Floats) -> NDArray[np.uint8]:
    return np.asarray(np.rint(np.clip(surface + grain, 0, 1) * 255), np.uint8)
