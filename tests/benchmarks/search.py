"""Exact top 10 among many vectors: embedsvc, sentence-transformers and faiss, taking turns.

python tests/benchmarks/search.py [--vectors 1000000] [--queries 1000] [--dim 384] [--rounds 3]
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections.abc import Callable

import faiss
import numpy as np
import psutil
import torch
from sentence_transformers.util import semantic_search

from embedsvc.vectors import top_k

K = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vectors", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    vectors, queries = made(args.vectors, args.dim, 0), made(args.queries, args.dim, 1)
    index = faiss.IndexFlatIP(args.dim)
    index.add(vectors)  # a copy, made before the clock runs
    contenders = {
        "embedsvc top_k": lambda: top_k(queries, vectors, k=K),
        "sentence-transformers semantic_search": lambda: by_torch(queries, vectors),
        "faiss IndexFlatIP": lambda: index.search(queries, K)[::-1],
    }
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    peaks: dict[str, float] = dict.fromkeys(contenders, 0.0)
    results = {}
    for turn in range(args.rounds + 1):  # the first one warms up
        for name, search in contenders.items():
            took, peak, results[name] = measured(search)
            if turn:
                seconds[name].append(took)
                peaks[name] = max(peaks[name], peak)
    check_same(results)
    print(f"{args.queries:,} queries, {args.vectors:,} x {args.dim}, top {K}")
    ours = statistics.median(seconds["embedsvc top_k"])
    for name, took in seconds.items():
        median = statistics.median(took)
        print(
            f"  {name:<38} median {median:6.2f} s (of {min(took):.2f} to {max(took):.2f}), "
            f"{median / ours:5.2f} x ours, memory on top {peaks[name] / 1e6:,.0f} MB"
        )


def made(n: int, dim: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, dim), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def by_torch(queries: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found = semantic_search(torch.from_numpy(queries), torch.from_numpy(vectors), top_k=K)
    positions = np.array([[hit["corpus_id"] for hit in hits] for hits in found])
    return positions, np.array([[hit["score"] for hit in hits] for hits in found], np.float32)


def measured(search: Callable[[], tuple]) -> tuple[float, float, tuple]:
    """Seconds, the most resident bytes above those before, and the result."""
    process = psutil.Process()
    before = process.memory_info().rss
    done = threading.Event()
    highest = [before]

    def watch() -> None:
        while not done.wait(0.02):
            highest[0] = max(highest[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    try:
        result = search()
    finally:
        took = time.perf_counter() - start
        done.set()
        watcher.join()
    return took, highest[0] - before, result


def check_same(results: dict[str, tuple]) -> None:
    positions, scores = results["embedsvc top_k"]
    for name, (others, close) in results.items():
        np.testing.assert_allclose(close, scores, atol=1e-5, err_msg=name)
        # Where two differ by rounding only either may come first.
        assert (others == positions).mean() > 0.999, name


if __name__ == "__main__":
    main()
