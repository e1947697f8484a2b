"""The homography that most matches agree on, and which those are."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.measure import ransac

from embedsvc.errors import InputError
from embedsvc.images.homographies import apply_homography, check_homography

_SAMPLE = 4
_WIDER = (4.0, 2.0, 1.0, 1.0, 1.0, 1.0)
"""Thresholds of the refits: four noisy matches are a little off, and find all others so."""
_BEST = (8, 3)
"""The best eighth and third of the matches are searched first."""
_FEWEST_BEST = 16
_FAR = 1e9  # pixels
_TRIANGLES = np.array([[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]])
_THINNEST = 1.0  # square pixels of twice a triangle; points on a line fix no homography


@dataclass(frozen=True)
class HomographyFit:
    """What a search for a homography found.

    Attributes:
        homography: float64 array of shape (3, 3), from the first picture to the second, its last
            number 1; None where there is none.
        inliers: bool array of shape (n_matches,), the matches that agree with it.
        reason: why there is none, for a sentence; None where there is one.
    """

    homography: NDArray[np.float64] | None
    inliers: NDArray[np.bool_]
    reason: str | None = None

    @property
    def n_inliers(self) -> int:
        """How many matches agree."""
        return int(self.inliers.sum())


def fit_homography(
    points_a: ArrayLike,
    points_b: ArrayLike,
    *,
    threshold: float = 3.0,
    quality: ArrayLike | None = None,
    seed: int = 0,
    max_trials: int = 5000,
) -> HomographyFit:
    """Find the homography that the most matches agree on, through RANSAC.

    Pictures of a plane are related by a homography, and so are pictures of anything that were taken
    from one place. It is fitted to all matches that agree, until these stay the same. Any four
    matches agree on some homography, and among many wrong matches more do by chance: a homography
    is taken only where fewer than one such agreement was to be expected among wrong matches spread
    evenly over the second picture (Moisan et al.). That needs five matches at least.

    Args:
        points_a: numbers of shape (n_matches, 2), points of the first picture.
        points_b: numbers of shape (n_matches, 2), the matching ones of the second picture.
        threshold: pixels in the second picture up to which a match agrees.
        quality: numbers of shape (n_matches,), higher for matches that are more likely right. The
            best are searched first and then all, which finds what few of many matches agree on.
        seed: of the random samples; the same seed gives the same result.
        max_trials: samples at most of each search; fewer are drawn once all was found with 99.9 %
            certainty.

    Returns:
        The homography and its inliers; or none, and the reason.

    Raises:
        InputError: the shapes do not fit, NaN or infinity, or an option out of its range.

    Example:
        >>> square = np.array([[0, 0], [100, 0], [0, 100], [100, 100], [50, 20]])
        >>> fit_homography(square, square + [5, 7]).homography.round(6)[:2, 2].tolist()
        [5.0, 7.0]

    Source:
        M. A. Fischler, R. C. Bolles, "Random sample consensus", Communications of the ACM 24, 1981;
        the number to expect by chance: L. Moisan, P. Moulon, P. Monasse, "Automatic homographic
        registration of a pair of images, with a contrario elimination of outliers", IPOL 2, 2012.
    """
    a, b = _checked(points_a, "first"), _checked(points_b, "second")
    if len(a) != len(b):
        raise InputError(f"Expected as many points in both pictures, got {len(a)} and {len(b)}.")
    if not 0 < threshold < math.inf or max_trials < 1:
        raise InputError(
            "Expected a threshold above 0 pixels and max_trials of at least 1, got "
            f"{threshold} and {max_trials}."
        )
    nothing = np.zeros(len(a), np.bool_)
    reason = _unfit(a, b)
    if reason is not None:
        return HomographyFit(None, nothing, reason)
    homography: NDArray[np.float64] | None = None
    inliers = nothing
    for rows in _searched(len(a), quality):
        found = np.zeros(len(a), np.bool_)
        known = inliers[rows] if inliers[rows].sum() > _SAMPLE else None
        found[rows] = _consensus(a[rows], b[rows], known, threshold, seed, max_trials)
        fit = _refitted(a, b, found, threshold)
        if fit[1].sum() > inliers.sum():
            homography, inliers = fit
    n = int(inliers.sum())
    if homography is None or _by_chance(n, b, threshold):
        return HomographyFit(
            None, nothing, f"at most {n} of {len(a)} matches agree on one, as many as by chance"
        )
    return HomographyFit(homography, inliers)


def _checked(points: ArrayLike, which: str) -> NDArray[np.float64]:
    found = np.asarray(points, np.float64)
    if found.ndim != 2 or found.shape[1] != 2 or not np.isfinite(found).all():
        raise InputError(
            f"Expected finite points of shape (n_matches, 2) in the {which} picture, got shape "
            f"{found.shape}{'' if np.isfinite(found).all() else ' with NaN or infinity'}."
        )
    return found


def _searched(n: int, quality: ArrayLike | None) -> list[NDArray[np.int64]]:
    """The rows of each search: the best, and all."""
    if quality is None:
        return [np.arange(n)]
    given = np.asarray(quality, np.float64)
    if given.shape != (n,):
        raise InputError(f"Expected quality of shape ({n},), got {given.shape}.")
    order = np.argsort(-given, kind="stable")
    return [*(order[: n // part] for part in _BEST if n // part >= _FEWEST_BEST), order]


def _unfit(a: NDArray[np.float64], b: NDArray[np.float64]) -> str | None:
    """Why matches fix no homography, whichever of them are right."""
    if len(a) <= _SAMPLE:
        return f"it takes at least 5 matches to tell, got {len(a)}"
    for points, which in ((a, "first"), (b, "second")):
        distinct = np.unique(points, axis=0)
        if len(distinct) < _SAMPLE:
            return f"all points of the {which} picture lie in fewer than 4 places"
        sizes = np.linalg.svd(distinct - distinct.mean(axis=0), compute_uv=False)
        if sizes[1] < 1e-3 * sizes[0]:
            return f"all points of the {which} picture lie on a line"
    return None


def _consensus(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    known: NDArray[np.bool_] | None,
    threshold: float,
    seed: int,
    max_trials: int,
) -> NDArray[np.bool_]:
    """The matches that agree on a homography of four, where the most do.

    At first on that of all matches known to agree.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # That nothing was found is told by what it returns, too.
        warnings.simplefilter("ignore")
        _, inliers = ransac(
            (a, b),
            _Model,
            min_samples=_SAMPLE,
            residual_threshold=threshold,
            is_data_valid=_is_sound,
            initial_inliers=known,
            max_trials=max_trials,
            stop_probability=0.999,
            rng=np.random.default_rng(seed),
        )
    return np.zeros(len(a), np.bool_) if inliers is None else np.asarray(inliers, np.bool_)


def _is_sound(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    """Whether four matches may be of one plane in front of both cameras.

    Then no three are on a line, and all triangles of three are turned over, or none.
    """
    if len(a) > _SAMPLE:  # Those that were known to agree.
        return True
    areas_a, areas_b = (_areas(points[_TRIANGLES]) for points in (a, b))
    if min(np.abs(areas_a).min(), np.abs(areas_b).min()) < _THINNEST:
        return False
    same = areas_a * areas_b > 0
    return bool(same.all() or not same.any())


def _areas(triangles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Twice the areas with their signs of triangles of shape (n, 3, 2)."""
    u, v = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    return np.asarray(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])


def _refitted(
    a: NDArray[np.float64], b: NDArray[np.float64], inliers: NDArray[np.bool_], threshold: float
) -> tuple[NDArray[np.float64] | None, NDArray[np.bool_]]:
    """A homography of all its inliers, and these."""
    best: tuple[NDArray[np.float64] | None, NDArray[np.bool_]] = (None, inliers)
    for wider in _WIDER:
        homography = _estimated(a[inliers], b[inliers])
        if homography is None:
            break
        distances = _distances(homography, a, b)
        inliers = distances < wider * threshold
        agree = distances < threshold
        if best[0] is None or agree.sum() >= best[1].sum():
            best = (homography, agree)
    return best


class _Model:
    """A homography as `ransac` asks for it.

    `ProjectiveTransform` of scikit-image gives the same, but its memory and time grow with the
    square of the number of points: over a second for 1,300.
    """

    def __init__(self, matrix: NDArray[np.float64]) -> None:
        self._matrix = matrix

    @classmethod
    def from_estimate(cls, a: NDArray[np.float64], b: NDArray[np.float64]) -> _Model | None:
        """The homography of four matches, or the best of more."""
        matrix = _estimated(a, b)
        return None if matrix is None else cls(matrix)

    def residuals(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pixels between where points lie and where they should; of shape (n_matches,)."""
        return _distances(self._matrix, a, b)


def _distances(
    homography: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64]
) -> NDArray[np.float64]:
    distances = np.linalg.norm(apply_homography(homography, a) - b, axis=1)
    return np.asarray(np.nan_to_num(distances, nan=_FAR, posinf=_FAR))


def _estimated(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """The normalized direct linear transform, as in Hartley and Zisserman, algorithm 4.2."""
    if len(a) < _SAMPLE:
        return None
    (a, to_a), (b, to_b) = _normalized(a), _normalized(b)
    ones, zeros = np.ones((len(a), 1)), np.zeros((len(a), 3))
    known = np.hstack([a, ones])  # (n, 3)
    equations = np.vstack(
        [
            np.hstack([known, zeros, -b[:, :1] * known]),
            np.hstack([zeros, known, -b[:, 1:] * known]),
        ]
    )  # (2 n, 9)
    # At most nine equations that say the same; of eight, the ninth direction is that without any.
    _, _, directions = np.linalg.svd(np.linalg.qr(equations, mode="r"))
    matrix = np.asarray(np.linalg.inv(to_b) @ directions[-1].reshape(3, 3) @ to_a)
    try:
        homography = check_homography(matrix)
    except InputError:  # It maps everything onto a line.
        return None
    in_front = float(homography[2] @ _middle(to_a)) > 0
    return homography if in_front else -homography


def _normalized(
    points: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points around 0 at distances around 1, and the matrix of shape (3, 3) that makes them so."""
    middle = points.mean(axis=0)
    scale = np.sqrt(2) / max(float(np.linalg.norm(points - middle, axis=1).mean()), 1e-12)
    matrix = np.diag([scale, scale, 1.0])
    matrix[:2, 2] = -scale * middle
    return (points - middle) * scale, matrix


def _middle(normalizing: NDArray[np.float64]) -> NDArray[np.float64]:
    """The point that a matrix of `_normalized` brings to 0, as (x, y, 1)."""
    return np.array([*(-normalizing[:2, 2] / normalizing[0, 0]), 1.0])


def _by_chance(n_inliers: int, b: NDArray[np.float64], threshold: float) -> bool:
    """Whether wrong matches were to be expected to agree as well, once or more often."""
    n = len(b)
    if n_inliers <= _SAMPLE:
        return True
    area = float(np.prod(np.ptp(b, axis=0)))
    share = min(1.0, math.pi * threshold**2 / area)
    expected = (
        math.log(n - _SAMPLE)
        + _log_choose(n, n_inliers)
        + _log_choose(n_inliers, _SAMPLE)
        + (n_inliers - _SAMPLE) * math.log(share)
    )
    return expected >= 0


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
