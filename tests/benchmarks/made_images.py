"""Labelled anomaly sets for the benchmarks, made from what is on the machine: no downloads.

Textures are pictures inside the installed scikit-image, cut into crops, with planted defects.
Parts are our own generated ones, at any rotation. Different material guards against tuning to one
set.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

import numpy as np
import skimage
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from embedsvc.samples.parts import DEFECTS as PART_DEFECTS
from embedsvc.samples.parts import defective_part, normal_part

# Files of scikit-image's wheel, opened directly: its own loader would download what is missing.
TEXTURES = {"brick": "brick.png", "grass": "grass.png", "gravel": "gravel.png"}
TEXTURE_DEFECTS = ("patch", "blur", "scratch", "blob")
CROP = 256
N_TRAIN, N_TEST_GOOD, N_TEST_BAD = 80, 24, 24
_TRAIN_SHARE = 0.55

_Floats = NDArray[np.float32]


class AnomalySet(TypedDict):
    """Pictures with labels.

    Attributes:
        train: good pictures, uint8 RGB of shape (n_train, CROP, CROP, 3).
        test: good ones, then bad ones, uint8 RGB of shape (n_test, CROP, CROP, 3).
        labels: 0 good, 1 bad, int64 of shape (n_test,).
        masks: true on a defect, bool of shape (n_test, CROP, CROP).
        defects: "good" or the kind of defect of each test picture.
    """

    train: NDArray[np.uint8]
    test: NDArray[np.uint8]
    labels: NDArray[np.int64]
    masks: NDArray[np.bool_]
    defects: list[str]


def made_texture_set(name: str, seed: int = 0) -> AnomalySet:
    """Crops of a texture; train and test crops come from areas that do not touch.

    Args:
        name: one of `TEXTURES`.
        seed: other seeds give other crops and other defects.
    """
    rng = np.random.default_rng([list(TEXTURES).index(name), seed])
    train_area, test_area = _areas(name)
    others = [_areas(other)[1] for other in TEXTURES if other != name]
    train = [_finish(rng, _crop(rng, train_area)) for _ in range(N_TRAIN)]
    good = [_finish(rng, _crop(rng, test_area)) for _ in range(N_TEST_GOOD)]
    kinds = [TEXTURE_DEFECTS[i % len(TEXTURE_DEFECTS)] for i in range(N_TEST_BAD)]
    bad, masks = [], []
    for kind in kinds:
        crop = _crop(rng, test_area)
        planted, mask = _plant(rng, crop, kind, others)
        bad.append(_finish(rng, planted))
        masks.append(mask)
    return _together(train, good, bad, masks, kinds)


def parts_set(seed: int = 0, *, max_turn: float = 180.0) -> AnomalySet:
    """Rigid parts on a plain table, photographed at any rotation up to `max_turn` degrees."""
    rng = np.random.default_rng([1000, seed])
    train = [normal_part(rng, max_turn=max_turn) for _ in range(N_TRAIN)]
    good = [normal_part(rng, max_turn=max_turn) for _ in range(N_TEST_GOOD)]
    kinds = [PART_DEFECTS[i % len(PART_DEFECTS)] for i in range(N_TEST_BAD)]
    pairs = [defective_part(rng, kind, max_turn=max_turn) for kind in kinds]
    return _together(train, good, [pair[0] for pair in pairs], [pair[1] for pair in pairs], kinds)


def _together(
    train: list[NDArray[np.uint8]],
    good: list[NDArray[np.uint8]],
    bad: list[NDArray[np.uint8]],
    masks: list[NDArray[np.bool_]],
    kinds: list[str],
) -> AnomalySet:
    clean = [np.zeros((CROP, CROP), np.bool_) for _ in good]
    return AnomalySet(
        train=np.stack(train),
        test=np.stack(good + bad),
        labels=np.repeat(np.array([0, 1], np.int64), [len(good), len(bad)]),
        masks=np.stack(clean + masks),
        defects=["good"] * len(good) + kinds,
    )


def _areas(name: str) -> tuple[_Floats, _Floats]:
    """The top and the bottom of a texture, each float32 RGB of shape (height, width, 3)."""
    with Image.open(Path(skimage.__file__).parent / "data" / TEXTURES[name]) as file:
        image = file.convert("RGB")
    cut = int(_TRAIN_SHARE * image.height)
    # Enlarged apart from each other, so that no pixel knows of the other side.
    factor = max(1.0, 1.05 * CROP / (image.height - cut))
    sides = [
        image.crop((0, top, image.width, bottom)) for top, bottom in ((0, cut), (cut, image.height))
    ]
    train, test = (
        side.resize(
            (round(side.width * factor), round(side.height * factor)), Image.Resampling.BICUBIC
        )
        for side in sides
    )
    return np.asarray(train, np.float32), np.asarray(test, np.float32)


def _crop(rng: np.random.Generator, area: _Floats) -> _Floats:
    top = int(rng.integers(area.shape[0] - CROP + 1))
    left = int(rng.integers(area.shape[1] - CROP + 1))
    crop = area[top : top + CROP, left : left + CROP]
    return crop[:, ::-1] if rng.random() < 0.5 else crop


def _finish(rng: np.random.Generator, crop: _Floats) -> NDArray[np.uint8]:
    """The lamp and the camera of this picture."""
    grain = rng.normal(0, 2.0, size=(CROP, CROP, 1))
    return np.clip(crop * rng.normal(1, 0.04) + grain, 0, 255).round().astype(np.uint8)


def _plant(
    rng: np.random.Generator, crop: _Floats, kind: str, others: list[_Floats]
) -> tuple[_Floats, NDArray[np.bool_]]:
    weight = _line(rng) if kind == "scratch" else _blob(rng)
    sign = rng.choice([-1.0, 1.0])
    inside = weight > 0
    if kind == "patch":
        foreign = _crop(rng, others[rng.integers(len(others))])
        # Of the same brightness, so that only the pattern tells.
        foreign = foreign + (crop[inside].mean(axis=0) - foreign[inside].mean(axis=0))
        change = rng.uniform(0.8, 1.0) * (foreign - crop)
    elif kind == "blur":
        change = gaussian_filter(crop, (*[rng.uniform(2.5, 5.0)] * 2, 0)) - crop
    elif kind == "scratch":
        change = np.full_like(crop, sign * rng.uniform(2.0, 3.5) * crop.std())
    else:
        change = np.full_like(crop, sign * rng.uniform(0.9, 1.6) * crop.std())
    return crop + weight[..., None] * change, inside


def _blob(rng: np.random.Generator) -> _Floats:
    """A soft uneven spot, 1 in its middle and exactly 0 from its edge on, (CROP, CROP)."""
    radius = rng.uniform(22, 48)
    row, column = rng.uniform(radius, CROP - radius, size=2)
    rows, columns = np.mgrid[:CROP, :CROP]
    uneven = gaussian_filter(rng.standard_normal((CROP, CROP)), radius / 3)
    depth = 1 - np.hypot(rows - row, columns - column) / radius + 0.18 * uneven / uneven.std()
    depth[np.hypot(rows - row, columns - column) > 1.6 * radius] = 0
    return np.asarray(np.clip(depth / 0.25, 0, 1), np.float32)


def _line(rng: np.random.Generator) -> _Floats:
    """A thin bent line with soft edges, (CROP, CROP)."""
    angle, length, bend = rng.uniform(0, np.pi), rng.uniform(50, 140), rng.normal(0, 0.3)
    along = np.linspace(-0.5, 0.5, 400)
    row, column = rng.uniform(0.25 * CROP, 0.75 * CROP, size=2)
    rows = row + length * (along * np.sin(angle) + bend * along**2 * np.cos(angle))
    columns = column + length * (along * np.cos(angle) - bend * along**2 * np.sin(angle))
    kept = (rows >= 0) & (rows < CROP) & (columns >= 0) & (columns < CROP)
    line = np.zeros((CROP, CROP))
    line[rows[kept].astype(int), columns[kept].astype(int)] = 1
    soft = gaussian_filter(line, rng.uniform(0.8, 1.5))
    return np.asarray(np.clip(1.3 * soft / soft.max() - 0.3, 0, 1), np.float32)
