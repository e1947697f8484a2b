"""How well describers find the points of pairs again: one pair after the other, all describers.

Pictures are decoded once a pair and dropped after it, so that memory does not grow with the pairs.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from embedsvc.errors import EmbedsvcError, InputError
from embedsvc.evaluation.matching import matching_accuracy, matching_ap
from embedsvc.images.decode import decode_image
from embedsvc.pairs.pair import Describer, MatchedPair, Points
from embedsvc.pairs.pairs_evaluation import Figures, Measurement, PairsEvaluation
from embedsvc.progress import Advance

THRESHOLDS = (1, 3, 5, 10)
"""Pixels within which a match is right."""

AP_THRESHOLD = 5.0
"""Pixels within which a match is right for the average precision."""

MAX_POINTS = 1000
"""Points of a pair that are measured; more make it slower, and the figures hardly surer."""


def evaluate(
    pairs: Iterable[MatchedPair],
    describers: Mapping[str, Describer],
    *,
    thresholds: Sequence[float] = THRESHOLDS,
    max_points: int = MAX_POINTS,
    seed: int = 0,
    advance: Advance = lambda count: None,
) -> PairsEvaluation:
    """Measure how often describers find the same place in the other picture.

    Each point of a pair's first picture is matched with the point of the second whose vector is
    most like its own, without any rule for what to leave out; see `matching_accuracy` and
    `matching_ap`. Where a pair has more than `max_points`, as many are drawn by `seed` and the
    pair's name: the same ones for all describers, and whichever other pairs are measured.

    Args:
        pairs: taken one at a time.
        describers: by the names they have in the result.
        thresholds: pixels within which a match is right.
        max_points: of each pair that are measured at most.
        seed: of the points that are drawn.
        advance: called with 1 for each describer of each pair.

    Returns:
        All figures. A describer's first call is not timed: it may have to compile.

    Raises:
        InputError: no pairs, no describers, a pair without points or with a picture that cannot be
            read, or vectors that are not usable; the message names the pair and the describer.
        EmbedsvcError: of the kind that a describer raised, with both named.

    Example:
        >>> from embedsvc.pairs.baselines import BASELINES
        >>> found = evaluate(read_pairs("packed"), {"sift": BASELINES["sift"]()})
        >>> found.mean("sift").accuracy[5]  # doctest: +SKIP
        0.62
    """
    if not describers:
        raise InputError("Expected at least one describer to measure, got none.")
    if max_points < 1:
        raise InputError(f"Expected max_points of 1 or more, got {max_points}.")
    limits = _in_order(thresholds)
    rows: list[Measurement] = []
    for pair in pairs:
        images, drawn = _decoded(pair), drawn_points(pair, max_points, seed=seed)
        for model, describer in describers.items():
            row = measure(
                model, describer, drawn, images, limits, warm_up=len(rows) < len(describers)
            )
            rows.append(replace(row, n_points=len(pair.points_a)))
            advance(1)
    if not rows:
        raise InputError("Expected at least one pair to measure, got none.")
    names = {model: describer.name for model, describer in describers.items()}
    return PairsEvaluation(limits, AP_THRESHOLD, names, tuple(rows), max_points, seed)


def measure(
    model: str,
    describer: Describer,
    pair: MatchedPair,
    images: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    thresholds: Sequence[float] = THRESHOLDS,
    *,
    warm_up: bool = False,
) -> Measurement:
    """Measure one describer on one pair.

    Args:
        model: what it is called in messages.
        describer: the describer.
        pair: all of its points are used.
        images: its pictures decoded, uint8 RGB of shape (height, width, 3) each.
        thresholds: pixels, rising.
        warm_up: whether a call that is not timed comes first.

    Raises:
        EmbedsvcError: as `evaluate`.
    """
    try:
        if warm_up:
            describer.describe(images[0], pair.points_a)
        vectors_a, ms_a = _timed(describer, images[0], pair.points_a)
        vectors_b, ms_b = _timed(describer, images[1], pair.points_b)
        accuracy = matching_accuracy(vectors_a, vectors_b, pair.points_b, thresholds=thresholds)
        ap = matching_ap(vectors_a, vectors_b, pair.points_b, threshold=AP_THRESHOLD)
    except EmbedsvcError as err:
        raise type(err)(f"{model} on the pair {pair.name}: {err}") from err
    except Exception as err:  # A describer may be anyone's, and networks have errors of their own.
        raise InputError(
            f"Expected {model} to describe points of the pair {pair.name}, got "
            f"{type(err).__name__}: {str(err)[:300]}. Leave out the model or the pair."
        ) from err
    figures = Figures(accuracy, ap, (ms_a + ms_b) / 2)
    n = len(pair.points_a)
    return Measurement(pair.name, pair.sequence, model, n, n, figures, (ms_a, ms_b))


def _timed(
    describer: Describer, image: NDArray[np.uint8], points: Points
) -> tuple[NDArray[np.float32], float]:
    start = time.perf_counter()
    vectors = describer.describe(image, points)
    return vectors, 1000 * (time.perf_counter() - start)


def drawn_points(pair: MatchedPair, most: int, *, seed: int) -> MatchedPair:
    """The pair with at most so many of its points, in their order.

    Args:
        pair: the pair.
        most: how many.
        seed: of what is drawn; the pair's name counts, too.
    """
    n = len(pair.points_a)
    if n <= most:
        return pair
    rng = np.random.default_rng(
        [seed, crc32(f"{pair.sequence}\n{pair.name}".encode("utf-8", "replace"))]
    )
    chosen = np.sort(rng.choice(n, most, replace=False))
    return replace(pair, points_a=pair.points_a[chosen], points_b=pair.points_b[chosen])


def _in_order(thresholds: Sequence[float]) -> tuple[float, ...]:
    limits = tuple(sorted(set(thresholds)))
    if not limits or not all(0 <= limit < float("inf") for limit in limits):
        raise InputError(
            f"Expected one threshold or more, of 0 pixels or more, got {list(thresholds)}."
        )
    return limits


def _decoded(pair: MatchedPair) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    if not len(pair.points_a):
        raise InputError(f"Expected points in the pair {pair.name}, got none. Leave it out.")
    try:
        return decode_image(pair.image_a), decode_image(pair.image_b)
    except InputError as err:
        raise InputError(f"The pair {pair.name}: {err}") from err
