"""Spearman correlation of cosines with human judgement on an STS file.

    python tests/benchmarks/sts.py sts-dev.csv [--model minilm]

The file is tab-separated without header or quoting, as the STS benchmark is distributed: the score
(0 to 5) in the fifth column, the two sentences in the sixth and seventh.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

import embedsvc


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--model", default="minilm")
    args = parser.parse_args()
    lines = args.file.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line.strip()]
    gold = np.array([float(row[4]) for row in rows])
    encoder = embedsvc.load_encoder(args.model, normalize=True)
    first = encoder.encode([row[5] for row in rows])
    second = encoder.encode([row[6] for row in rows])
    cosines = (first * second).sum(axis=1)
    print(f"{args.file.name}: {len(rows)} pairs, Spearman {spearmanr(cosines, gold)[0]:.4f}")


if __name__ == "__main__":
    main()
