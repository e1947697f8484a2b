"""A tiny labelled dataset on the disk, and detectors that need no learning."""

from pathlib import Path

import numpy as np
from PIL import Image

from embedsvc.detectors.base import ScoredBatch
from embedsvc.detectors.calibration import Calibration
from embedsvc.images.decode import decode_image
from embedsvc.images.prepare import Preparation

SIDE = 64
N_TRAIN, N_GOOD, N_HOLES, N_STAINS = 24, 10, 4, 2


def picture(rng, *, defect=None):
    """Stripes; a defect is a square of another pattern and of the same brightness."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    turned, moved = rng.uniform(0, 0.3), rng.uniform(0, 6)
    waves = 40 * np.sin(columns / 3 + turned * rows / 3 + moved)
    mask = np.zeros((SIDE, SIDE), bool)
    if defect is not None:
        row, column = rng.integers(4, SIDE - 24, size=2)
        mask[row : row + 20, column : column + 20] = True
        other = 40 * np.sin(rows) if defect == "hole" else 40 * np.sin(columns * rows / 30)
        waves[mask] = other[mask]
    level = rng.uniform(120, 140)
    levels = level + waves - waves.mean() + rng.normal(0, 5, (SIDE, SIDE))
    return levels.clip(0, 255).astype(np.uint8), mask


def make_dataset(folder: Path, *, seed: int = 0) -> Path:
    """In the layout of MVTec AD, with masks: 24 normals to learn from, 10 normals and 6 defects."""
    rng = np.random.default_rng(seed)
    for kind, count, defect in (
        ("train/good", N_TRAIN, None),
        ("test/good", N_GOOD, None),
        ("test/hole", N_HOLES, "hole"),
        ("test/stain", N_STAINS, "stain"),
    ):
        for number in range(count):
            levels, mask = picture(rng, defect=defect)
            save(folder / kind / f"{number:02d}.png", levels)
            if defect is not None:
                truth = folder / "ground_truth" / defect / f"{number:02d}_mask.png"
                save(truth, np.uint8(255 * mask))
    return folder


def save(path: Path, levels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(levels).save(path)
    return path


class FakeDetector:
    """Scores are a function of the levels, and maps are squared deviations from their mean."""

    needs_anomalies = False

    def __init__(self, score, *, has_maps=False, threshold=0.0, suspects=(), events=None):
        self.score, self.has_maps = score, has_maps
        self.threshold_ = threshold
        self.suspects_ = np.array(suspects, np.int64)
        self.calibration_ = Calibration(threshold, np.zeros(20), 0.05, "")
        self.calibration_scores_ = np.zeros(20)
        self.map_range_ = (0.0, 1000.0) if has_maps else None
        self.preparation = Preparation(SIDE, SIDE)
        self.events = [] if events is None else events
        self.state_ = {"a": np.zeros(10, np.float32), "b": np.zeros((2, 3))}

    def describe(self):
        return {"model": "fake", "size": (64, 64)}

    def get_params(self):
        return {"path": Path("x"), "number": np.float64(0.5)}

    def fit(self, images, y=None, *, groups=None, show_progress=False):
        self.events.append(("fit", [str(path) for path in images], y, groups))
        return self

    def score_stream(self, images, *, with_maps=False, advance=lambda count: None):
        for i, path in enumerate(images):
            levels = decode_image(path)[..., 0].astype(np.float32)
            found = (levels - levels.mean())[None] ** 2
            advance(1)
            yield ScoredBatch(
                np.array([i]),
                np.array([self.score(levels, path)]),
                np.array([levels.shape]),
                found if with_maps else None,
            )


class FakeRegressor(FakeDetector):
    needs_anomalies = True
