"""A collection under fire: killed while it grows, then searched with its index and exactly.

    python tests/benchmarks/collection.py [--rows 200000] [--kills 2] [--vectors FILE.npz]
                                          [--folder FOLDER] [--queries 100]

A child process adds vectors with `Collection.add`, a batch at a time, and says so after each; it is
killed with SIGKILL in the middle, twice, and started again. Then every acknowledged row has to be
there, and no id twice. Without --vectors the vectors are made: many small clusters in 60 of 384
dimensions. A .npz or .npy file of real ones is mixed from pairs and noise up to --rows.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from embedsvc.collection.collection import Collection

DIM = 384
BATCH = 2048


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--vectors", type=Path, help="real vectors of one model")
    parser.add_argument("--folder", type=Path, help="where the database is made")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        add_all(args.folder, args.vectors)
        return
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = Path(name)
        vectors, queries = made(args.rows, args.queries, args.vectors)
        np.save(folder / "vectors.npy", vectors)
        acknowledged = grow(folder, args.rows, args.kills)
        collection = Collection("grown", database=folder / "database")
        show_whole(collection, acknowledged, args.rows)
        show_search(collection, vectors, queries)


def made(n_rows: int, n_queries: int, file: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of length 1 and queries that are none of them."""
    generator = np.random.default_rng(0)
    n_all = n_rows + n_queries
    if file is None:
        base = clustered(n_all, generator)
    else:
        loaded = np.load(file, allow_pickle=False)
        parts = [loaded] if isinstance(loaded, np.ndarray) else [loaded[one] for one in loaded]
        base = np.concatenate([one for one in parts if one.ndim == 2 and one.shape[1] == DIM])
        base = base[generator.permutation(len(base))]
    queries, base = base[:n_queries], base[n_queries:][:n_rows]
    pairs = generator.integers(len(base), size=(n_rows - len(base), 2))
    share = generator.uniform(0.6, 1, (len(pairs), 1)).astype(np.float32)
    mixed = share * base[pairs[:, 0]] + (1 - share) * base[pairs[:, 1]]
    mixed += generator.standard_normal(mixed.shape, np.float32) * 0.3 / np.sqrt(DIM)
    everything = np.concatenate([base, mixed]).astype(np.float32)
    everything /= np.linalg.norm(everything, axis=1, keepdims=True)
    return everything[generator.permutation(n_rows)], queries


def clustered(n_rows: int, generator: np.random.Generator) -> np.ndarray:
    middles = generator.standard_normal((2000, 60), np.float32)
    low = middles[generator.integers(2000, size=n_rows)]
    low += generator.standard_normal(low.shape, np.float32) * 0.7
    vectors = low @ generator.standard_normal((60, DIM), np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def grow(folder: Path, n_rows: int, n_kills: int) -> set[int]:
    """Let children add all rows, and kill some of them; returns the batches they acknowledged."""
    acknowledged: set[int] = set()
    start = time.perf_counter()
    for kill in range(n_kills + 1):
        last = (kill + 1) * n_rows // (n_kills + 1) if kill < n_kills else None
        acknowledged |= run_child(folder, until=last)
    print(
        f"{n_rows:,} rows in {time.perf_counter() - start:.0f} s with {n_kills} kills, "
        "importing, looking up and indexing included"
    )
    return acknowledged


def run_child(folder: Path, until: int | None) -> set[int]:
    command = [sys.executable, __file__, "--child", "--folder", str(folder)]
    command += ["--vectors", str(folder / "vectors.npy")]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    acknowledged: set[int] = set()
    for line in child.stdout:
        told = json.loads(line)
        if "start" in told:
            acknowledged.add(told["start"])
            if until is not None and told["start"] + BATCH >= until:
                # Somewhere within the next batch.
                time.sleep(0.03)
                child.send_signal(signal.SIGKILL)
                break
        else:
            print(f"  a child was done: {line.strip()}")
    child.wait()
    print(f"  exit code {child.returncode} after {len(acknowledged):,} acknowledged batches")
    return acknowledged


def add_all(folder: Path, file: Path) -> None:
    """The child: add every batch, and say so after each."""
    vectors = np.load(file, mmap_mode="r")
    collection = Collection("grown", database=folder / "database")
    n_new, seconds = 0, 0.0
    for start in range(0, len(vectors), BATCH):
        rows = range(start, min(start + BATCH, len(vectors)))
        ids = [f"row {row}" for row in rows]
        numbers = {"number": list(rows)}
        added = collection.add(vectors=vectors[rows.start : rows.stop], ids=ids, columns=numbers)
        print(json.dumps({"start": start, "new": added.new}), flush=True)
        n_new += added.new
        seconds += added.seconds
    print(json.dumps({"new": n_new, "rows_per_second": round(n_new / seconds)}), flush=True)


def show_whole(collection: Collection, acknowledged: set[int], n_rows: int) -> None:
    info = collection.info(check=True)
    wanted = set(range(0, n_rows, BATCH))
    lost = [
        start
        for start in sorted(acknowledged)
        if collection.count(f"number >= {start} AND number < {min(start + BATCH, n_rows)}")
        != min(BATCH, n_rows - start)
    ]
    print(f"acknowledged batches {len(acknowledged):,} of {len(wanted):,}; incomplete {len(lost)}")
    print(f"rows {len(collection):,} of {n_rows:,}; check {json.dumps(info['check'])}")
    print(f"index {json.dumps(info['index'])}")
    print(
        f"{info['bytes'] / 1e6:,.0f} MB, {info['bytes_with_old_versions'] / 1e6:,.0f} MB with old "
        f"versions, {info['files']} files"
    )


def show_search(collection: Collection, vectors: np.ndarray, queries: np.ndarray) -> None:
    truth = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
    for name, exact in (("exact", True), ("index", False)):
        seconds, hits = [], 0
        for query, true in zip(queries, truth, strict=True):
            start = time.perf_counter()
            found = collection.search(query, k=10, exact=exact, columns=[])
            seconds.append(time.perf_counter() - start)
            hits += len({f"row {row}" for row in true} & set(found.column("id").to_pylist()))
        print(
            f"{name}: recall@10 {hits / truth.size:.4f}, median {1e3 * np.median(seconds):.1f} ms, "
            f"95 % within {1e3 * np.quantile(seconds, 0.95):.1f} ms"
        )


if __name__ == "__main__":
    main()
