"""What describers reached on pairs: for each pair, as means of sequences, and over these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Figures:
    """What a describer reached on a pair, or in the mean.

    Attributes:
        accuracy: by threshold in pixels, the share of points whose match lies so near the true one.
        ap: average precision of the matches.
        ms: milliseconds that describing the points of one picture takes; the median.
    """

    accuracy: Mapping[float, float]
    ap: float
    ms: float

    def to_json(self) -> dict[str, float]:
        """Such as {"accuracy_5px": 0.62, "ap": 0.55, "ms_per_image": 31.2}."""
        shares = {accuracy_key(limit): share for limit, share in self.accuracy.items()}
        return {**shares, "ap": self.ap, "ms_per_image": self.ms}


@dataclass(frozen=True)
class Measurement:
    """One describer on one pair.

    Attributes:
        pair: its name.
        sequence: what the pair was taken of.
        model: what the describer is called.
        n_points: of the pair.
        n_measured: of these, how many were measured, and among how many each was sought.
        figures: what it reached.
        ms: milliseconds for the first and the second picture.
    """

    pair: str
    sequence: str
    model: str
    n_points: int
    n_measured: int
    figures: Figures
    ms: tuple[float, float]


@dataclass(frozen=True)
class PairsEvaluation:
    """Describers measured on pairs.

    Attributes:
        thresholds: in pixels, rising.
        ap_threshold: pixels within which a match is right for the average precision.
        names: by what a describer is called here, the name it has itself, such as "SIFT"; in the
            order in which they were given.
        rows: pair by pair, each with all describers in that order.
        max_points: points of a pair that were measured at most.
        seed: of the points that were drawn.
    """

    thresholds: tuple[float, ...]
    ap_threshold: float
    names: Mapping[str, str]
    rows: tuple[Measurement, ...]
    max_points: int
    seed: int

    @property
    def models(self) -> tuple[str, ...]:
        """What the describers are called."""
        return tuple(self.names)

    @cached_property
    def sequences(self) -> dict[str, int]:
        """How many pairs each sequence has, in the order in which they first come."""
        return {name: len(rows) for name, rows in self._grouped[self.models[0]].items()}

    @property
    def n_pairs(self) -> int:
        """How many pairs were measured."""
        return sum(self.sequences.values())

    @property
    def main_threshold(self) -> float:
        """The threshold that is spoken of where there is room for one: 5 px, or the middle one."""
        return 5 if 5 in self.thresholds else self.thresholds[len(self.thresholds) // 2]

    def of(self, model: str, sequence: str | None = None) -> list[Measurement]:
        """The measurements of one describer in the order of the pairs; of a sequence, or of all."""
        if sequence is not None:
            return self._grouped[model][sequence]
        return [row for row in self.rows if row.model == model]

    def mean(self, model: str, sequence: str | None = None) -> Figures:
        """The means over the pairs of a sequence; without one, over the sequences' means.

        So each sequence counts the same, however many pairs it has. Milliseconds are the median
        over all pictures instead.

        Args:
            model: what the describer is called here.
            sequence: one of `sequences`.
        """
        rows = self.of(model, sequence)
        ms = float(np.median([row.ms for row in rows]))
        if sequence is not None:
            return _mean([row.figures for row in rows], ms)
        return _mean([self.mean(model, one) for one in self.sequences], ms)

    def best(self, models: Sequence[str], threshold: float | None = None) -> str | None:
        """Which of some describers has the highest mean accuracy; None where there are none."""
        limit = self.main_threshold if threshold is None else threshold
        return max(models, key=lambda one: self.mean(one).accuracy[limit], default=None)

    def median_gain(self, after: str, before: str) -> int:
        """Which pair, counted from 0, gained in accuracy from one model to another what half did.

        A picture of that pair neither flatters nor slights.
        """
        limit = self.main_threshold
        gains = [
            one.figures.accuracy[limit] - other.figures.accuracy[limit]
            for one, other in zip(self.of(after), self.of(before), strict=True)
        ]
        return int(np.argsort(gains, kind="stable")[(len(gains) - 1) // 2])

    def to_json(self) -> dict[str, Any]:
        """All of it, as `metrics.json` has it."""
        return {
            "n_pairs": self.n_pairs,
            "sequences": self.sequences,
            "thresholds": list(self.thresholds),
            "ap_threshold": self.ap_threshold,
            "max_points": self.max_points,
            "seed": self.seed,
            "means": "over sequences, each the mean of its pairs; ms_per_image: median of pictures",
            "models": [
                {
                    "model": model,
                    "name": name,
                    **self.mean(model).to_json(),
                    "sequences": {one: self.mean(model, one).to_json() for one in self.sequences},
                }
                for model, name in self.names.items()
            ],
            "pairs": list(self.table()),
        }

    def table(self) -> Iterator[dict[str, Any]]:
        """A row a pair and describer, as `pairs.csv` has it."""
        for row in self.rows:
            yield {
                "pair": row.pair,
                "sequence": row.sequence,
                "model": row.model,
                "n_points": row.n_points,
                "n_measured": row.n_measured,
                **row.figures.to_json(),
            }

    @cached_property
    def _grouped(self) -> dict[str, dict[str, list[Measurement]]]:
        groups: dict[str, dict[str, list[Measurement]]] = {model: {} for model in self.models}
        for row in self.rows:
            groups[row.model].setdefault(row.sequence, []).append(row)
        return groups


def accuracy_key(threshold: float) -> str:
    """What the share within so many pixels is called: `accuracy_key(5)` is "accuracy_5px"."""
    return f"accuracy_{threshold:g}px"


def _mean(figures: Sequence[Figures], ms: float) -> Figures:
    limits = figures[0].accuracy
    shares = {limit: float(np.mean([one.accuracy[limit] for one in figures])) for limit in limits}
    return Figures(shares, float(np.mean([one.ap for one in figures])), ms)
