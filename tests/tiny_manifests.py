"""Pairs of small pictures with matching points, and manifests of them."""

from pathlib import Path

import numpy as np
from PIL import Image

POINTS = np.stack(np.meshgrid(np.arange(4) * 10, np.arange(3) * 10), -1).reshape(-1, 2) + 4.0
SHIFT = np.array([3.0, 2.0])


def draw_picture(path: Path, height: int = 40, width: int = 60, mode: str = "RGB", **save) -> Path:
    """Smooth colours, so that JPEG and resizing change little; other at every place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[:height, :width]
    red, green = 255 * x / width, 255 * y / height
    pixels = np.stack([red, green, np.full_like(red, len(path.name))], -1).astype(np.uint8)
    Image.fromarray(pixels).convert(mode).save(path, **save)
    return path


def write_matches(path: Path, points=POINTS, header: bool = True) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["x1,y1,x2,y2"] * header
    lines += [",".join(f"{value:g}" for value in (*one, *(one + SHIFT))) for one in points]
    path.write_text("\n".join(lines))
    return path


def write_manifest(folder: Path, *rows: str, header: str = "image_a,image_b,matches") -> Path:
    path = folder / "pairs.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def make_pairs(folder: Path, sequences: dict[str, int]) -> Path:
    """A manifest with pairs of a first picture and each of the others, in a folder a sequence."""
    rows = []
    for name, n_pairs in sequences.items():
        draw_picture(folder / name / "1.png")
        for other in range(2, n_pairs + 2):
            draw_picture(folder / name / f"{other}.jpg", 48, 64)
            write_matches(folder / name / f"m{other}.csv")
            rows.append(f"{name}/1.png,{name}/{other}.jpg,{name}/m{other}.csv")
    return write_manifest(folder, *rows)
