"""Pixel figures beside scikit-learn and a slow per-region overlap written from the paper."""

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from embedsvc.errors import InputError
from embedsvc.evaluation import pixels
from embedsvc.evaluation.pixels import PixelMetrics, PixelSummary

Pairs = list[tuple[np.ndarray, np.ndarray]]


def flood(mask: np.ndarray) -> list[set[tuple[int, int]]]:
    """The 8-connected regions of a mask, pixel by pixel."""
    left = set(zip(*(axis.tolist() for axis in np.nonzero(mask)), strict=True))
    regions = []
    while left:
        region, edge = set(), [left.pop()]
        while edge:
            y, x = edge.pop()
            region.add((y, x))
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            edge.extend(near)
        regions.append(region)
    return regions


def naive_aupro(pairs: Pairs, limit: float) -> float:
    """Overlaps and false positives for every value as a threshold, then trapezoids."""
    regions = [
        np.array([anomaly_map[y, x] for y, x in region])
        for anomaly_map, mask in pairs
        for region in flood(mask)
    ]
    normal = np.concatenate([anomaly_map[~mask] for anomaly_map, mask in pairs])
    curve = [(0.0, 0.0)]
    for threshold in sorted({value for m, _ in pairs for value in m.ravel().tolist()})[::-1]:
        overlap = np.mean([np.mean(region >= threshold) for region in regions])
        curve.append((float(np.mean(normal >= threshold)), float(overlap)))
    area = 0.0
    for (x0, y0), (x1, y1) in zip(curve, curve[1:], strict=False):
        if x1 > limit:
            y1 = y0 + (y1 - y0) * (limit - x0) / (x1 - x0)
            x1 = limit
        area += (x1 - x0) * (y0 + y1) / 2
        if x1 == limit:
            break
    return area / limit


def made_pairs(seed: int, *, n: int = 6, spread: Callable = np.asarray) -> Pairs:
    """Maps of different sizes, some with blobs that touch at corners, some normal."""
    generator = np.random.default_rng(seed)
    pairs = []
    for i in range(n):
        shape = tuple(generator.integers(5, 16, 2))
        mask = np.zeros(shape, bool)
        if i % 3:
            mask = generator.random(shape) < generator.choice([0.02, 0.2, 0.5])
        values = generator.normal(size=shape) + generator.uniform(0, 3) * mask
        pairs.append((spread(values).astype(np.float32), mask))
    return pairs


def collect(pairs: Pairs, **options: float) -> PixelSummary:
    metrics = PixelMetrics(**options)
    for anomaly_map, mask in pairs:
        metrics.add(anomaly_map, mask)
    return metrics.result()


def flat(pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    labels = np.concatenate([mask.ravel() for _, mask in pairs])
    return labels, np.concatenate([anomaly_map.ravel() for anomaly_map, _ in pairs])


SPREADS = {
    "plain": np.asarray,
    "narrow": lambda values: 30 + 1e-4 * values,
    "wide": lambda values: np.exp(8 * values),
    "tied": np.round,
    "negative": lambda values: values - 50,
    "almost one": lambda values: 1 - 1e-5 * np.exp(-values),
}


@pytest.mark.golden
@pytest.mark.parametrize(
    ("spread", "limit"), [*((spread, 0.3) for spread in SPREADS), ("plain", 0.05), ("tied", 1)]
)
def test_exact_on_small_data(spread, limit):
    pairs = made_pairs(1, spread=SPREADS[spread])
    found = collect(pairs, max_false_positive_rate=limit)
    assert found.pixel_auroc == pytest.approx(roc_auc_score(*flat(pairs)), abs=1e-12)
    assert found.pixel_average_precision == pytest.approx(
        average_precision_score(*flat(pairs)), abs=1e-12
    )
    assert found.aupro == pytest.approx(naive_aupro(pairs, limit), abs=1e-12)
    assert found.n_images == 6
    assert found.n_regions == sum(len(flood(mask)) for _, mask in pairs)


@pytest.mark.golden
@pytest.mark.parametrize("spread", SPREADS.values(), ids=SPREADS)
@pytest.mark.parametrize("seed", [2, 3])
def test_shared_bins_stay_near(monkeypatch, spread, seed):
    pairs = made_pairs(seed, spread=spread)
    exact = collect(pairs)
    monkeypatch.setattr(pixels, "_MOST_BINS", 400)
    monkeypatch.setattr(pixels, "_MOST_PENDING", 100)
    near = collect(pairs)
    # With 650 times fewer bins than there are outside this test.
    assert near.pixel_auroc == pytest.approx(exact.pixel_auroc, abs=1e-3)
    assert near.pixel_average_precision == pytest.approx(exact.pixel_average_precision, abs=5e-3)
    assert near.aupro == pytest.approx(exact.aupro, abs=5e-3)


@pytest.mark.golden
def test_many_different_values_beside_scikit_learn(monkeypatch):
    generator = np.random.default_rng(0)
    pairs = []
    for i in range(8):
        mask = np.zeros((256, 256), bool)
        mask[20:60, 20:60] = i % 2
        values = generator.gamma(2, size=mask.shape) * (1 + 0.7 * mask)
        pairs.append((values.astype(np.float32), mask))
    assert len(np.unique(flat(pairs)[1])) > pixels._MOST_BINS
    found = collect(pairs)
    assert found.pixel_auroc == pytest.approx(roc_auc_score(*flat(pairs)), abs=1e-6)
    assert found.pixel_average_precision == pytest.approx(
        average_precision_score(*flat(pairs)), abs=1e-5
    )
    monkeypatch.setattr(pixels, "_MOST_BINS", 2**24)  # as many as there are values
    assert found.aupro == pytest.approx(collect(pairs).aupro, abs=1e-6)


def test_the_order_of_the_images_does_not_matter(monkeypatch):
    monkeypatch.setattr(pixels, "_MOST_BINS", 50)
    monkeypatch.setattr(pixels, "_MOST_PENDING", 30)
    pairs = made_pairs(4)
    forth, back = collect(pairs), collect(pairs[::-1])
    assert forth.pixel_auroc == back.pixel_auroc
    assert forth.pixel_average_precision == back.pixel_average_precision
    assert forth.aupro == pytest.approx(back.aupro, abs=1e-12)


def test_by_hand():
    # Four normal pixels; a region of one pixel found first, one of two found half by then.
    anomaly_map = np.array([[9, 0, 1, 2, 8, 0.5, 3]], np.float32)
    mask = np.array([[1, 0, 0, 0, 1, 1, 0]], bool)
    found = collect([(anomaly_map, mask)], max_false_positive_rate=0.5)
    assert found.aupro == pytest.approx(0.75)
    assert found.pixel_auroc == pytest.approx((4 + 4 + 1) / 12)
    assert found.pixel_average_precision == pytest.approx((1 + 1 + 3 / 6) / 3)
    assert found.n_regions == 2


def test_corners_connect():
    assert collect([(np.eye(3), np.eye(3, dtype=bool))]).n_regions == 1


def test_a_small_region_weighs_as_much_as_a_large_one():
    anomaly_map, mask = np.zeros((20, 20)), np.zeros((20, 20), bool)
    mask[:10, :10] = mask[15, 15] = True
    anomaly_map[15, 15] = 1  # only the small one is found
    found = collect([(anomaly_map, mask)])
    assert found.aupro == pytest.approx(0.5 + 0.5 * 0.3 / 2)


def test_normal_images_count_as_false_positives():
    defect = (np.array([[1.0, 0.0]]), np.array([[True, False]]))
    normal = (np.array([[2.0, 2.0, 2.0]]), np.zeros((1, 3), bool))
    assert collect([defect]).pixel_auroc == 1
    assert collect([defect, normal]).pixel_auroc == 0.25
    assert collect([defect, normal]).n_images == 2


def test_minus_zero_is_zero():
    pair = (np.array([[0.0, -0.0]], np.float32), np.array([[True, False]]))
    assert collect([pair]).pixel_auroc == 0.5


@pytest.mark.parametrize("mask", [True, False])
def test_one_class_has_no_figures(mask):
    found = collect([(np.ones((2, 2)), np.full((2, 2), mask))])
    assert found == PixelSummary(None, None, None, 1, int(mask))


def test_nothing_added():
    assert PixelMetrics().result() == PixelSummary(None, None, None, 0, 0)


def test_more_can_be_added_after_a_result():
    pairs = made_pairs(5)
    metrics = PixelMetrics()
    for anomaly_map, mask in pairs:
        metrics.add(anomaly_map, mask)
        metrics.result()
    assert metrics.result() == collect(pairs)


def test_memory_does_not_grow_with_the_stream():
    generator = np.random.default_rng(0)
    mask = np.zeros((128, 128), bool)
    mask[:9, :9] = True
    metrics = PixelMetrics()
    tracemalloc.start()
    for i in range(60):
        metrics.add(generator.normal(size=mask.shape), mask)
        if i == 34:
            early = tracemalloc.get_traced_memory()[1]
    late = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert late < early * 1.1
    assert late < 150e6


def test_arguments_are_not_changed():
    anomaly_map, mask = made_pairs(6)[1]
    before = anomaly_map.copy(), mask.copy()
    collect([(anomaly_map, mask)])
    np.testing.assert_array_equal(anomaly_map, before[0])
    np.testing.assert_array_equal(mask, before[1])


@pytest.mark.parametrize(
    ("anomaly_map", "mask", "message"),
    [
        (np.zeros((2, 3)), np.zeros((3, 2), bool), r"got \(2, 3\) and \(3, 2\). Bring the map"),
        (np.zeros(3), np.zeros(3, bool), r"got \(3,\)"),
        (np.zeros((0, 2)), np.zeros((0, 2), bool), r"got \(0, 2\)"),
        (np.zeros((1, 2)), np.zeros((1, 2), np.uint8), "mask of bool, got uint8"),
        (np.array([[np.nan]]), np.zeros((1, 1), bool), "finite values in the anomaly map"),
        (np.array([[1e300]]), np.zeros((1, 1), bool), "finite values in the anomaly map"),
    ],
)
def test_bad_pairs(anomaly_map, mask, message):
    metrics = PixelMetrics()
    with pytest.raises(InputError, match=message):
        metrics.add(anomaly_map, mask)
    assert metrics.result().n_images == 0


@pytest.mark.parametrize("limit", [0, -1, 1.5])
def test_bad_limit(limit):
    with pytest.raises(InputError, match=f"max_false_positive_rate .* got {limit}"):
        PixelMetrics(max_false_positive_rate=limit)
