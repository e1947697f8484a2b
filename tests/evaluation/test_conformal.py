"""Conformal thresholds and p-values keep their promise; suspects are suspected for a reason."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from embedsvc.errors import InputError
from embedsvc.evaluation.conformal import (
    binomial_interval,
    central_binomial_counts,
    conformal_p_values,
    conformal_threshold,
    contamination_suspects,
    default_rate,
    smallest_rate,
)


def test_p_values_by_counting():
    generator = np.random.default_rng(0)
    calibration, scores = generator.integers(0, 9, 30), generator.integers(-2, 12, 50)
    counted = [(1 + np.sum(calibration >= score)) / 31 for score in scores]
    found = conformal_p_values(scores, calibration)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, counted)


def test_no_scores_no_p_values():
    assert conformal_p_values([], [1.0]).shape == (0,)


def test_threshold_is_the_order_statistic_of_the_formula():
    calibration = np.random.default_rng(1).normal(size=99)
    for percent in range(1, 100):
        rank = 100 - percent  # ceil((n + 1)(1 - rate)), in whole numbers
        assert conformal_threshold(calibration, percent / 100) == np.sort(calibration)[rank - 1]


@pytest.mark.parametrize("decimals", [0, 1, 12])
@pytest.mark.parametrize("n", [1, 7, 19, 20, 48, 99, 140])
def test_above_the_threshold_means_p_value_at_most_the_rate(decimals, n):
    generator = np.random.default_rng(n)
    calibration = np.round(generator.normal(size=n), decimals)
    scores = np.concatenate([np.round(generator.normal(size=200) + 1, decimals), calibration])
    p_values = conformal_p_values(scores, calibration)
    rates = [*(k / (n + 1) for k in range(1, n + 1)), *np.linspace(1 / (n + 1), 0.999, 40)]
    for rate in rates:
        above = scores > conformal_threshold(calibration, rate)
        np.testing.assert_array_equal(above, p_values <= rate)


@pytest.mark.parametrize("law", ["normal", "exponential", "integers"])
def test_coverage_over_two_thousand_repetitions(law):
    generator = np.random.default_rng(2)
    draw = {
        "normal": generator.normal,
        "exponential": generator.exponential,
        "integers": lambda size: generator.integers(0, 40, size),  # many ties: fewer alarms
    }[law]
    alarms, low_p = 0, 0
    for _ in range(2000):
        *calibration, new = draw(size=60)
        alarms += new > conformal_threshold(calibration, 0.1)
        low_p += conformal_p_values([new], calibration)[0] <= 0.1
    low, high = central_binomial_counts(2000, 6 / 60, 0.999)
    assert alarms == low_p <= high
    if law != "integers":
        assert low <= alarms


def test_counts_of_one_threshold_over_two_thousand_repetitions():
    generator = np.random.default_rng(3)
    expected = central_binomial_counts(200, 0.05, n_calibration=99)
    exact_threshold = central_binomial_counts(200, 0.05)
    inside, inside_narrow = 0, 0
    for _ in range(2000):
        threshold = conformal_threshold(generator.normal(size=99), 0.05)
        count = int(np.sum(generator.normal(size=200) > threshold))
        inside += expected[0] <= count <= expected[1]
        inside_narrow += exact_threshold[0] <= count <= exact_threshold[1]
    assert 0.94 < inside / 2000 < 0.98
    assert inside_narrow / 2000 < 0.90  # what the calibration's own chance does


def test_rates():
    assert smallest_rate(1) == 0.5
    assert smallest_rate(99) == 0.01
    assert default_rate(19) == default_rate(5000) == 0.05
    assert default_rate(18) == 1 / 19
    assert conformal_threshold(np.arange(19), default_rate(19)) == 18
    assert conformal_threshold(np.arange(5), default_rate(5)) == 4


@pytest.mark.parametrize(
    ("n", "rate", "message"),
    [
        (40, 0.01, "at least 99 normal images for a false alarm rate of 0.01, got 40. "
                   "Give more normal images, or ask for 0.0244 or more."),
        (18, 0.05, "at least 19 normal .* of 0.05, got 18. .* ask for 0.0527 or more"),
        (19, 0.01, "at least 99 .* ask for 0.05 or more"),
        (47, 1 / 49, "at least 48 "),
        (13, 0.07, "at least 14 "),
        (99, 1e-5, "at least 99999 normal images for a false alarm rate of 1e-05"),
    ],
)  # fmt: skip
def test_too_few_images_for_a_rate(n, rate, message):
    with pytest.raises(InputError, match=message):
        conformal_threshold(np.arange(n), rate)
    with pytest.raises(InputError, match=message):
        central_binomial_counts(10, rate, n_calibration=n)


def test_the_advice_works():
    for n in range(1, 300):
        with pytest.raises(InputError) as caught:
            conformal_threshold(np.arange(n), 0.9 / (n + 1))
        advised = float(str(caught.value).split("ask for ")[1].split()[0])
        assert conformal_threshold(np.arange(n), advised) == n - 1
        needed = int(str(caught.value).split("at least ")[1].split()[0])
        conformal_threshold(np.arange(needed), 0.9 / (n + 1))
        with pytest.raises(InputError):
            conformal_threshold(np.arange(needed - 1), 0.9 / (n + 1))


@pytest.mark.parametrize("rate", [0, 1, -0.1, 1.5, float("nan")])
def test_bad_rates(rate):
    with pytest.raises(InputError, match="false_alarm_rate to be more than 0"):
        conformal_threshold([1.0, 2.0], rate)
    with pytest.raises(InputError, match="Expected rate"):
        central_binomial_counts(10, rate)


@pytest.mark.parametrize("n", [0, -1])
def test_no_normal_images(n):
    for function in (smallest_rate, default_rate):
        with pytest.raises(InputError, match=f"at least 1 normal image, got {n}"):
            function(n)


def test_bad_calibration():
    with pytest.raises(InputError, match="calibration scores of normal images, got none"):
        conformal_threshold([], 0.5)
    with pytest.raises(InputError, match="calibration scores of normal images, got none"):
        conformal_p_values([1.0], [])
    with pytest.raises(InputError, match="finite calibration"):
        conformal_p_values([1.0], [np.nan])
    with pytest.raises(InputError, match="finite scores"):
        conformal_p_values([np.nan], [1.0])


def test_arguments_are_not_changed():
    calibration = np.array([3.0, 1.0, 2.0])
    conformal_p_values([1.0], calibration)
    conformal_threshold(calibration, 0.5)
    contamination_suspects(calibration)
    assert calibration.tolist() == [3, 1, 2]


@pytest.mark.golden
@pytest.mark.parametrize("level", [0.9, 0.95])
@pytest.mark.parametrize(("k", "n"), [(0, 10), (10, 10), (3, 40), (1, 1)])
def test_binomial_interval_beside_scipy(k, n, level):
    expected = stats.binomtest(k, n).proportion_ci(level, method="exact")
    assert binomial_interval(k, n, level) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(("k", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_bad_counts(k, n):
    with pytest.raises(InputError, match=f"got k={k} and n={n}"):
        binomial_interval(k, n)


@pytest.mark.parametrize("level", [0, 1])
def test_bad_levels(level):
    with pytest.raises(InputError, match="Expected level"):
        binomial_interval(1, 2, level)
    with pytest.raises(InputError, match="Expected level"):
        central_binomial_counts(10, 0.1, level)


@pytest.mark.parametrize("n_calibration", [None, 19, 200])
@pytest.mark.parametrize("n", [0, 1, 40, 1000])
def test_central_counts_leave_out_no_more_than_asked(n, n_calibration):
    low, high = central_binomial_counts(n, 0.05, n_calibration=n_calibration)
    law = stats.binom(n, 0.05)
    if n_calibration is not None:
        k = int(0.05 * (n_calibration + 1))
        law = stats.betabinom(n, k, n_calibration + 1 - k)
    assert 0 <= low <= high <= n
    assert law.cdf(low - 1) <= 0.025
    assert law.sf(high) <= 0.025 + 1e-12


def test_bad_number_scored():
    with pytest.raises(InputError, match="n to be at least 0, got -1"):
        central_binomial_counts(-1, 0.1)


CLEAN: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda generator, n: generator.normal(size=n),
    "positive normal": lambda generator, n: generator.normal(20, 1, n),
    "lognormal": lambda generator, n: generator.lognormal(0, 1, n),
    "gamma": lambda generator, n: generator.gamma(2, size=n),
    "exponential": lambda generator, n: generator.exponential(size=n),
    "gumbel": lambda generator, n: generator.gumbel(size=n),
    "student 5": lambda generator, n: generator.standard_t(5, n),
    "constant": lambda generator, n: np.full(n, 2.0),
    "few values": lambda generator, n: generator.integers(0, 2, n) * 0.1,
}


@pytest.mark.parametrize("law", CLEAN)
@pytest.mark.parametrize("n", [30, 100, 1000])
def test_clean_sets_are_hardly_suspected(law, n):
    generator = np.random.default_rng(n)
    suspected = sum(
        len(contamination_suspects(CLEAN[law](generator, n))) for _ in range(30_000 // n)
    )
    assert suspected <= 30_000 * (3e-3 if n == 30 else 6e-4)


@pytest.mark.parametrize("law", ["normal", "positive normal", "gumbel"])
@pytest.mark.parametrize("share", [0.01, 0.05, 0.1])
def test_far_anomalies_are_suspected(law, share):
    generator = np.random.default_rng(4)
    n_anomalous, found, wrong = int(200 * share), 0, 0
    for _ in range(50):
        scores = CLEAN[law](generator, 200)
        planted = generator.choice(200, n_anomalous, replace=False)
        scores[planted] = np.median(scores) + np.std(scores) * generator.uniform(
            18, 25, len(planted)
        )
        suspects = contamination_suspects(scores)
        found += len(np.intersect1d(suspects, planted))
        wrong += len(np.setdiff1d(suspects, planted))
    assert found >= 0.97 * 50 * n_anomalous
    assert wrong <= 2


def test_suspects_come_worst_first():
    scores = np.append(np.random.default_rng(5).normal(size=50), [60, -90, 80, 70])
    suspects = contamination_suspects(scores)
    assert suspects.tolist() == [52, 53, 50]
    assert suspects.dtype == np.int64


def test_cutoffs_move_the_limit():
    scores = np.append(np.arange(100, 200), [400])
    assert contamination_suspects(scores).tolist() == []
    assert contamination_suspects(scores, cutoff=6, log_cutoff=2).tolist() == [100]
    assert contamination_suspects(scores, cutoff=6, log_cutoff=9).tolist() == []


@pytest.mark.parametrize("n", [0, 1, 19])
def test_too_few_to_suspect_anything(n):
    suspects = contamination_suspects(np.append(np.arange(n - 1), 1e6)[:n])
    assert suspects.shape == (0,)
    assert suspects.dtype == np.int64


def test_bad_suspect_options():
    for options in ({"cutoff": 0.0}, {"log_cutoff": -1.0}, {"cutoff": float("nan")}):
        with pytest.raises(InputError, match="Expected positive cutoffs"):
            contamination_suspects(np.arange(30), **options)
    with pytest.raises(InputError, match="finite calibration_scores"):
        contamination_suspects([np.nan] * 30)
