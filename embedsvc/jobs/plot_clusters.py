"""Clusters for a map where there are none yet: found as `embedsvc cluster` finds them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from embedsvc.report.map_colors import NO_CLUSTER, Groups
from embedsvc.tables.contents import Contents
from embedsvc.text.keywords import group_keywords, name_of
from embedsvc.vectors.clustering import VectorClusterer

_FEWEST = 3


def found_clusters(
    vectors: NDArray[np.float32], contents: Contents | None, *, name: str, seed: int = 0
) -> Groups | None:
    """Find clusters, and name them by the keywords of their texts.

    Args:
        vectors: float32 array of shape (n, dim).
        contents: the texts behind them; without texts clusters are numbered.
        name: of what they are coloured by.
        seed: of the clustering.

    Returns:
        The clusters, or None where there are none, as of one or two vectors.
    """
    if len(vectors) < _FEWEST:
        return None
    labels = VectorClusterer(seed=seed).fit(vectors).labels_
    n = int(labels.max()) + 1
    if not n:
        return None
    names = [""] * n
    if contents is not None and contents.kind == "texts":
        names = [name_of(words) for words in group_keywords(contents.texts, labels)]
    return cluster_groups(name, labels, names)


def cluster_groups(name: str, labels: NDArray[np.int64], names: Sequence[str]) -> Groups:
    """Clusters as groups of points, with names that differ.

    Args:
        name: of what they are coloured by.
        labels: the cluster of each point, int64 of shape (n,), -1 for none.
        names: of the clusters; "" where one has none.
    """
    counts = Counter(names)
    distinct = [
        f"{one} ({i})" if one and counts[one] > 1 else one or f"cluster {i}"
        for i, one in enumerate(names)
    ]
    return Groups(name, distinct, labels.astype(np.int32), NO_CLUSTER)
