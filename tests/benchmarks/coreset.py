"""Time and covering radius of the greedy coreset, and time of nearest-neighbour distances.

    python tests/benchmarks/coreset.py [--points 300000] [--dim 150] [--centres 4000] [--rounds 3]
                                       [--features FILE.npy] [--exact-points 30000]

The radius is compared with that of the plain algorithm, which measures every point after every
pick, on the first points only: on all of them it takes minutes (--exact-points 300000).
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from embedsvc.detectors.coreset import greedy_coreset
from embedsvc.detectors.nearest import nearest_distances

PATCHES = 1024  # of a picture of 256 pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=300_000)
    parser.add_argument("--dim", type=int, default=150)
    parser.add_argument("--centres", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--features", type=Path, help="an array (n_points, dim) to use as well")
    parser.add_argument("--exact-points", type=int, default=30_000)
    args = parser.parse_args()
    kinds = {
        "gaussian": gaussian(args.points, args.dim),
        "clustered": clustered(args.points, args.dim),
    }
    if args.features:
        kinds["features"] = np.load(args.features).astype(np.float32)
    greedy_coreset(kinds["gaussian"][:5000], 50)  # the first call also sets TensorFlow up
    for name, points in kinds.items():
        print(f"{name}: {points.shape[0]:,} x {points.shape[1]}")
        show_time(points, args.centres, args.rounds)
        show_radius(points[: args.exact_points], args.centres)
    show_scoring(kinds["gaussian"], args.centres, args.rounds)


def gaussian(n_points: int, dim: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((n_points, dim), np.float32)


def clustered(n_points: int, dim: int) -> np.ndarray:
    generator = np.random.default_rng(1)
    middles = generator.normal(0, 3, (500, dim)).astype(np.float32)
    widths = generator.lognormal(-0.5, 0.5, 500).astype(np.float32)
    cluster = generator.integers(500, size=n_points)
    noise = generator.standard_normal((n_points, dim), np.float32)
    return middles[cluster] + noise * widths[cluster, None]


def show_time(points: np.ndarray, n_centres: int, rounds: int) -> None:
    wall, cpu = zip(
        *(seconds(partial(greedy_coreset, points, n_centres)) for _ in range(rounds)), strict=True
    )
    print(
        f"  {n_centres:,} centres: median {statistics.median(wall):.1f} s, fastest "
        f"{min(wall):.1f} s; processor time {statistics.median(cpu):.1f} s"
    )


def show_radius(points: np.ndarray, n_centres: int) -> None:
    n_centres = min(n_centres, len(points) // 10)
    centres = greedy_coreset(points, n_centres)
    start = time.perf_counter()
    plain = plain_greedy(points, n_centres, int(centres[0]))
    elapsed = time.perf_counter() - start
    ratio = covering_radius(points, centres) / covering_radius(points, plain)
    some = np.random.default_rng(0).choice(len(points), n_centres, replace=False)
    at_random = covering_radius(points, some) / covering_radius(points, plain)
    print(
        f"  covering radius, {n_centres:,} of {len(points):,}: {ratio:.6f} of the plain "
        f"algorithm's, which took {elapsed:.0f} s; {np.mean(centres == plain):.1%} of the picks "
        f"are the same; random centres {at_random:.2f}"
    )


def plain_greedy(points: np.ndarray, n_centres: int, first: int) -> np.ndarray:
    """One matrix-vector product a pick; squared distances in float32."""
    points = points - points.mean(axis=0)
    squares = np.einsum("nd,nd->n", points, points)
    nearest = np.full(len(points), np.inf, np.float32)
    centres = [first]
    while len(centres) < n_centres:
        last = centres[-1]
        np.minimum(nearest, squares + squares[last] - 2 * (points @ points[last]), out=nearest)
        nearest[last] = -1
        centres.append(int(nearest.argmax()))
    return np.array(centres)


def covering_radius(points: np.ndarray, centres: np.ndarray) -> float:
    return float(nearest_distances(points, points[centres]).max())


def show_scoring(points: np.ndarray, n_centres: int, rounds: int) -> None:
    queries = points[: 8 * PATCHES]
    for size, n_neighbours in itertools.product((n_centres, 2 * n_centres), (1, 5)):
        search = partial(nearest_distances, queries, points[-size:], n_neighbours=n_neighbours)
        wall, cpu = zip(*(seconds(search) for _ in range(3 * rounds)), strict=True)
        print(
            f"{n_neighbours} nearest of {size:,}: median {125 * statistics.median(wall):.1f} ms a "
            f"picture of {PATCHES:,} patches, fastest {125 * min(wall):.1f} ms; processor time "
            f"{125 * statistics.median(cpu):.1f} ms"
        )


def seconds(call: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the clock and of the processors."""
    start, used = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - start, time.process_time() - used


if __name__ == "__main__":
    main()
