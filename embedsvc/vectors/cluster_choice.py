"""How many clusters: the fewest whose silhouette is near the best."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedsvc.vectors.cluster_facts import unit_silhouettes

# Checked on 13 sets of texts and images of 5 to 77 classes: of clusterings about as good, the one
# with the fewest clusters is nearest to the classes people made, and easiest to read.
_NEAR_BEST = 0.9
_WEAK = 0.08


@dataclass(frozen=True)
class Candidate:
    """One clustering that was tried.

    Attributes:
        setting: the resolution, or the number of clusters, it was made with.
        n_clusters: how many it has.
        silhouette: mean over the rows.
    """

    setting: float
    n_clusters: int
    silhouette: float


@dataclass(frozen=True)
class Choice:
    """How the number of clusters came about.

    Attributes:
        candidates: what was tried.
        chosen: which of them was taken.
        reason: a sentence for people.
    """

    candidates: tuple[Candidate, ...]
    chosen: int
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a file."""
        return {
            "reason": self.reason,
            "candidates": [
                {
                    "setting": round(one.setting, 4),
                    "n_clusters": one.n_clusters,
                    "silhouette": round(one.silhouette, 4),
                    "chosen": at == self.chosen,
                }
                for at, one in enumerate(self.candidates)
            ],
        }


def choose_clustering(
    vectors: NDArray[np.float32],
    settings: Iterable[float],
    cluster: Callable[[float], NDArray[np.int64]],
    *,
    weak: float,
    advance: Callable[[int], None] = lambda count: None,
) -> tuple[NDArray[np.int64], Choice | None]:
    """Try settings from coarse to fine, and take the coarsest that is nearly as good as any.

    Args:
        vectors: unit vectors, float32 of shape (n, dim).
        settings: what is tried.
        cluster: gives labels of shape (n,) for a setting, from 0 without a gap, -1 for noise.
        weak: the setting that is taken where no clustering stands out.
        advance: called with 1 after each setting.

    Returns:
        The labels, and how they were chosen; no choice where nothing has two clusters.
    """
    tried: list[tuple[Candidate, NDArray[np.int64]]] = []
    last = np.zeros(len(vectors), np.int64)
    for setting in settings:
        last = cluster(setting)
        n_clusters = int(last.max(initial=-1)) + 1
        if n_clusters > 1 and (not tried or tried[-1][0].n_clusters != n_clusters):
            scores = unit_silhouettes(vectors, last, n_clusters)
            # Rows without a cluster count as 0: who leaves many out gains nothing by it.
            mean = float(np.nan_to_num(scores).mean())
            tried.append((Candidate(setting, n_clusters, mean), last))
        advance(1)
    if not tried:
        return last, None
    candidates = tuple(one for one, _ in tried)
    chosen, reason = _chosen(candidates, weak)
    return tried[chosen][1], Choice(candidates, chosen, reason)


def _chosen(candidates: tuple[Candidate, ...], weak: float) -> tuple[int, str]:
    scores = np.array([one.silhouette for one in candidates])
    best = int(scores.argmax())
    top = candidates[best]
    if top.silhouette < _WEAK:
        at = int(np.argmin([abs(np.log(one.setting / weak)) for one in candidates]))
        return at, (
            f"{candidates[at].n_clusters} clusters: no number of clusters stands out (silhouettes "
            f"up to {top.silhouette:.3f} only), the vectors form hardly any groups"
        )
    near = [
        at for at, one in enumerate(candidates) if one.silhouette >= _NEAR_BEST * top.silhouette
    ]
    at = min(near, key=lambda one: candidates[one].n_clusters)
    taken = candidates[at]
    if at == best:
        return at, (
            f"{taken.n_clusters} clusters have the best silhouette, {taken.silhouette:.3f}, of all "
            f"that were tried ({len(candidates)})"
        )
    return at, (
        f"{taken.n_clusters} clusters are the fewest with a silhouette ({taken.silhouette:.3f}) "
        f"within 10 % of the best of {len(candidates)} tried ({top.silhouette:.3f}, at "
        f"{top.n_clusters})"
    )
