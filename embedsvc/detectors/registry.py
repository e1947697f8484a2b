"""Detectors by name."""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING, Any

from embedsvc.errors import InputError

if TYPE_CHECKING:
    from embedsvc.detectors.base import AnomalyDetector

DETECTORS: dict[str, tuple[str, str]] = {
    "ocsvm": ("embedsvc.detectors.ocsvm", "OneClassSVM"),
    "gaussian": ("embedsvc.detectors.gaussian", "Gaussian"),
    "patchcore": ("embedsvc.detectors.patchcore", "PatchCore"),
    "autoencoder": ("embedsvc.detectors.autoencoder", "Autoencoder"),
    "regressor": ("embedsvc.detectors.regressor", "Regressor"),
    "hog": ("embedsvc.detectors.hog", "Hog"),
}
"""Where each kind is defined: they are imported when they are asked for, as that takes seconds."""

DEFAULT_METHOD = "ocsvm"
"""The kind that is used unless another is asked for."""


def detector_class(kind: str) -> type[AnomalyDetector]:
    """The class of a kind of detector.

    Raises:
        InputError: there is no such kind; the message lists those there are.
    """
    if kind not in DETECTORS:
        raise InputError(
            f"Expected a detector out of {', '.join(DETECTORS)}, got {kind!r}."
            f"{_guess(kind, list(DETECTORS))}"
        )
    module, name = DETECTORS[kind]
    found: type[AnomalyDetector] = getattr(importlib.import_module(module), name)
    return found


def make_detector(kind: str, **settings: Any) -> AnomalyDetector:
    """Make a detector, not fitted.

    Args:
        kind: a key of `DETECTORS`.
        settings: those of its class; their values are checked when it is fitted.

    Raises:
        InputError: no such kind, or it has no such setting.

    Example:
        >>> make_detector("patchcore", bank_size=4000)
        PatchCore(bank_size=4000)
    """
    from embedsvc.settings import setting_types

    detector = detector_class(kind)
    known = list(setting_types(detector))
    for name in settings:
        if name not in known:
            raise InputError(
                f"Expected settings of {kind}: {', '.join(known)}; got {name!r}."
                f"{_guess(name, known)}"
            )
    return detector(**settings)


def _guess(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name.lower(), known, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
