"""Groups of vectors that are alike, as a scikit-learn estimator."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClusterMixin

from embedsvc.errors import InputError, NotFittedError
from embedsvc.settings import fits, in_words, setting_types
from embedsvc.vectors.checks import check_same_dim, check_vectors, unit_rows
from embedsvc.vectors.cluster_choice import Choice
from embedsvc.vectors.cluster_facts import (
    NOISE,
    center_confidence,
    cluster_centers,
    distances_to_centers,
    unit_silhouettes,
)
from embedsvc.vectors.cluster_methods import (
    FINDERS,
    Found,
    Method,
    Reduce,
    Settings,
    member_reach,
    nearest_centers,
)
from embedsvc.vectors.distinct import DistinctRows, distinct_rows
from embedsvc.vectors.sampling import some_rows

# What each method can look at on one machine; other rows join the nearest cluster.
MOST_ROWS: dict[Method, int] = {
    "community": 50_000,
    "hdbscan": 20_000,
    "kmeans": 20_000,
    "agglomerative": 10_000,
}
_NEEDS_MIN_SIZE = ("community", "hdbscan")


class VectorClusterer(ClusterMixin, BaseEstimator):
    """Puts vectors that are alike into clusters, by the cosine between them.

    Rows of zeros are like nothing, and are noise. Equal rows get the same label. The order of the
    rows makes no difference.

    | method          | finds                                      | noise | clusters     |
    |-----------------|--------------------------------------------|-------|--------------|
    | "community"     | communities of the nearest-neighbour graph | yes   | found or `k` |
    | ... `threshold` | groups within a cosine of their middle row | yes   | found        |
    | "hdbscan"       | dense regions                              | yes   | found        |
    | "kmeans"        | groups of about the same width             | no    | found or `k` |
    | "agglomerative" | Ward's tree, cut                           | no    | found or `k` |

    Args:
        method: see the table.
        k: the number of clusters; "auto" takes the fewest whose silhouette is near the best.
        min_size: the fewest rows of a cluster, for methods with noise; by default a hundredth of
            the rows, at least 3 (2 of fewer than 30 rows), at most 10.
        threshold: the least cosine of a row with the middle row of its group; for "community".
        reduce: what methods other than "community" look at: "spectral" (32 dimensions of the
            nearest-neighbour graph), "pca" (32 principal components) or "none" (the vectors); by
            default "spectral" for "hdbscan", which finds little in many dimensions, and "none".
        seed: of all that is drawn.

    Attributes:
        labels_: the cluster of each row, int64 of shape (n,): 0 is the largest one, -1 is noise.
        probabilities_: how sure it is that a row belongs to its cluster and no other, float32 of
            shape (n,); 0 for noise.
        distances_: cosine distance of each row to the centre of its cluster, to the nearest one for
            noise, float32 of shape (n,).
        centers_: mean direction of each cluster, float32 of shape (n_clusters, dim).
        n_clusters_: how many there are.
        silhouette_: mean over the rows in clusters, by cosine distance; None for fewer than two.
        choice_: how the number of clusters was chosen, or None where it was not.
        silhouettes_: that of each row, float32 of shape (n,), NaN for noise.
        n_looked_at_: how many different rows the method itself saw.
        is_sampled_: whether those were not all; the others are given to the nearest cluster.
        reach_: cosine distance of the farthest member of each cluster, float32 of (n_clusters,).
        n_features_in_: dim.

    Example:
        >>> clusterer = VectorClusterer().fit(vectors)
        >>> clusterer.labels_, clusterer.choice_.reason

    Source: the files of the methods; silhouettes by Rousseeuw, 1987.
    """

    def __init__(
        self,
        method: Method = "community",
        *,
        k: int | Literal["auto"] = "auto",
        min_size: int | None = None,
        threshold: float | None = None,
        reduce: Reduce = "auto",
        seed: int = 0,
    ) -> None:
        self.method = method
        self.k = k
        self.min_size = min_size
        self.threshold = threshold
        self.reduce = reduce
        self.seed = seed

    def fit(
        self, X: ArrayLike, y: object = None, *, advance: Callable[[int], None] = lambda count: None
    ) -> Self:
        """Find the clusters.

        Args:
            X: numbers of shape (n, dim), n at least 2.
            y: not used.
            advance: called with the number of clusterings just tried.

        Raises:
            InputError: no matrix of finite numbers, or settings that do not fit it or each other.
        """
        check_clusterer(self)
        vectors = unit_rows(check_vectors(X, least=2))
        n, self.n_features_in_ = vectors.shape
        if self.k != "auto" and self.k > n:
            raise InputError(
                f"Expected k to be at most the number of vectors, {n:,}, got {self.k:,}. "
                "Ask for fewer clusters, or leave k out."
            )
        filled = np.flatnonzero(vectors.any(axis=1))
        labels = np.full(n, NOISE, np.int64)
        self.choice_: Choice | None = None
        self.n_looked_at_, self.is_sampled_ = 0, False
        if len(filled):
            rows = vectors if len(filled) == n else vectors[filled]
            labels[filled] = self._label(rows, self._settings(n), advance)
        self._describe(vectors, _largest_first(labels))
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:
        """The nearest cluster of other vectors.

        Args:
            X: numbers of shape (n, dim).

        Returns:
            Labels, int64 of shape (n,): the cluster with the nearest centre, -1 for a row that is
            farther from it than all of its members, and for a row of zeros.

        Raises:
            NotFittedError: nothing was learned yet.
            InputError: no matrix of finite numbers, or another dim.
        """
        if not hasattr(self, "centers_"):
            raise NotFittedError("Expected clusters to look among, got none. Call fit first.")
        vectors = unit_rows(check_vectors(X))
        check_same_dim(vectors, self.centers_)
        if not len(self.centers_):
            return np.full(len(vectors), NOISE, np.int64)
        nearest, distances = nearest_centers(vectors, self.centers_)
        return np.where(_within(distances, self.reach_[nearest]), nearest, NOISE)

    def _label(
        self, vectors: NDArray[np.float32], settings: Settings, advance: Callable[[int], None]
    ) -> NDArray[np.int64]:
        """Labels of rows that are not zeros, shape (n,)."""
        distinct = distinct_rows(vectors)
        looked_at = some_rows(
            np.arange(len(distinct.first)), MOST_ROWS[self.method], seed=settings.seed
        )
        self.n_looked_at_ = len(looked_at)
        self.is_sampled_ = len(looked_at) < len(distinct.first)
        rows = vectors[distinct.first[looked_at]]
        counts = distinct.counts[looked_at]
        if len(rows) == 1:
            # All of them are the same.
            enough = counts[0] >= settings.min_size or self.method not in _NEEDS_MIN_SIZE
            found = Found(np.full(1, 0 if enough else NOISE, np.int64))
        else:
            found = FINDERS[self.method](rows, counts, settings, advance)
        self.choice_ = found.choice
        if not self.is_sampled_:
            return found.labels[distinct.owner]
        return self._spread(vectors, distinct, looked_at, found.labels)

    def _spread(
        self,
        vectors: NDArray[np.float32],
        distinct: DistinctRows,
        looked_at: NDArray[np.int64],
        labels: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """Give the rows that were not looked at to the nearest cluster."""
        rows = vectors[distinct.first[looked_at]]
        centers = cluster_centers(rows, labels)
        if not len(centers):
            return np.full(len(vectors), NOISE, np.int64)
        found, distances = nearest_centers(vectors, centers)
        if self.method in _NEEDS_MIN_SIZE:
            reach = member_reach(rows, labels, centers, share=1.0)
            found = np.where(_within(distances, reach[found]), found, NOISE)
        own = np.full(len(distinct.first), -2, np.int64)
        own[looked_at] = labels
        return np.where(own[distinct.owner] > -2, own[distinct.owner], found)

    def _describe(self, vectors: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
        self.labels_ = labels
        self.centers_ = cluster_centers(vectors, labels)
        self.n_clusters_ = len(self.centers_)
        self.distances_ = distances_to_centers(vectors, labels, self.centers_)
        self.probabilities_ = center_confidence(vectors, labels, self.centers_, self.distances_)
        self.silhouettes_ = unit_silhouettes(vectors, labels, self.n_clusters_)
        known = self.silhouettes_[labels >= 0]
        self.silhouette_ = float(known.mean(dtype=np.float64)) if self.n_clusters_ > 1 else None
        self.reach_ = member_reach(vectors, labels, self.centers_, share=1.0)

    def _settings(self, n: int) -> Settings:
        reduce = self.reduce
        if reduce == "auto":
            reduce = "spectral" if self.method == "hdbscan" else "none"
        usual = max(2 if n < 30 else 3, min(10, n // 100))
        return Settings(
            k=None if self.k == "auto" else self.k,
            min_size=usual if self.min_size is None else self.min_size,
            threshold=self.threshold,
            reduce=reduce,
            seed=self.seed,
        )


def check_clusterer(clusterer: VectorClusterer) -> None:
    """Check settings by themselves and with each other, before anything is read.

    Raises:
        InputError: one is of no use; the message names it.
    """
    for name, hint in setting_types(type(clusterer)).items():
        value = getattr(clusterer, name)
        if not fits(value, hint):
            raise InputError(f"Expected {name} to be {in_words(hint)}, got {value!r}.")
    for name, least in (("k", 1), ("min_size", 2), ("seed", 0)):
        value = getattr(clusterer, name)
        if isinstance(value, int) and value < least:
            raise InputError(f"Expected {name} to be at least {least}, got {value}.")
    method, threshold = clusterer.method, clusterer.threshold
    if threshold is not None and not (math.isfinite(threshold) and 0 < threshold <= 1):
        raise InputError(
            f"Expected threshold, a cosine, to be above 0 and at most 1, got {threshold}. "
            "0.75 is a usual one."
        )
    if threshold is not None and method != "community":
        raise InputError(
            f"Expected threshold with the method 'community' only, got it with {method!r}. "
            "Leave it out, or change the method."
        )
    if clusterer.k != "auto" and (method == "hdbscan" or threshold is not None):
        what = "hdbscan" if method == "hdbscan" else "a threshold"
        raise InputError(
            f"Expected no k with {what}, which finds the number of clusters, got {clusterer.k}. "
            "Leave it out, or use the method 'kmeans'."
        )
    if clusterer.min_size is not None and method not in _NEEDS_MIN_SIZE:
        raise InputError(
            f"Expected min_size with {' or '.join(_NEEDS_MIN_SIZE)} only, got it with {method!r}. "
            "Leave it out, or change the method."
        )
    if clusterer.reduce != "auto" and method == "community":
        raise InputError(
            f"Expected no reduce with 'community', which works on neighbours, got "
            f"{clusterer.reduce!r}. Leave it out, or change the method."
        )


def _within(distances: NDArray[np.float32], reach: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.asarray(distances <= reach + np.float32(1e-5))


def _largest_first(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number clusters by size; of equal ones the order stays."""
    inside = labels >= 0
    if not inside.any():
        return labels
    order = np.argsort(-np.bincount(labels[inside]), kind="stable")
    found = labels.copy()
    found[inside] = np.argsort(order)[labels[inside]]
    return found
