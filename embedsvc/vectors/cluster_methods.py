"""One function a method of clustering: different unit vectors in, labels out."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from embedsvc.vectors.cluster_choice import Choice, choose_clustering
from embedsvc.vectors.cluster_facts import (
    NOISE,
    center_cosines,
    cluster_centers,
    distances_to_centers,
)
from embedsvc.vectors.communities import louvain
from embedsvc.vectors.graph import neighbour_graph, sparse_rows
from embedsvc.vectors.spectral import spectral_rows
from embedsvc.vectors.threshold_communities import threshold_communities

Method = Literal["community", "hdbscan", "kmeans", "agglomerative"]
Reduce = Literal["auto", "spectral", "pca", "none"]
METHODS: tuple[Method, ...] = get_args(Method)
REDUCTIONS: tuple[Reduce, ...] = get_args(Reduce)

Advance = Callable[[int], None]
Labels = NDArray[np.int64]
Vectors = NDArray[np.float32]

# From a handful of large communities to many small ones.
RESOLUTIONS = (0.1, 0.2, 0.35, 0.6, 1.0, 1.5, 2.2, 3.3, 5.0, 7.5, 11.0, 16.0)
_FINE_RESOLUTIONS = (*RESOLUTIONS, 24.0, 36.0, 54.0, 81.0, 122.0, 183.0)
_DIM = 32
_MOST_CLUSTERS = 200
_CANDIDATES = 12
_FEW = 5_000
_FEWEST_REDUCED = 4
# A row is as near to a centre as its members where it is nearer than the farthest tenth of them.
_FARTHEST = 0.9


@dataclass(frozen=True)
class Settings:
    """What the methods share.

    Attributes:
        k: how many clusters, or None where the method finds that.
        min_size: the fewest rows of a cluster.
        threshold: of communities around single rows, or None.
        reduce: what is done to the vectors first.
        seed: of everything that is drawn.
    """

    k: int | None
    min_size: int
    threshold: float | None
    reduce: Reduce
    seed: int


@dataclass(frozen=True)
class Found:
    """What a method finds.

    Attributes:
        labels: int64 of shape (n,), from 0 without a gap, -1 for noise.
        choice: how the number of clusters was chosen, or None where nothing was.
    """

    labels: Labels
    choice: Choice | None = None


def find_communities(
    vectors: Vectors, counts: Labels, settings: Settings, advance: Advance
) -> Found:
    """Communities of the graph of nearest neighbours; what lies far from everything is noise."""
    if settings.threshold is not None:
        labels = threshold_communities(
            vectors, counts, threshold=settings.threshold, min_size=settings.min_size
        )
        return Found(labels)
    graph = neighbour_graph(vectors)
    # Something that is there many times is no outlier.
    kept = np.flatnonzero(~sparse_rows(graph.closeness) | (counts >= settings.min_size))
    inner, ties, inner_counts = vectors[kept], graph.weights[kept][:, kept], counts[kept]

    def cluster(resolution: float) -> Labels:
        found = louvain(ties, resolution=resolution, seed=settings.seed)
        return drop_small(inner, found, inner_counts, settings.min_size)

    labels = np.full(len(vectors), NOISE, np.int64)
    if settings.k is not None:
        labels[kept] = _exactly(settings.k, inner, ties, settings.seed)
        return Found(labels)
    labels[kept], choice = choose_clustering(inner, RESOLUTIONS, cluster, weak=1.0, advance=advance)
    return Found(labels, choice)


def find_density(vectors: Vectors, counts: Labels, settings: Settings, advance: Advance) -> Found:
    """HDBSCAN; rows between the clusters join one that is near, and are noise otherwise."""
    from sklearn.cluster import HDBSCAN

    # A row that is there many times is dense by itself.
    copies = np.minimum(counts, settings.min_size)
    first = np.cumsum(copies) - copies
    reduced = np.repeat(reduce_vectors(vectors, settings), copies, axis=0)
    size = min(settings.min_size, len(reduced))
    algorithm = HDBSCAN(min_cluster_size=size, min_samples=min(5, size), copy=True)
    labels = np.asarray(algorithm.fit_predict(reduced), np.int64)[first]
    advance(1)
    return Found(join_near(vectors, compact(labels)))


def find_means(vectors: Vectors, counts: Labels, settings: Settings, advance: Advance) -> Found:
    """K-means."""
    reduced = reduce_vectors(vectors, settings)
    cluster = partial(_k_means, reduced, counts, settings.seed)
    return _for_some_k(vectors, cluster, settings, advance)


def find_merged(vectors: Vectors, counts: Labels, settings: Settings, advance: Advance) -> Found:
    """Ward's agglomeration: one tree, cut at each number of clusters."""
    from scipy.cluster.hierarchy import ClusterWarning, fcluster, linkage

    reduced = reduce_vectors(vectors, settings)
    with warnings.catch_warnings():
        # Two rows of two numbers look like a matrix of distances, which they are not.
        warnings.simplefilter("ignore", ClusterWarning)
        tree = linkage(reduced.astype(np.float64), "ward")

    def cut(k: float) -> Labels:
        return compact(np.asarray(fcluster(tree, int(k), "maxclust"), np.int64) - 1)

    return _for_some_k(vectors, cut, settings, advance)


FINDERS: dict[Method, Callable[[Vectors, Labels, Settings, Advance], Found]] = {
    "community": find_communities,
    "hdbscan": find_density,
    "kmeans": find_means,
    "agglomerative": find_merged,
}


def reduce_vectors(vectors: Vectors, settings: Settings) -> Vectors:
    """Bring vectors to few dimensions, or leave them as they are.

    Returns:
        Float32 of shape (n, at most 32), or the very vectors.
    """
    if settings.reduce == "none" or len(vectors) < _FEWEST_REDUCED:
        return vectors
    if settings.reduce == "pca":
        from sklearn.decomposition import PCA

        dim = min(_DIM, *vectors.shape)
        return np.asarray(PCA(dim, random_state=settings.seed).fit_transform(vectors), np.float32)
    return spectral_rows(neighbour_graph(vectors).weights, dim=_DIM, seed=settings.seed)


def compact(labels: Labels) -> Labels:
    """Labels from 0 without a gap; -1 stays."""
    inside = labels >= 0
    found = np.full(len(labels), NOISE, np.int64)
    found[inside] = np.unique(labels[inside], return_inverse=True)[1]
    return found


def drop_small(vectors: Vectors, labels: Labels, counts: Labels, min_size: int) -> Labels:
    """Dissolve clusters of too few rows; their rows join one that is near, or are noise."""
    sizes = np.bincount(labels[labels >= 0], weights=counts[labels >= 0])
    small = (labels >= 0) & (sizes[labels] < min_size)
    if not small.any():
        return labels
    left = compact(np.where(small, NOISE, labels))
    return np.where(small, join_near(vectors, left), left)


def join_near(vectors: Vectors, labels: Labels) -> Labels:
    """Give rows of noise to the nearest cluster where they are as near as its members are.

    Args:
        vectors: unit vectors, float32 of shape (n, dim).
        labels: of the rows, shape (n,).

    Returns:
        Labels of shape (n,).
    """
    centers = cluster_centers(vectors, labels)
    outside = np.flatnonzero(labels < 0)
    if not len(centers) or not len(outside):
        return labels
    reach = member_reach(vectors, labels, centers, share=_FARTHEST)
    nearest, distances = nearest_centers(vectors[outside], centers)
    found = labels.copy()
    found[outside] = np.where(distances <= reach[nearest], nearest, NOISE)
    return found


def member_reach(vectors: Vectors, labels: Labels, centers: Vectors, *, share: float) -> Vectors:
    """How far from each centre a share of its members is within, float32 of shape (n_clusters,)."""
    distances = distances_to_centers(vectors, labels, centers)
    order = np.lexsort((distances, labels))
    order = order[labels[order] >= 0]
    sizes = np.bincount(labels[order], minlength=len(centers))
    at = np.cumsum(sizes) - sizes + np.ceil(share * sizes).astype(np.int64) - 1
    return np.asarray(distances[order][at], np.float32)


def nearest_centers(vectors: Vectors, centers: Vectors) -> tuple[Labels, Vectors]:
    """The nearest centre of each row and its cosine distance, each of shape (n,)."""
    nearest = np.empty(len(vectors), np.int64)
    distances = np.empty(len(vectors), np.float32)
    for rows, cosines in center_cosines(vectors, centers):
        nearest[rows] = cosines.argmax(axis=1)
        distances[rows] = 1 - cosines.max(axis=1)
    return nearest, np.clip(distances, 0, 2)


def _exactly(k: int, vectors: Vectors, ties: Any, seed: int) -> Labels:
    """Communities of a number that is given: a few more of them, and those that are near joined."""
    from sklearn.cluster import AgglomerativeClustering

    labels = np.zeros(len(vectors), np.int64)
    for resolution in _FINE_RESOLUTIONS:
        labels = louvain(ties, resolution=resolution, seed=seed)
        if labels.max(initial=-1) + 1 >= k:
            break
    centers = cluster_centers(vectors, labels)
    if len(centers) <= k:
        return labels
    joined = AgglomerativeClustering(k).fit_predict(centers)
    return np.asarray(joined[labels], np.int64)


def _k_means(reduced: Vectors, counts: Labels, seed: int, k: float) -> Labels:
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    few = len(reduced) < _FEW
    model = KMeans(int(k), n_init=3 if few else 1, random_state=seed)
    # Threads wait for each other longer than few rows take.
    with threadpool_limits(1 if few else None), warnings.catch_warnings():
        # Fewer different rows than clusters: then there are fewer clusters.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return compact(np.asarray(model.fit_predict(reduced, sample_weight=counts), np.int64))


def _for_some_k(
    vectors: Vectors, cluster: Callable[[float], Labels], settings: Settings, advance: Advance
) -> Found:
    n = len(vectors)
    if settings.k is not None:
        return Found(cluster(min(settings.k, n)))
    most = min(_MOST_CLUSTERS, max(2, n // 4), max(2, int(3 * np.sqrt(n))))
    sizes = np.unique(np.round(np.geomspace(2, most, _CANDIDATES)))
    labels, choice = choose_clustering(
        vectors, sizes, cluster, weak=min(most, np.sqrt(n) / 2), advance=advance
    )
    return Found(labels, choice)
