"""Matching points in pairs of images: descriptors learned from them, and found by them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embedsvc.pairs.baselines import BASELINES
    from embedsvc.pairs.fitting import warped_pairs
    from embedsvc.pairs.homography_fit import fit_homography
    from embedsvc.pairs.keypoints import find_keypoints
    from embedsvc.pairs.matching import match_points
    from embedsvc.pairs.measuring import evaluate
    from embedsvc.pairs.pair import MatchedPair
    from embedsvc.pairs.photometric import PhotometricOptions
    from embedsvc.pairs.pipeline import CropOptions, PackedPairsSource, SinglePictures
    from embedsvc.pairs.point_descriptor import UntrainedDescriptor
    from embedsvc.pairs.records import read_pairs
    from embedsvc.pairs.views import Views
    from embedsvc.pairs.warps import WarpOptions

_HOMES = {
    "BASELINES": "embedsvc.pairs.baselines",
    "CropOptions": "embedsvc.pairs.pipeline",
    "MatchedPair": "embedsvc.pairs.pair",
    "PackedPairsSource": "embedsvc.pairs.pipeline",
    "PhotometricOptions": "embedsvc.pairs.photometric",
    "SinglePictures": "embedsvc.pairs.pipeline",
    "UntrainedDescriptor": "embedsvc.pairs.point_descriptor",
    "Views": "embedsvc.pairs.views",
    "WarpOptions": "embedsvc.pairs.warps",
    "evaluate": "embedsvc.pairs.measuring",
    "find_keypoints": "embedsvc.pairs.keypoints",
    "fit_homography": "embedsvc.pairs.homography_fit",
    "match_points": "embedsvc.pairs.matching",
    "read_pairs": "embedsvc.pairs.records",
    "warped_pairs": "embedsvc.pairs.fitting",
}

__all__ = [
    "BASELINES",
    "CropOptions",
    "MatchedPair",
    "PackedPairsSource",
    "PhotometricOptions",
    "SinglePictures",
    "UntrainedDescriptor",
    "Views",
    "WarpOptions",
    "evaluate",
    "find_keypoints",
    "fit_homography",
    "match_points",
    "read_pairs",
    "warped_pairs",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'embedsvc.pairs' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
