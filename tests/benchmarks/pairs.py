"""Points found again in another picture: descriptors without learning, untrained and trained ones.

    python tests/benchmarks/pairs.py --data FOLDER [--model FOLDER ...] [--baselines raw,sift,...]

`--data` (or the environment variable EMBEDSVC_DATA, with oxford_affine/) holds sequences in the
layout of the Oxford affine data: folders with img1.*, imgK.* and matches_1_K.csv, whose header is
x1,y1,x2,y2. `--model` takes what `embedsvc train-pairs` writes, and names of image models, such as
efficientnet-lite0, whose untrained features are measured then.

For each pair and as means of each sequence: the share of points whose most similar descriptor
among those of the other picture lies within 1, 3, 5 and 10 pixels of the true match; the average
precision (`matching_ap`, right within 5 px); and how long describing one picture's points takes,
after a first call that does not count.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from numpy.typing import NDArray

from embedsvc.evaluation.matching import matching_accuracy, matching_ap
from embedsvc.images.decode import decode_image
from embedsvc.pairs.baselines import BASELINES
from embedsvc.pairs.pair import Describer, Points

THRESHOLDS = (1, 3, 5, 10)
HEADER = "".join(f"{limit:>3} px " for limit in THRESHOLDS) + "   AP    ms an image"


@dataclass(frozen=True)
class Pair:
    sequence: str
    name: str
    image_a: NDArray[np.uint8]
    image_b: NDArray[np.uint8]
    points_a: Points
    points_b: Points


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=default_data())
    parser.add_argument("--model", nargs="+", default=[], help="folders, or names of image models")
    parser.add_argument("--baselines", default=",".join(BASELINES), help='"" for none')
    args = parser.parse_args()
    names = [name for name in args.baselines.split(",") if name]
    unknown = sorted(set(names) - set(BASELINES))
    if unknown:
        parser.error(f"--baselines out of {', '.join(BASELINES)}, got {', '.join(unknown)}")
    if args.data is None or not matches_in(args.data):
        parser.error(f"--data with folders that hold img1.* and matches_1_K.csv, got {args.data}")
    describers = [BASELINES[name]() for name in names] + loaded(args.model)
    width = max(len(describer.name) for describer in describers)
    figures: dict[tuple[str, int], list[NDArray[np.float64]]] = {}
    for pair in read_pairs(args.data):
        print(f"\n{pair.name + f', {len(pair.points_a)} points':<{width + 2}}  {HEADER}")
        for row, describer in enumerate(describers):
            found = measured(describer, pair, warm_up=(pair.sequence, row) not in figures)
            figures.setdefault((pair.sequence, row), []).append(found)
            show(describer.name, found, width)
    for sequence in dict.fromkeys(sequence for sequence, _ in figures):
        n_pairs = len(figures[sequence, 0])
        print(f"\n{f'{sequence}, mean of {n_pairs} pairs':<{width + 2}}  {HEADER}")
        for row, describer in enumerate(describers):
            show(describer.name, np.mean(figures[sequence, row], axis=0), width)


def default_data() -> Path | None:
    data = os.environ.get("EMBEDSVC_DATA")
    return Path(data, "oxford_affine") if data else None


def loaded(models: list[str]) -> list[Describer]:
    if not models:
        return []
    from embedsvc.jobs.describers import load_describer

    return [load_describer(model) for model in models]


def matches_in(data: Path) -> list[Path]:
    files = data.rglob("matches_1_*.csv")
    return sorted(files, key=lambda file: (file.parent, int(file.stem.rpartition("_")[2])))


def read_pairs(data: Path) -> Iterator[Pair]:
    for file in matches_in(data):
        number = file.stem.rpartition("_")[2]
        matches = np.loadtxt(file, np.float32, delimiter=",", skiprows=1, ndmin=2)
        image_a, image_b = (decode_image(picture(file.parent, k)) for k in ("1", number))
        yield Pair(
            file.parent.name,
            f"{file.parent.name} 1-{number}",
            image_a,
            image_b,
            matches[:, :2],
            matches[:, 2:],
        )


def picture(folder: Path, number: str) -> Path:
    found = sorted(folder.glob(f"img{number}.*"))
    if len(found) != 1:
        raise SystemExit(f"{folder}: expected one picture img{number}.*, got {len(found)}")
    return found[0]


def measured(describer: Describer, pair: Pair, *, warm_up: bool) -> NDArray[np.float64]:
    """Shares by threshold, the average precision, and milliseconds an image."""
    if warm_up:
        describer.describe(pair.image_a, pair.points_a)
    start = time.perf_counter()
    vectors_a = describer.describe(pair.image_a, pair.points_a)
    vectors_b = describer.describe(pair.image_b, pair.points_b)
    each = 1000 * (time.perf_counter() - start) / 2
    shares = matching_accuracy(vectors_a, vectors_b, pair.points_b, thresholds=THRESHOLDS)
    return np.array([*shares.values(), matching_ap(vectors_a, vectors_b, pair.points_b), each])


def show(name: str, figures: NDArray[np.float64], width: int) -> None:
    *shares, precision, each = figures
    told = "".join(f"{share:6.3f} " for share in shares)
    print(f"  {name:<{width}}  {told}{precision:6.3f} {each:11.0f}", flush=True)


if __name__ == "__main__":
    main()
