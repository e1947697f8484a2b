"""What every encoder is to scikit-learn: a transformer that has learned already."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin

Self = TypeVar("Self", bound="PretrainedEncoder")


class PretrainedEncoder(TransformerMixin, BaseEstimator, ABC):
    """An encoder whose model is pretrained, so that fitting is nothing but a check."""

    @property
    @abstractmethod
    def dim(self) -> int:
        """Components of a vector."""

    @abstractmethod
    def _check(self) -> None:
        """Check the settings."""

    def fit(self: Self, items: Any = None, y: Any = None) -> Self:
        """Do nothing but check the settings: the model is pretrained."""
        del items, y
        self._check()
        return self

    def transform(self, items: Iterable[Any]) -> NDArray[np.float32]:
        """The same as `encode`."""
        vectors: NDArray[np.float32] = self.encode(items)
        return vectors

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the components: "embedding0", "embedding1" and so on."""
        del input_features
        return np.array([f"embedding{i}" for i in range(self.dim)], dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __getstate__(self) -> dict[str, Any]:
        # Another process loads the model itself: networks and thread pools do not travel.
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if not name.startswith("_network")}
