"""Small pictures of striped parts, good ones and ones with a blot, and how results are read."""

import csv
import json

import numpy as np
from PIL import Image

# Of no result: they differ from run to run.
TIMES = ("seconds", "ms_per_image", "trained_at")


def good_part(seed, *, size=64):
    rng = np.random.default_rng(seed)
    columns = np.arange(size) + rng.uniform(0, 2)
    stripes = 120 + 60 * np.sin(columns * 0.6)
    grey = np.tile(stripes, (size, 1)) + rng.normal(0, 6, (size, size))
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def bad_part(seed, *, size=64):
    """With a bright blot anywhere and a dark line, so that no two look alike."""
    pixels = good_part(seed, size=size)
    top, left, line = np.random.default_rng(seed).integers(0, size - size // 4, 3)
    pixels[top : top + size // 4, left : left + size // 4] = 250
    pixels[line : line + 3] = 0
    return pixels


def write_part(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def write_good(folder, count, *, first=0):
    return [write_part(folder / f"{i:03}.png", good_part(first + i)) for i in range(count)]


def write_bad(folder, count, *, first=500):
    return [write_part(folder / f"{i:03}.png", bad_part(first + i)) for i in range(count)]


def write_mvtec(folder, *, normal=30, good=6, bad=6):
    write_good(folder / "train" / "good", normal)
    write_good(folder / "test" / "good", good, first=1000)
    write_bad(folder / "test" / "blot", bad)
    mask = np.zeros((64, 64), np.uint8)
    mask[16:32, 16:32] = 255
    for i in range(bad):
        path = folder / "ground_truth" / "blot" / f"{i:03}_mask.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(path)
    return folder


def read_rows(output):
    with (output / "scores.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_metrics(output):
    def refuse(word):
        raise AssertionError(f"{word} is no strict JSON")

    return json.loads((output / "metrics.json").read_text(), parse_constant=refuse)


def without_times(metrics):
    return {key: value for key, value in metrics.items() if key not in TIMES}
