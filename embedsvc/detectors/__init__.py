"""Anomaly detectors for images, one protocol for all, and one for vectors of anything."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embedsvc.detectors.autoencoder import Autoencoder
    from embedsvc.detectors.base import AnomalyDetector
    from embedsvc.detectors.gaussian import Gaussian
    from embedsvc.detectors.hog import Hog
    from embedsvc.detectors.ocsvm import OneClassSVM
    from embedsvc.detectors.outliers import VectorOutliers
    from embedsvc.detectors.patchcore import PatchCore
    from embedsvc.detectors.regressor import Regressor

_HOMES = {
    "AnomalyDetector": "embedsvc.detectors.base",
    "Autoencoder": "embedsvc.detectors.autoencoder",
    "Gaussian": "embedsvc.detectors.gaussian",
    "Hog": "embedsvc.detectors.hog",
    "OneClassSVM": "embedsvc.detectors.ocsvm",
    "PatchCore": "embedsvc.detectors.patchcore",
    "Regressor": "embedsvc.detectors.regressor",
    "VectorOutliers": "embedsvc.detectors.outliers",
}

__all__ = [
    "AnomalyDetector",
    "Autoencoder",
    "Gaussian",
    "Hog",
    "OneClassSVM",
    "PatchCore",
    "Regressor",
    "VectorOutliers",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'embedsvc.detectors' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
