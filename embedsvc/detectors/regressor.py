"""A supervised detector for few labelled anomalies: how strange, and how like a known defect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression

from embedsvc.detectors.gaussian import Gaussian
from embedsvc.detectors.learned import Shape, State
from embedsvc.detectors.whitening import whiten
from embedsvc.errors import InputError

_SHARPNESS = 8.0
"""Of the similarity to labelled anomalies: how much the nearest of them count."""
_STRANGENESS_WEIGHT = 3.0
"""Strangeness against similarity. With 20 to 100 labels it holds on every set measured; a weight
learned from so few labels does worse."""


class Regressor(Gaussian):
    """Regresses the label, 0 or 1, on the distance from normal and the likeness to known defects.

    With ten or twenty labelled anomalies a classifier on deep features does worse than a detector
    that never saw one. So the distance from the normal images stays the main input, and likeness
    to labelled anomalies, cosines of whitened features, is added to it. The score is the regressed
    label, 0 to 1. The settings are those of every detector and these.

    Args:
        model: a backbone out of the catalogue, or "keras:NAME".
        class_weight: "balanced" lets both classes weigh the same whatever their numbers, None
            each image, a dict {0: w, 1: w} as it says; it moves the output, not the ranking.
        size: as for every detector.
        resize: as for every detector.
        lighting: as for every detector.
        tiles: as for every detector.
        false_alarm_rate: as for every detector.
        folds: as for every detector.
        seed: as for every detector.

    Example:
        >>> detector = Regressor().fit(images, labels)
        >>> detector.anomaly_score(images)
        array([0.07, 0.93])
    """

    kind: ClassVar[str] = "regressor"
    needs_anomalies: ClassVar[bool] = True

    def __init__(
        self,
        *,
        model: str = "efficientnet-lite0",
        class_weight: str | Mapping[int, float] | None = "balanced",
        size: int | tuple[int, int] = 256,
        resize: str = "stretch",
        lighting: str = "keep",
        tiles: int = 1,
        false_alarm_rate: float | None = None,
        folds: int = 5,
        seed: int = 0,
    ) -> None:
        super().__init__(
            model=model,
            size=size,
            resize=resize,
            lighting=lighting,
            tiles=tiles,
            false_alarm_rate=false_alarm_rate,
            folds=folds,
            seed=seed,
        )
        self.class_weight = class_weight

    def _check_settings(self) -> None:
        super()._check_settings()
        weight = self.class_weight
        valid = (
            weight in ("balanced", None)
            if not isinstance(weight, Mapping)
            else (set(weight) == {0, 1} and all(value > 0 for value in weight.values()))
        )
        if not valid:
            raise InputError(
                "Expected class_weight to be 'balanced', None or a dict {0: w, 1: w} of positive "
                f"numbers, got {weight!r}."
            )

    def _state_shapes(self) -> dict[str, Shape]:
        own: dict[str, Shape] = {
            "known": ("n_known", "dim"),
            "likeness": (2,),
            "strangeness": (2,),
            "output": (2,),
        }
        return {**super()._state_shapes(), **own}

    def _learn(self, features: NDArray[Any], labels: NDArray[np.int64]) -> State:
        normal, anomalous = features[labels == 0], features[labels == 1]
        state = super()._learn(normal, np.zeros(len(normal), np.int64))
        state["strangeness"] = self._honest_spread(normal)
        known = _directions(anomalous, state)
        likeness = _likeness(_directions(normal, state), known)
        spread = max(float(likeness.std()), 1e-9)
        state["known"] = known
        state["likeness"] = np.array([likeness.mean(), spread])
        own = (_likeness_of_others(known, usual=float(likeness.mean())) - likeness.mean()) / spread
        raw = np.empty(len(features))
        raw[labels == 0] = self._raw(normal, state)
        raw[labels == 1] = _combined(self._strangeness(anomalous, state), own)
        weight = (
            dict(self.class_weight)
            if isinstance(self.class_weight, Mapping)
            else (self.class_weight)
        )
        fitted = LogisticRegression(class_weight=weight).fit(raw[:, np.newaxis], labels)
        state["output"] = np.array([max(fitted.coef_[0, 0], 1e-3), fitted.intercept_[0]])
        return state

    def _score(self, features: NDArray[Any], state: State) -> NDArray[np.float64]:
        slope, offset = state["output"]
        return _squashed(slope * self._raw(features, state) + offset)

    def _judge(
        self, features: NDArray[Any], state: State
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        # The map shows what is strange; likeness is known of whole pictures only.
        return self._score(features, state), self._maps(features, state)

    def _raw(self, features: NDArray[Any], state: State) -> NDArray[np.float64]:
        mean, spread = state["likeness"]
        likeness = (_likeness(_directions(features, state), state["known"]) - mean) / spread
        return _combined(self._strangeness(features, state), likeness)

    def _strangeness(self, features: NDArray[Any], state: State) -> NDArray[np.float64]:
        mean, spread = state["strangeness"]
        standardized: NDArray[np.float64] = (super()._score(features, state) - mean) / spread
        return standardized

    def _honest_spread(self, normal: NDArray[Any]) -> NDArray[np.float64]:
        """Mean and deviation of the strangeness of normal images that were not learned from."""
        order = np.random.default_rng(self.seed).permutation(len(normal))
        learned, unseen = order[: len(order) // 2], order[len(order) // 2 :]
        if not len(learned):
            return np.array([0.0, 1.0])
        half = super()._learn(normal[learned], np.zeros(len(learned), np.int64))
        scores = super()._score(normal[unseen], half)
        return np.array([scores.mean(), max(float(scores.std()), 1e-9)])


def _squashed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """To 0 .. 1; unlike the logistic function, it keeps even the strangest apart."""
    return np.asarray(0.5 * (1 + values / (1 + np.abs(values))), np.float64)


def _combined(
    strangeness: NDArray[np.float64], likeness: NDArray[np.float64]
) -> NDArray[np.float64]:
    weighted: NDArray[np.float64] = _STRANGENESS_WEIGHT * strangeness + likeness
    return weighted


def _directions(features: NDArray[Any], state: State) -> NDArray[np.float64]:
    """Whole pictures whitened and brought to length 1, float64 of shape (n, dim)."""
    whitened = whiten(features[:, 0], state["level0.mean"], state["level0.projection"])
    lengths = np.linalg.norm(whitened, axis=1, keepdims=True)
    return np.asarray(whitened / np.maximum(lengths, 1e-12), np.float64)


def _likeness(directions: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithm of the mean of exp(sharpness * cosine) over known anomalies: (n, dim) to (n,)."""
    exponents = _SHARPNESS * directions @ known.T
    return np.asarray(logsumexp(exponents, axis=1) - np.log(len(known)), np.float64)


def _likeness_of_others(known: NDArray[np.float64], *, usual: float) -> NDArray[np.float64]:
    """The same for each known anomaly itself, which is left out: it is as like as can be.

    A single one has no others, and is taken to be as like as normal images usually are.
    """
    if len(known) == 1:
        return np.array([usual])
    cosines = known @ known.T
    np.fill_diagonal(cosines, -np.inf)
    others = logsumexp(_SHARPNESS * cosines, axis=1) - np.log(len(known) - 1)
    return np.asarray(others, np.float64)
