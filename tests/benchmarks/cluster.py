"""Clusters of vectors against the labels people gave: our methods, and BERTopic's own pipeline.

    python tests/benchmarks/cluster.py [--data FOLDER] [--sets test,train,...] [--methods ...]

`--data` (or the environment variable EMBEDSVC_DATA) holds banking77/{train,test}.csv, and for the
noise goemotions/test.tsv. Nothing is told of the labels to any method. BERTopic (its default: UMAP
to 5 dimensions, then HDBSCAN of at least 10) gets the same vectors; without bertopic it is passed
over.

    test         Banking77 test, 77 intents
    train        Banking77 train, 77 intents
    thirty, ten, five    that many intents of train
    few          300 rows of test
    noise        test and a twentieth of unrelated texts, which should be in no cluster
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_mutual_info_score, v_measure_score

import embedsvc
from embedsvc.vectors.clustering import VectorClusterer

SETS = ("test", "train", "thirty", "ten", "five", "few", "noise")
METHODS = ("community", "hdbscan", "kmeans", "agglomerative", "bertopic")
UNRELATED = "unrelated"

Labelled = tuple[list[str], NDArray[np.float32], NDArray[np.str_]]
Cluster = Callable[[list[str], NDArray[np.float32]], NDArray[np.int64]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("EMBEDSVC_DATA"))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.data is None or not Path(args.data, "banking77").is_dir():
        parser.error(f"--data with a folder banking77, got {args.data}")
    methods = {
        name: found for name in args.methods.split(",") if (found := method(name, args.seed))
    }
    for name, (texts, vectors, labels) in read_sets(args.data, args.sets.split(",")):
        print(f"{name}: {len(texts):,} texts, {len(set(labels))} labels", flush=True)
        for called, cluster in methods.items():
            show(called, cluster, texts, vectors, labels)


def method(name: str, seed: int) -> Cluster | None:
    if name != "bertopic":
        return lambda texts, vectors: VectorClusterer(name, seed=seed).fit_predict(vectors)
    try:
        from bertopic import BERTopic
        from umap import UMAP
    except ImportError as err:
        print(f"bertopic: passed over ({err}); pip install bertopic", file=sys.stderr)
        return None

    def cluster(texts: list[str], vectors: NDArray[np.float32]) -> NDArray[np.int64]:
        # Its own settings; only the seed is added.
        reduce = UMAP(
            n_neighbors=15, n_components=5, min_dist=0.0, metric="cosine", random_state=seed
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found, _ = BERTopic(umap_model=reduce).fit_transform(texts, embeddings=vectors)
        return np.array(found)

    return cluster


def show(
    name: str,
    cluster: Cluster,
    texts: list[str],
    vectors: NDArray[np.float32],
    labels: NDArray[np.str_],
) -> None:
    start = time.perf_counter()
    found = cluster(texts, vectors)
    seconds = time.perf_counter() - start
    told = (
        f"  {name:<14} AMI {adjusted_mutual_info_score(labels, found):.3f}   "
        f"v-measure {v_measure_score(labels, found):.3f}   clusters {found.max() + 1:4d}   "
        f"noise {np.mean(found < 0):5.1%}   {seconds:6.1f} s"
    )
    unrelated = labels == UNRELATED
    if unrelated.any():
        told += f"   unrelated in none {np.mean(found[unrelated] < 0):.0%}"
        told += f", others in none {np.mean(found[~unrelated] < 0):.1%}"
    print(told, flush=True)


def read_sets(data: Path, wanted: list[str]) -> list[tuple[str, Labelled]]:
    encoder = embedsvc.load_encoder("minilm")
    rng = np.random.default_rng(1)
    test = encoded(encoder, *read_banking(data / "banking77" / "test.csv"))
    sets = {"test": test, "few": some(test, rng.choice(len(test[0]), 300, replace=False))}
    if {"train", "thirty", "ten", "five"} & set(wanted):
        train = encoded(encoder, *read_banking(data / "banking77" / "train.csv"))
        sets["train"] = train
        for name, k in (("thirty", 30), ("ten", 10), ("five", 5)):
            chosen = rng.choice(np.unique(train[2]), k, replace=False)
            sets[name] = some(train, np.flatnonzero(np.isin(train[2], chosen)))
    emotions = data / "goemotions" / "test.tsv"
    if "noise" in wanted and emotions.is_file():
        lines = emotions.read_text(encoding="utf-8").splitlines()
        n = len(test[0]) // 20
        texts = [line.split("\t")[0] for line in rng.choice(lines, n, replace=False)]
        odd = encoded(encoder, texts, [UNRELATED] * n)
        sets["noise"] = (
            [*test[0], *odd[0]],
            np.concatenate([test[1], odd[1]]),
            np.concatenate([test[2], odd[2]]),
        )
    return [(name, sets[name]) for name in wanted if name in sets]


def read_banking(file: Path) -> tuple[list[str], list[str]]:
    with file.open(newline="", encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    return [row["text"] for row in rows], [row["category"] for row in rows]


def encoded(encoder: embedsvc.TextEncoder, texts: list[str], labels: list[str]) -> Labelled:
    return texts, encoder.encode(texts), np.array(labels)


def some(whole: Labelled, rows: NDArray[np.int64]) -> Labelled:
    return [whole[0][row] for row in rows], whole[1][rows], whole[2][rows]


if __name__ == "__main__":
    main()
