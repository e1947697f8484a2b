"""Numbers on vectors, whatever they came from."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embedsvc.vectors.cluster_facts import silhouettes
    from embedsvc.vectors.clustering import VectorClusterer
    from embedsvc.vectors.duplicates import Duplicates, find_duplicates
    from embedsvc.vectors.ivf import InvertedLists
    from embedsvc.vectors.neighbors import nearest_neighbors
    from embedsvc.vectors.projection import project
    from embedsvc.vectors.similarity import Search, similarity_matrix, top_k

_HOMES = {
    "Duplicates": "embedsvc.vectors.duplicates",
    "InvertedLists": "embedsvc.vectors.ivf",
    "Search": "embedsvc.vectors.similarity",
    "VectorClusterer": "embedsvc.vectors.clustering",
    "find_duplicates": "embedsvc.vectors.duplicates",
    "nearest_neighbors": "embedsvc.vectors.neighbors",
    "project": "embedsvc.vectors.projection",
    "silhouettes": "embedsvc.vectors.cluster_facts",
    "similarity_matrix": "embedsvc.vectors.similarity",
    "top_k": "embedsvc.vectors.similarity",
}

__all__ = [
    "Duplicates",
    "InvertedLists",
    "Search",
    "VectorClusterer",
    "find_duplicates",
    "nearest_neighbors",
    "project",
    "silhouettes",
    "similarity_matrix",
    "top_k",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'embedsvc.vectors' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
