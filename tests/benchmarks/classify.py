"""Classifiers on real labels: accuracy, class weights, and what fine-tuning does to vectors.

    python tests/benchmarks/classify.py [--data FOLDER] [--parts banking,goemotions,weights,vectors]
                                        [--fine-tune] [--epochs N]

`--data` (or the environment variable EMBEDSVC_DATA) holds banking77/{train,test}.csv and
goemotions/{train,dev,test}.tsv; sets that are not there are passed over. Logistic regression on the
same frozen vectors stands beside each head. `--fine-tune` trains the whole network as well, which
takes tens of minutes on two cores.

    banking     Banking77, one of 77 intents
    goemotions  GoEmotions, any of 28 emotions, thresholds tuned on held-out texts
    weights     Banking77 made unbalanced: macro recall with and without class weights, 5 draws
    vectors     nearest-neighbour purity of intents that fine-tuning never saw, before and after
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, f1_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import NearestNeighbors

import embedsvc

PARTS = ("banking", "goemotions", "weights", "vectors")
DRAWS = 5
NEIGHBOURS = 10
HELD_OUT_INTENTS = 17

Labelled = tuple[list[str], list[Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("EMBEDSVC_DATA"))
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--fine-tune", action="store_true", help="the whole network as well")
    parser.add_argument("--epochs", type=int, help="of fine-tuning; by default by the data")
    args = parser.parse_args()
    wanted = args.parts.split(",")
    if unknown := set(wanted) - set(PARTS):
        parser.error(f"--parts out of {','.join(PARTS)}, got {','.join(sorted(unknown))}")
    banking, emotions = found(args.data, "banking77"), found(args.data, "goemotions")
    settings = [{"unfreeze": 0}, *([{"epochs": args.epochs}] if args.fine_tune else [])]
    if banking and "banking" in wanted:
        show_banking(banking, settings)
    if emotions and "goemotions" in wanted:
        show_goemotions(emotions, settings)
    if banking and "weights" in wanted:
        show_weights(banking)
    if banking and "vectors" in wanted:
        show_vectors(banking, epochs=args.epochs)


def found(data: Path | None, name: str) -> Path | None:
    place = None if data is None else Path(data, name)
    if place is None or not place.is_dir():
        print(f"{name}: passed over, it is not in --data ({data})", file=sys.stderr)
        return None
    return place


def read_banking(file: Path) -> Labelled:
    with file.open(newline="", encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    return [row["text"] for row in rows], [row["category"] for row in rows]


def read_goemotions(file: Path) -> Labelled:
    rows = [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines()]
    return [row[0] for row in rows], [[int(k) for k in row[1].split(",")] for row in rows]


def describe(settings: dict[str, Any]) -> str:
    return "head on frozen vectors" if settings.get("unfreeze") == 0 else "fine-tuned"


def show(name: str, seconds: float, **figures: float) -> None:
    told = "   ".join(f"{what} {value:.4f}" for what, value in figures.items())
    print(f"  {name:<40} {told}   {seconds:7.1f} s", flush=True)


def show_banking(folder: Path, settings: list[dict[str, Any]]) -> None:
    texts, labels = read_banking(folder / "train.csv")
    test, true = read_banking(folder / "test.csv")
    print(f"Banking77: {len(texts):,} texts, {len(test):,} to test")
    for one in settings:
        classifier, seconds = timed_fit(texts, labels, **one)
        predicted = classifier.predict(test)
        show(
            f"{describe(one)} (epoch {classifier.best_epoch_} of {len(classifier.history_)})",
            seconds,
            accuracy=float(np.mean(predicted == np.array(true))),
            macro_f1=f1_score(true, predicted, average="macro"),
        )
    start = time.perf_counter()
    encoder = embedsvc.load_encoder("minilm")
    peer = LogisticRegression(C=10, max_iter=1000).fit(encoder.encode(texts), labels)
    predicted = peer.predict(encoder.encode(test))
    show(
        "logistic regression on frozen vectors",
        time.perf_counter() - start,
        accuracy=float(np.mean(predicted == np.array(true))),
        macro_f1=f1_score(true, predicted, average="macro"),
    )


def show_goemotions(folder: Path, settings: list[dict[str, Any]]) -> None:
    texts, labels = read_goemotions(folder / "train.tsv")
    held = read_goemotions(folder / "dev.tsv")
    test, true = read_goemotions(folder / "test.tsv")
    print(f"GoEmotions: {len(texts):,} texts, {len(held[0]):,} held out, {len(test):,} to test")
    for one in settings:
        classifier, seconds = timed_fit(texts, labels, validation=held, **one)
        targets = classifier.codec_.encode(true)
        probabilities = classifier.predict_proba(test)
        name = f"{describe(one)} (epoch {classifier.best_epoch_} of {len(classifier.history_)})"
        for how, limits in (("tuned thresholds", classifier.thresholds_), ("0.5", 0.5)):
            marks = probabilities > limits
            show(
                f"{name}, {how}",
                seconds,
                macro_f1=f1_score(targets, marks, average="macro", zero_division=0),
                micro_f1=f1_score(targets, marks, average="micro", zero_division=0),
            )
    start = time.perf_counter()
    encoder = embedsvc.load_encoder("minilm")
    peer = OneVsRestClassifier(LogisticRegression(max_iter=1000))
    peer.fit(encoder.encode(texts), classifier.codec_.encode(labels).astype(int))
    marks = peer.predict(encoder.encode(test))
    show(
        "logistic regression on frozen vectors, 0.5",
        time.perf_counter() - start,
        macro_f1=f1_score(targets, marks, average="macro", zero_division=0),
        micro_f1=f1_score(targets, marks, average="micro", zero_division=0),
    )


def show_weights(folder: Path) -> None:
    """Half of the intents lose all but 5 texts; every text of the others stays."""
    texts, labels = read_banking(folder / "train.csv")
    test, true = read_banking(folder / "test.csv")
    names, rows = sorted(set(labels)), np.arange(len(texts))
    print(f"Banking77 made unbalanced, {DRAWS} draws: macro recall on {len(test):,} texts")
    recalls: dict[str, list[float]] = {"none": [], "balanced": []}
    start = time.perf_counter()
    for seed in range(DRAWS):
        rng = np.random.default_rng(seed)
        rare = set(rng.choice(names, len(names) // 2, replace=False).tolist())
        kept = [
            row
            for name in names
            for row in rng.permutation(rows[np.array(labels) == name])[
                : 5 if name in rare else None
            ]
        ]
        some, of_them = [texts[row] for row in kept], [labels[row] for row in kept]
        for weight, found_recalls in recalls.items():
            classifier = embedsvc.TextClassifier(
                unfreeze=0, seed=seed, class_weight=None if weight == "none" else weight
            ).fit(some, of_them)
            found_recalls.append(balanced_accuracy_score(true, classifier.predict(test)))
    for weight, found_recalls in recalls.items():
        show(
            f"class weights: {weight}",
            time.perf_counter() - start,
            mean=float(np.mean(found_recalls)),
            spread=float(np.std(found_recalls)),
        )


def show_vectors(folder: Path, *, epochs: int | None) -> None:
    """Fine-tune on some intents, look at the vectors of the others."""
    texts, labels = read_banking(folder / "train.csv")
    test, true = read_banking(folder / "test.csv")
    names = sorted(set(labels))
    unseen = set(np.random.default_rng(0).choice(names, HELD_OUT_INTENTS, replace=False).tolist())
    kept = [i for i, label in enumerate(labels) if label not in unseen]
    print(
        f"Vectors of the test texts: share of {NEIGHBOURS} nearest with the same intent; "
        f"{HELD_OUT_INTENTS} intents had no part in training"
    )
    before = embedsvc.load_encoder("minilm").encode(test)
    start = time.perf_counter()
    classifier = embedsvc.TextClassifier(epochs=epochs)
    classifier.fit([texts[i] for i in kept], [labels[i] for i in kept], show_progress=True)
    seconds = time.perf_counter() - start
    after = classifier.embed(test)
    chosen = np.array([label in unseen for label in true])
    for which, rows in (("unseen intents", chosen), ("trained intents", ~chosen)):
        of_them = np.array(true)[rows]
        for when, vectors, took in (("before", before, 0.0), ("after", after, seconds)):
            show(f"{which}, {when}", took, purity=purity(vectors[rows], of_them))


def purity(vectors: NDArray[np.float32], labels: NDArray[np.str_]) -> float:
    nearest = NearestNeighbors(n_neighbors=NEIGHBOURS + 1, metric="cosine").fit(vectors)
    others = nearest.kneighbors(vectors, return_distance=False)[:, 1:]
    return float(np.mean(labels[others] == labels[:, np.newaxis]))


def timed_fit(
    texts: list[str], labels: list[Any], *, validation: Labelled | None = None, **settings: Any
) -> tuple[Any, float]:
    start = time.perf_counter()
    classifier = embedsvc.TextClassifier(**settings)
    classifier.fit(texts, labels, validation=validation, show_progress=True)
    return classifier, time.perf_counter() - start


if __name__ == "__main__":
    main()
