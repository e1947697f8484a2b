"""Points found again in another picture: descriptors without learning, untrained and trained ones.

    python tests/benchmarks/pairs.py --data FOLDER [--model FOLDER ...] [--baselines raw,sift,...]

`--data` (or the environment variable EMBEDSVC_DATA, with oxford_affine/) holds sequences in the
layout of the Oxford affine data: folders with img1.*, imgK.* and matches_1_K.csv, whose header is
x1,y1,x2,y2. `--model` takes what `embedsvc train-pairs` writes, and names of image models, such as
efficientnet-lite0, whose untrained features are measured then.

For each pair and as means of each sequence, see `embedsvc.pairs.measuring.evaluate`: the share of
points whose most similar descriptor among those of the other picture lies within 1, 3, 5 and 10
pixels of the true match; the average precision (right within 5 px); and how long describing one
picture's points takes. `embedsvc pairs evaluate` measures packed pairs in the same way.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from embedsvc.jobs.describers import load_describer
from embedsvc.pairs.baselines import BASELINES
from embedsvc.pairs.measuring import evaluate
from embedsvc.pairs.pair import MatchedPair
from embedsvc.pairs.pairs_evaluation import Figures, PairsEvaluation
from embedsvc.progress import progress_bar
from embedsvc.report.pairs_text import format_means


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
    describers = {name: load_describer(name) for name in [*names, *args.model]}
    total = len(matches_in(args.data)) * len(describers)
    with progress_bar("Measuring", total=total, unit="measurements") as advance:
        evaluation = evaluate(read_pairs(args.data), describers, advance=advance)
    show_pairs(evaluation)
    for sequence, n_pairs in evaluation.sequences.items():
        print(f"\n{sequence}, mean of {n_pairs} pairs")
        for model in evaluation.models:
            show(model, evaluation.mean(model, sequence), evaluation)
    print(f"\n{format_means(evaluation)}")


def default_data() -> Path | None:
    data = os.environ.get("EMBEDSVC_DATA")
    return Path(data, "oxford_affine") if data else None


def matches_in(data: Path) -> list[Path]:
    files = data.rglob("matches_1_*.csv")
    return sorted(files, key=lambda file: (file.parent, int(file.stem.rpartition("_")[2])))


def read_pairs(data: Path) -> Iterator[MatchedPair]:
    for file in matches_in(data):
        number = file.stem.rpartition("_")[2]
        matches = np.loadtxt(file, np.float32, delimiter=",", skiprows=1, ndmin=2)
        yield MatchedPair(
            f"{file.parent.name} 1-{number}",
            picture(file.parent, "1").read_bytes(),
            picture(file.parent, number).read_bytes(),
            matches[:, :2],
            matches[:, 2:],
            file.parent.name,
        )


def picture(folder: Path, number: str) -> Path:
    found = sorted(folder.glob(f"img{number}.*"))
    if len(found) != 1:
        raise SystemExit(f"{folder}: expected one picture img{number}.*, got {len(found)}")
    return found[0]


def show_pairs(evaluation: PairsEvaluation) -> None:
    pair = ""
    for row in evaluation.rows:
        if row.pair != pair:
            print(f"\n{row.pair}, {row.n_measured} points")
            pair = row.pair
        show(row.model, row.figures, evaluation)


def show(model: str, figures: Figures, evaluation: PairsEvaluation) -> None:
    width = max(map(len, evaluation.models))
    told = "  ".join(f"{limit:g} px {share:.3f}" for limit, share in figures.accuracy.items())
    print(f"  {model:<{width}}  {told}  AP {figures.ap:.3f}  {figures.ms:,.0f} ms")


if __name__ == "__main__":
    main()
