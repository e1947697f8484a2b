"""Texts for the benchmarks: all different, made from the shipped sample messages."""

from __future__ import annotations

import csv
import random
from importlib import resources


def mixed_texts(n_texts: int, *, seed: int = 0) -> list[str]:
    """Paragraphs of one to a dozen messages; about 41 tokens on average, some above 200."""
    rng = random.Random(seed)
    messages = _messages()
    return [
        f"{i}: " + " ".join(rng.choices(messages, k=max(1, round(rng.lognormvariate(0.3, 0.8)))))
        for i in range(n_texts)
    ]


def short_texts(n_texts: int, *, seed: int = 0) -> list[str]:
    """The first few words of a message; about 10 tokens on average."""
    rng = random.Random(seed)
    messages = _messages()
    return [
        f"{i} " + " ".join(rng.choice(messages).split()[: rng.randint(2, 9)])
        for i in range(n_texts)
    ]


def _messages() -> list[str]:
    source = resources.files("embedsvc.samples") / "messages.csv"
    with source.open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]
