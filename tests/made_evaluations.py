"""Pairs of noise whose points are told apart, describers of known quality, and evaluations."""

from io import BytesIO

import numpy as np
from PIL import Image

from embedsvc.pairs.pair import MatchedPair
from embedsvc.pairs.pairs_evaluation import Figures, Measurement, PairsEvaluation


def png(level=0, size=(8, 12)):
    buffer = BytesIO()
    Image.new("RGB", size[::-1], (level, level, level)).save(buffer, "PNG")
    return buffer.getvalue()


def made_pair(name="p", sequence="s", n=4, gap=2.0):
    """Points in a row, `gap` pixels apart, the same in both pictures."""
    points = np.stack([gap * np.arange(n), np.zeros(n)], 1).astype(np.float32)
    return MatchedPair(name, png(1), png(2), points, points.copy(), sequence)


class FakeDescriber:
    """Each point's number as a direction; those of the second picture shifted by some points."""

    def __init__(self, shift=0, name="Fake", fails=None):
        self.shift, self.name, self.fails, self.seen = shift, name, fails, []

    def describe(self, image, points):
        self.seen.append((int(image[0, 0, 0]), points.copy()))
        if self.fails is not None:
            raise self.fails
        vectors = np.eye(len(points), dtype=np.float32)
        return np.roll(vectors, self.shift, axis=0) if image[0, 0, 0] == 2 else vectors


def made_evaluation(accuracies, *, names=None, ap=0.5, thresholds=(1, 3, 5, 10)):
    """From {model: {sequence: [accuracy of each pair]}}, the same within any distance."""
    models = list(accuracies)
    sequences = {name: len(shares) for name, shares in accuracies[models[0]].items()}
    rows = [
        Measurement(
            f"/data/{sequence}/1.png - /data/{sequence}/{at + 2}.png",
            sequence,
            model,
            500,
            500,
            Figures(dict.fromkeys(thresholds, accuracies[model][sequence][at]), ap, 20.0 + k),
            (20.0 + k, 20.0 + k),
        )
        for sequence, n_pairs in sequences.items()
        for at in range(n_pairs)
        for k, model in enumerate(models)
    ]
    called = {model: (names or {}).get(model, model.upper()) for model in models}
    return PairsEvaluation(tuple(thresholds), 5.0, called, tuple(rows), 1000, 0)
