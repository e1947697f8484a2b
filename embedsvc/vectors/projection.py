"""Vectors as points of a plane: near stays near, as far as two dimensions allow."""

from __future__ import annotations

import sys
import warnings
from contextlib import nullcontext
from importlib.util import find_spec
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from embedsvc.errors import InputError, MissingExtraError
from embedsvc.vectors.checks import check_vectors, unit_rows
from embedsvc.vectors.neighbors import nearest_neighbors

Method = Literal["umap", "tsne", "pca"]
METHODS: tuple[Method, ...] = get_args(Method)

MOST_TSNE = 10_000
"""Vectors above which t-SNE would take more than some minutes."""

_TSNE_BY_DEFAULT = 5_000
_FEWEST = 5  # below it there are no neighbourhoods to keep
_DECIMALS = 6
_TSNE_DIM = 50
_PERPLEXITY = 30.0
_WORTH_THREADS = 1000
_PARAMETRIC = "umap.parametric_umap"


def project(
    vectors: ArrayLike,
    *,
    method: Method | None = None,
    seed: int = 0,
    n_neighbors: int = 15,
    min_dist: float = 0.3,
) -> NDArray[np.float32]:
    """Lay vectors out on a plane, by the angles between them.

    The same vectors always lie at the same place. The widest direction of the map is horizontal.

    Args:
        vectors: numbers of shape (n, dim).
        method: "umap" (needs the extra `plot`), "tsne" (up to 10,000 vectors) or "pca"; by default
            `default_method(n)`.
        seed: the same seed gives the same map.
        n_neighbors: neighbours that UMAP keeps together; more of them show more of the whole.
        min_dist: how close UMAP packs points, from 0 to 1.

    Returns:
        Places, float32 array of shape (n, 2), around (0, 0).

    Raises:
        InputError: no matrix of finite numbers, an unknown method, too many vectors for t-SNE, or
            an option out of range.
        MissingExtraError: UMAP is asked for and not installed.

    Example:
        >>> project(np.eye(3), method="pca").shape
        (3, 2)

    Source:
        McInnes, Healy and Melville, "UMAP", 2018, https://arxiv.org/abs/1802.03426; van der Maaten
        and Hinton, "Visualizing data using t-SNE", JMLR 9, 2008. That both start from the two main
        directions: Kobak and Linderman, Nature Biotechnology 39, 2021.
    """
    found = check_vectors(vectors)
    if n_neighbors < 2 or not 0 <= min_dist <= 1 or not 0 <= seed < 2**32:
        raise InputError(
            "Expected n_neighbors of at least 2, min_dist from 0 to 1 and a seed from 0 to 2^32, "
            f"got {n_neighbors}, {min_dist} and {seed}. Choose others, or leave them out."
        )
    method = check_method(default_method(len(found)) if method is None else method, len(found))
    rows, places = _distinct(unit_rows(found))
    if method == "pca" or len(rows) < _FEWEST:
        laid_out = _main_directions(rows, 2, seed)
    elif method == "tsne":
        laid_out = _turned(_tsne(rows, seed))
    else:
        laid_out = _turned(_umap(rows, seed, n_neighbors, min_dist))
    return laid_out[places]


def default_method(n: int) -> Method:
    """The method for n vectors: UMAP where it is installed, else t-SNE for few, PCA for many."""
    if has_umap():
        return "umap"
    return "tsne" if n <= _TSNE_BY_DEFAULT else "pca"


def has_umap() -> bool:
    """Whether umap-learn is installed."""
    return find_spec("umap") is not None


def check_method(method: str, n: int = 0) -> Method:
    """Check that a method is known, installed, and able to lay out n vectors.

    Raises:
        InputError: it is not known, or there are too many vectors.
        MissingExtraError: it is not installed.
    """
    if method not in METHODS:
        raise InputError(f"Expected a method out of {', '.join(METHODS)}, got {method!r}.")
    if method == "umap" and not has_umap():
        raise MissingExtraError(
            "Expected umap-learn to be installed, as the method umap needs it. Run: pip install "
            '"embedsvc[plot]", or choose the method tsne or pca.'
        )
    if method == "tsne" and n > MOST_TSNE:
        raise InputError(
            f"Expected at most {MOST_TSNE:,} vectors for the method tsne, got {n:,}. Choose umap "
            "or pca, or a part of the vectors."
        )
    return method


def _distinct(rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Rows without copies, in the order they come, and for each of all which of them it is."""
    seen: dict[bytes, int] = {}
    # The same text in another batch is the same but for the last digit; 0 is added to lose -0.
    keys = (row.round(_DECIMALS) + 0 for row in rows)
    places = np.array([seen.setdefault(key.tobytes(), len(seen)) for key in keys], np.int64)
    firsts = np.zeros(len(seen), np.int64)
    firsts[places[::-1]] = np.arange(len(rows))[::-1]
    return rows[firsts], places


def _main_directions(rows: NDArray[np.float32], n: int, seed: int) -> NDArray[np.float32]:
    """The rows along their n main directions, (n_rows, n); the signs do not depend on chance."""
    from sklearn.decomposition import PCA

    places = np.zeros((len(rows), n), np.float32)
    found = min(n, *rows.shape)
    if len(rows) > 1:
        pca = PCA(found, random_state=seed)
        places[:, :found] = pca.fit_transform(rows)
    return places


def _turned(places: NDArray[np.float32]) -> NDArray[np.float32]:
    """The widest direction horizontal, and the middle at (0, 0)."""
    wide = np.asarray(places, np.float64)
    wide -= wide.mean(axis=0)
    _, directions = np.linalg.eigh(wide.T @ wide)
    directions = directions[:, ::-1]
    largest = np.abs(directions).argmax(axis=0)
    directions = directions * np.sign(directions[largest, [0, 1]])
    return np.asarray(wide @ directions, np.float32)


def _tsne(rows: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    from sklearn.manifold import TSNE

    if min(rows.shape) > _TSNE_DIM:
        rows = _main_directions(rows, _TSNE_DIM, seed)
    perplexity = min(_PERPLEXITY, (len(rows) - 1) / 3)
    tsne = TSNE(2, perplexity=perplexity, init="pca", random_state=seed, n_jobs=-1)
    # For few rows, threads wait for each other longer than they work.
    with threadpool_limits(1) if len(rows) < _WORTH_THREADS else nullcontext():
        return np.asarray(tsne.fit_transform(rows), np.float32)


def _umap(
    rows: NDArray[np.float32], seed: int, n_neighbors: int, min_dist: float
) -> NDArray[np.float32]:
    n_neighbors = min(n_neighbors, len(rows) - 1)
    start = _main_directions(rows, 2, seed)
    start *= 10 / np.abs(start).max()
    module = _load_umap()
    with warnings.catch_warnings():
        # That transform() of other vectors is not to be had, which nobody asks for.
        warnings.filterwarnings("ignore", "precomputed_knn", UserWarning)
        model = module.UMAP(
            n_neighbors=n_neighbors,
            min_dist=min_dist,
            metric="cosine",
            init=start,
            random_state=seed,
            n_jobs=1,
            precomputed_knn=_neighbours(rows, n_neighbors),
        )
        places = model.fit_transform(rows)
    return np.asarray(places, np.float32)


def _neighbours(rows: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Each row itself and those nearest to it, k in all, with 1 - cosine: exact, on all cores."""
    positions, cosines = nearest_neighbors(rows, k=k - 1)
    own = np.arange(len(rows))[:, np.newaxis]
    distances = np.clip(1 - cosines, 0, 2)
    return np.hstack([own, positions]), np.hstack([np.zeros_like(distances[:, :1]), distances])


def _load_umap() -> Any:
    """Import UMAP without its one part that would load TensorFlow, for seconds."""
    stand_in = not {"tensorflow", "umap"} & set(sys.modules)
    if stand_in:
        sys.modules[_PARAMETRIC] = None  # type: ignore[assignment]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import umap
    finally:
        if stand_in:
            del sys.modules[_PARAMETRIC]
    return umap
