"""`cluster`: groups of vectors that are alike, named by the words of their texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from embedsvc.tables.contents import Contents
from embedsvc.tables.vector_table import VectorTable
from embedsvc.text.keywords import Keyword, group_keywords, name_of
from embedsvc.vectors.cluster_facts import NOISE, central_ranks
from embedsvc.vectors.clustering import VectorClusterer

OWN_COLUMNS = ("id", "cluster", "name", "confidence", "distance", "central")
_EXCERPT = 300


@dataclass(frozen=True)
class Cluster:
    """What is told of one cluster.

    Attributes:
        label: its number; 0 is the largest.
        size: how many rows it has.
        keywords: best first; none where there are no texts.
        central: positions of its most central rows, the most central first.
        confidence: mean over its rows.
        cohesion: mean cosine of its rows with its centre.
    """

    label: int
    size: int
    keywords: list[Keyword]
    central: list[int]
    confidence: float
    cohesion: float

    @property
    def name(self) -> str:
        """Its first keywords, "" where there are none."""
        return name_of(self.keywords)


@dataclass(frozen=True)
class Clustered:
    """What was found.

    Attributes:
        table: the vectors.
        contents: their texts or images, or None.
        clusterer: after fitting.
        clusters: by label.
        ranks: of each row among the most central of its cluster, shape (n,); 0 is none.
    """

    table: VectorTable
    contents: Contents | None
    clusterer: VectorClusterer
    clusters: list[Cluster]
    ranks: NDArray[np.int64]

    @property
    def n_noise(self) -> int:
        """How many rows are in no cluster."""
        return int((self.clusterer.labels_ == NOISE).sum())

    def shown(self, position: int) -> str:
        """What stands for a row: its text, its image, or its id."""
        value = None if self.contents is None else self.contents.values[position]
        return value or self.table.ids[position]


def cluster_vectors(
    table: VectorTable,
    clusterer: VectorClusterer,
    *,
    contents: Contents | None = None,
    n_central: int = 5,
    n_keywords: int = 10,
    advance: Callable[[int], None] = lambda count: None,
) -> Clustered:
    """Find clusters and what they are about.

    Args:
        table: the vectors.
        clusterer: how; it is fitted.
        contents: texts or images, to name and show clusters by.
        n_central: how many of the most central rows of each cluster are told.
        n_keywords: how many keywords of each cluster are told.
        advance: called with the number of clusterings just tried.

    Raises:
        InputError: too few vectors, or settings that do not fit them.
    """
    clusterer.fit(table.vectors, advance=advance)
    labels = clusterer.labels_
    ranks = central_ranks(labels, clusterer.distances_, n_central=n_central)
    keywords: list[list[Keyword]] = [[] for _ in range(clusterer.n_clusters_)]
    if contents is not None and contents.kind == "texts":
        keywords = group_keywords(contents.texts, labels, n_keywords=n_keywords)
    ranked = np.flatnonzero(ranks)
    ranked = ranked[np.lexsort((ranks[ranked], labels[ranked]))]
    clusters = []
    for label, words in enumerate(keywords):
        rows = np.flatnonzero(labels == label)
        clusters.append(
            Cluster(
                label=label,
                size=len(rows),
                keywords=words,
                central=ranked[labels[ranked] == label].tolist(),
                confidence=float(clusterer.probabilities_[rows].mean()),
                cohesion=1 - float(clusterer.distances_[rows].mean()),
            )
        )
    return Clustered(table, contents, clusterer, clusters, ranks)


def clustered_rows(found: Clustered, *, include_columns: Sequence[str] = ()) -> pa.Table:
    """One row a vector, in the order of the input.

    Returns:
        Rows `id`, `cluster`, `name`, `confidence`, `distance`, `central`, `text` or `image`, and
        the columns asked for.
    """
    clusterer, table = found.clusterer, found.table
    labels = clusterer.labels_
    names = [*(one.name for one in found.clusters), ""]  # -1, noise, is the last one
    rows: dict[str, Any] = {
        "id": pa.array(table.ids, pa.string()),
        "cluster": pa.array(labels),
        "name": pa.array([names[label] for label in labels.tolist()], pa.string()),
        "confidence": pa.array(clusterer.probabilities_),
        "distance": pa.array(clusterer.distances_),
        "central": pa.array(found.ranks, mask=found.ranks == 0),
    }
    if found.contents is not None:
        name = "text" if found.contents.kind == "texts" else "image"
        if name not in include_columns:
            rows[name] = pa.array(found.contents.values, pa.string())
    for name in include_columns:
        rows[name] = table.columns.column(name)
    return pa.table(rows)


def clusters_file(found: Clustered) -> dict[str, Any]:
    """What stands in OUT.clusters.json."""
    clusterer = found.clusterer
    choice, silhouette = clusterer.choice_, clusterer.silhouette_
    return {
        "n": len(found.table),
        "n_clusters": clusterer.n_clusters_,
        "n_noise": found.n_noise,
        "silhouette": None if silhouette is None else round(silhouette, 4),
        "method": clusterer.method,
        "settings": clusterer.get_params(),
        "n_looked_at": clusterer.n_looked_at_,
        "choice": None if choice is None else choice.to_json(),
        "clusters": [_cluster_in_json(found, one) for one in found.clusters],
    }


def _cluster_in_json(found: Clustered, cluster: Cluster) -> dict[str, Any]:
    central: list[dict[str, Any]] = []
    kind = None if found.contents is None else found.contents.kind
    for at in cluster.central:
        told = {"id": found.table.ids[at]}
        if found.contents is not None and found.contents.values[at]:
            told["text" if kind == "texts" else "image"] = found.shown(at)[:_EXCERPT]
        central.append(told)
    return {
        "cluster": cluster.label,
        "size": cluster.size,
        "name": cluster.name,
        "keywords": [
            {"keyword": one.text, "weight": round(one.weight, 5)} for one in cluster.keywords
        ],
        "central": central,
        "confidence": round(cluster.confidence, 4),
        "cohesion": round(cluster.cohesion, 4),
    }
