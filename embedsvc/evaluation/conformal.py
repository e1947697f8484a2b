"""Thresholds, p-values and doubts from the scores of normal images alone.

If a new normal image is exchangeable with the calibration images (drawn as they were, scored by a
detector that did not learn from them), its rank among them is uniform. That alone gives a
p-value and a threshold whose false alarms are known beforehand, whatever the scores look like.

Source:
    Vovk, Gammerman, Shafer: Algorithmic Learning in a Random World, 2005.
    Laxhammar, Falkman: Conformal prediction for distribution-independent anomaly detection in
    streaming vessel data, 2010 (https://doi.org/10.1145/1833280.1833285).
    Bates, Candes, Lei, Romano, Sesia: Testing for outliers with conformal p-values, 2023
    (https://arxiv.org/abs/2104.08279).
"""

from __future__ import annotations

from decimal import ROUND_CEILING, Context, Decimal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from embedsvc.errors import InputError
from embedsvc.evaluation.checks import check_scores, check_share

_USUAL_RATE = 0.05
_FEWEST_JUDGED = 20


def conformal_p_values(scores: ArrayLike, calibration: ArrayLike) -> NDArray[np.float64]:
    """How rare each score is among normal images.

    Args:
        scores: numbers of shape (n,), any number of them.
        calibration: scores of normal images that the detector did not learn from, shape
            (n_calibration,).

    Returns:
        (1 + how many calibration scores are at least as high) / (n_calibration + 1), float64 of
        shape (n,), more than 0, at most 1. Of normal images a share of at most p has a p-value
        of p or less.

    Raises:
        InputError: scores that are not finite numbers, or an empty calibration.

    Example:
        >>> conformal_p_values([0.0, 5.0], [1.0, 2.0, 3.0]).tolist()
        [1.0, 0.25]
    """
    known = _checked_calibration(calibration)
    n_at_least = len(known) - np.searchsorted(known, check_scores(scores), side="left")
    return np.asarray((1 + n_at_least) / (len(known) + 1), np.float64)


def conformal_threshold(calibration: ArrayLike, false_alarm_rate: float) -> float:
    """The lowest calibration score above which false alarms are as rare as asked.

    Args:
        calibration: scores of normal images that the detector did not learn from, shape
            (n_calibration,).
        false_alarm_rate: the most that a normal image may have as its chance of an alarm.

    Returns:
        The threshold t; `score > t` exactly where the p-value is at most the rate.

    Raises:
        InputError: a rate outside 0 to 1, or too few images for it.

    Example:
        >>> conformal_threshold(range(1, 20), 0.05)
        19.0
    """
    known = _checked_calibration(calibration)
    n_alarms = _alarms_allowed(len(known), check_share(false_alarm_rate, name="false_alarm_rate"))
    return float(known[len(known) - n_alarms])  # sorted[ceil((n + 1) (1 - rate)) - 1]


def smallest_rate(n: int) -> float:
    """The smallest false alarm rate that n normal images can vouch for: 1 / (n + 1).

    Raises:
        InputError: n is less than 1.
    """
    if n < 1:
        raise InputError(f"Expected at least 1 normal image, got {n}. Give images of good parts.")
    return 1 / (n + 1)


def default_rate(n: int) -> float:
    """The false alarm rate to use where none was asked for: 0.05, or the smallest possible.

    Raises:
        InputError: n is less than 1.
    """
    return max(_USUAL_RATE, smallest_rate(n))


def binomial_interval(k: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The true rates that k cases out of n leave plausible (Clopper-Pearson, never too narrow).

    Args:
        k: how many cases there were.
        n: out of how many.
        level: the chance, at least, that the interval holds the true rate.

    Returns:
        The low and the high end, 0 to 1.

    Raises:
        InputError: not 0 <= k <= n with n at least 1, or a level outside 0 to 1.

    Source:
        Clopper, Pearson: The use of confidence or fiducial limits, 1934.
    """
    if n < 1 or not 0 <= k <= n:
        raise InputError(
            f"Expected 0 <= k <= n and n at least 1, got k={k} and n={n}. Count again."
        )
    outside = (1 - check_share(level, name="level")) / 2
    low = stats.beta.ppf(outside, k, n - k + 1) if k > 0 else 0.0
    high = stats.beta.ppf(1 - outside, k + 1, n - k) if k < n else 1.0
    return float(low), float(high)


def central_binomial_counts(
    n: int, rate: float, level: float = 0.95, *, n_calibration: int | None = None
) -> tuple[int, int]:
    """How many alarms out of n normal images agree with a rate.

    Args:
        n: how many normal images were scored.
        rate: the chance of an alarm for each.
        level: the chance, at least, that the count lies in the interval.
        n_calibration: how many images the threshold was learned from with `conformal_threshold`.
            The rate then holds on average over calibrations; any one threshold is a little off,
            as much as so many images allow, and the interval grows by that (beta-binomial).
            Without it the threshold itself is taken to be exact.

    Returns:
        The lowest and the highest such count, both included.

    Raises:
        InputError: a rate or level outside 0 to 1, a negative n, or too few calibration images.

    Example:
        >>> central_binomial_counts(200, 0.05)
        (4, 16)
    """
    if n < 0:
        raise InputError(f"Expected n to be at least 0, got {n}. Count the images scored.")
    rate = check_share(rate, name="rate")
    outside = (1 - check_share(level, name="level")) / 2
    law = stats.binom(n, rate)
    if n_calibration is not None:
        n_alarms = _alarms_allowed(n_calibration, rate)
        law = stats.betabinom(n, n_alarms, n_calibration + 1 - n_alarms)
    return int(law.ppf(outside)), int(law.ppf(1 - outside))


def contamination_suspects(
    calibration_scores: ArrayLike, *, cutoff: float = 8.0, log_cutoff: float = 4.0
) -> NDArray[np.int64]:
    """Training images that stick out so far that they are probably anomalies themselves.

    A score's distance from the median is measured in spreads of the upper half: (third quartile -
    median) / 0.6745, the standard deviation of normally distributed scores, unmoved by the
    suspects and no smaller for scores with a tail. Where all scores are positive, their logarithms
    have to stick out too, as a long tail is then usual.

    Args:
        calibration_scores: scores of the training images, each by a detector that did not learn
            from it (out of fold), shape (n,).
        cutoff: a suspect lies more than so many spreads above the median.
        log_cutoff: the same for the logarithms of positive scores.

    Returns:
        Positions of the suspects, int64, the most suspicious first. None among fewer than 20
        images, nor where a quarter of them score the same as the median: there is no spread to
        judge by. The more anomalies there are, the farther out they have to lie; from one in four
        on all are missed.

    Raises:
        InputError: scores that are not finite numbers, or cutoffs that are not positive.
    """
    if not (cutoff > 0 and log_cutoff > 0):
        raise InputError(
            f"Expected positive cutoffs, got {cutoff} and {log_cutoff}. The usual ones are 8 and 4."
        )
    scores = check_scores(calibration_scores, name="calibration_scores")
    if len(scores) < _FEWEST_JUDGED:
        return np.empty(0, np.int64)
    far = _upper_spreads(scores) > cutoff
    if (scores > 0).all():
        far &= _upper_spreads(np.log(scores)) > log_cutoff
    order = np.argsort(-scores, kind="stable")
    return order[far[order]]


def upper_tail_threshold(scores: ArrayLike, cutoff: float) -> float:
    """A threshold for scores of rows of which some may be outliers.

    It lies so many spreads above the median, a spread being that of the upper half as in
    `contamination_suspects`. Unlike a share of the rows it calls hardly any an outlier where there
    are none; from one outlier in four on it misses them.

    Args:
        scores: out of fold, shape (n,).
        cutoff: spreads above the median.

    Returns:
        The threshold; infinity for fewer than 20 scores, or where a quarter of them equal the
        median: there is no spread to judge by.

    Raises:
        InputError: scores that are not finite numbers, or a cutoff that is not positive.
    """
    if not cutoff > 0:
        raise InputError(f"Expected a positive cutoff, got {cutoff}. The usual one is 4.")
    values = check_scores(scores)
    if len(values) < _FEWEST_JUDGED:
        return float("inf")
    median, upper = np.quantile(values, [0.5, 0.75])
    if upper == median:
        return float("inf")
    return float(median + cutoff * (upper - median) / 0.6745)


def _upper_spreads(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many spreads above the median each score lies; zeros where there is no spread."""
    median, upper = np.quantile(scores, [0.5, 0.75])
    if upper == median:
        return np.zeros(len(scores))
    return np.asarray(0.6745 * (scores - median) / (upper - median), np.float64)


def _alarms_allowed(n: int, rate: float) -> int:
    """The largest k with k / (n + 1) <= rate: the threshold is the k-th highest score.

    Compared as the p-values are, so that rounding cannot part the two.
    """
    if smallest_rate(n) > rate:
        draws = round(1 / rate)
        needed = draws - 1 if 1 / draws <= rate else draws
        raise InputError(
            f"Expected at least {needed} normal images for a false alarm rate of {rate:g}, got "
            f"{n}. Give more normal images, or ask for {_smallest_rate_to_ask_for(n)} or more."
        )
    k = min(n, round(rate * (n + 1)))
    return k if k / (n + 1) <= rate else k - 1


def _smallest_rate_to_ask_for(n: int) -> str:
    """The smallest rate in three digits, rounded up, so that asking for it works."""
    context = Context(prec=3, rounding=ROUND_CEILING)
    return f"{context.divide(Decimal(1), Decimal(n + 1)):f}"


def _checked_calibration(calibration: ArrayLike) -> NDArray[np.float64]:
    """The calibration scores in rising order."""
    known = check_scores(calibration, name="calibration")
    if not len(known):
        raise InputError(
            "Expected calibration scores of normal images, got none. "
            "Score normal images that the detector did not learn from."
        )
    return np.sort(known)
