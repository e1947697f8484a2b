"""Outliers planted among vectors of one kind: our methods beside scikit-learn's and PyOD's.

python tests/benchmarks/outliers.py NORMAL.parquet STRANGE.parquet [--rounds 3]

Files are vectors, such as `embedsvc extract` makes of Banking77 and GoEmotions. PyOD takes part
where it is installed. Its threshold and scikit-learn's are those they come with; where a method
wants to be told how many outliers there are, it is not.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor

from embedsvc.detectors import VectorOutliers
from embedsvc.tables.vector_table import read_vectors

SHARES = (0.0, 0.01, 0.05)
Result = tuple[np.ndarray, np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("normal")
    parser.add_argument("strange")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    normal, strange = read_vectors(args.normal).vectors, read_vectors(args.strange).vectors
    for share in SHARES:
        n = round(len(normal) * share / (1 - share))
        print(f"{n:,} strange ones among {len(normal):,}, means of {args.rounds} draws")
        for name, find in contenders().items():
            figures = [judged(find, normal, strange, n, seed) for seed in range(args.rounds)]
            auroc, flagged, precision, recall, seconds = np.nanmean(
                np.array([one if n else (0, one[1], 0, 0, one[4]) for one in figures]), axis=0
            )
            told = f"  {name:<24} flagged {flagged:7.1f}  {seconds:5.1f} s"
            if n:
                told += f"  AUROC {auroc:.4f}  precision {precision:.2f}  recall {recall:.2f}"
            print(told, flush=True)


def contenders() -> dict[str, Callable[[np.ndarray], Result]]:
    found = {
        "ours knn": lambda rows: ours("knn", rows),
        "ours mahalanobis": lambda rows: ours("mahalanobis", rows),
        "ours ocsvm": lambda rows: ours("ocsvm", rows),
        "LocalOutlierFactor": lof,
        "IsolationForest": forest,
    }
    if find_spec("pyod"):
        found["PyOD KNN (mean)"] = pyod_knn
    return found


def ours(method: str, rows: np.ndarray) -> Result:
    detector = VectorOutliers(method=method).fit(rows)
    return detector.scores_, detector.scores_ > detector.threshold_


def lof(rows: np.ndarray) -> Result:
    detector = LocalOutlierFactor()
    labels = detector.fit_predict(rows)
    return -detector.negative_outlier_factor_, labels == -1


def forest(rows: np.ndarray) -> Result:
    detector = IsolationForest(random_state=0)
    labels = detector.fit_predict(rows)
    return -detector.score_samples(rows), labels == -1


def pyod_knn(rows: np.ndarray) -> Result:
    from pyod.models.knn import KNN

    detector = KNN(n_neighbors=10, method="mean").fit(rows)
    return detector.decision_scores_, detector.labels_ == 1


def judged(
    find: Callable[[np.ndarray], Result],
    normal: np.ndarray,
    strange: np.ndarray,
    n: int,
    seed: int,
) -> tuple[float, float, float, float, float]:
    """AUROC, how many are flagged, precision, recall and seconds."""
    generator = np.random.default_rng(seed)
    rows = np.concatenate([normal, strange[generator.choice(len(strange), n, replace=False)]])
    truth = np.arange(len(rows)) >= len(normal)
    start = time.perf_counter()
    scores, flagged = find(rows)
    seconds = time.perf_counter() - start
    auroc = roc_auc_score(truth, scores) if n else np.nan
    hits = np.count_nonzero(flagged & truth)
    return auroc, flagged.sum(), hits / max(1, flagged.sum()), hits / max(1, n), seconds


if __name__ == "__main__":
    main()
