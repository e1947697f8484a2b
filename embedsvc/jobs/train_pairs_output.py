"""The folder of a trained descriptor.

OUTPUT/
  model.json, weights.safetensors            the descriptor
  metrics.json, history.csv, curve.png, matches.png, report.html, rejects.jsonl
OUTPUT.parts/
  checkpoint/                                 the state after the last epoch; gone in the end

OUTPUT appears as a whole, by one rename, when all of it is written.
"""

from __future__ import annotations

COMMAND, NOUN = "train-pairs", "descriptor"
MODEL, WEIGHTS = "model.json", "weights.safetensors"
METRICS, HISTORY, CURVE, MATCHES, REPORT, REJECTS = (
    "metrics.json",
    "history.csv",
    "curve.png",
    "matches.png",
    "report.html",
    "rejects.jsonl",
)
# The first one says what the folder is.
NAMES = (MODEL, WEIGHTS, METRICS, HISTORY, CURVE, MATCHES, REPORT, REJECTS)
