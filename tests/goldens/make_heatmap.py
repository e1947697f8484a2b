"""Make embedsvc/samples/heatmap.jpg, the README's picture: sample parts and where they are bad.

Run by hand: python tests/goldens/make_heatmap.py
"""

from pathlib import Path

import numpy as np
from PIL import Image

import embedsvc
from embedsvc.jobs.pictures import shown_range
from embedsvc.report.heatmap import overlay
from embedsvc.samples.parts import DEFECTS, defective_part, normal_part

PICTURE = Path(embedsvc.__file__).parent / "samples" / "heatmap.jpg"
GAP = 8


def main() -> None:
    """Learn from 80 good parts, and draw one of each defect above its heat map."""
    generator = np.random.default_rng(7)
    detector = embedsvc.detectors.PatchCore().fit([normal_part(generator) for _ in range(80)])
    parts = [defective_part(generator, defect)[0] for defect in DEFECTS]
    low, high = shown_range(detector.map_range_)
    columns = []
    for part, anomaly_map in zip(parts, detector.anomaly_map(parts), strict=True):
        restored = detector.preparation.restore_map(anomaly_map, part.shape[:2])
        columns.append(
            np.concatenate([_framed(part), _framed(overlay(part, restored, low=low, high=high))])
        )
    Image.fromarray(np.concatenate(columns, axis=1)).save(PICTURE, quality=82, optimize=True)


def _framed(picture: np.ndarray) -> np.ndarray:
    return np.pad(picture, ((0, GAP), (0, GAP), (0, 0)), constant_values=255)


if __name__ == "__main__":
    main()
