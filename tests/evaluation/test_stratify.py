"""A part held out: shares, rare labels, and both parts whole."""

import time

import numpy as np
import pytest

from embedsvc.errors import InputError
from embedsvc.evaluation.stratify import stratified_holdout

FRACTIONS = [0.01, 0.1, 0.25, 0.5, 0.8, 0.99]


def assert_parts(train: np.ndarray, held: np.ndarray, n_texts: int) -> None:
    assert sorted([*train.tolist(), *held.tolist()]) == list(range(n_texts))
    for part in (train, held):
        assert part.dtype == np.int64
        assert (np.diff(part) > 0).all()


def random_marks(seed: int, n_texts: int = 400, n_labels: int = 20) -> np.ndarray:
    frequencies = np.geomspace(0.4, 0.004, n_labels)
    return (np.random.default_rng(seed).random((n_texts, n_labels)) < frequencies).astype(int)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("fraction", FRACTIONS)
def test_classes_have_their_share(seed, fraction):
    generator = np.random.default_rng(seed)
    n_classes = int(generator.integers(1, 12))
    sizes = generator.integers(1, 40, n_classes)
    targets = generator.permutation(np.repeat(np.arange(n_classes), sizes))
    train, held = stratified_holdout(targets, fraction, seed=seed)
    assert_parts(train, held, len(targets))
    n_held = np.bincount(targets[held], minlength=n_classes)
    assert (n_held < sizes).all()  # one stays in training
    assert (n_held >= np.minimum(np.floor(fraction * sizes), sizes - 1)).all()
    assert (n_held <= np.ceil(fraction * sizes)).all()
    assert len(held) or sizes.max() == 1
    can_give = np.minimum(np.ceil(fraction * sizes), sizes - 1).sum()
    assert len(held) == max(min(can_give, np.floor(fraction * sizes.sum() + 0.5)), min(can_give, 1))


def test_the_largest_remainders_give_one_more():
    targets = np.repeat([0, 1, 2], [19, 16, 15])  # 1.9, 1.6 and 1.5 of 5
    _, held = stratified_holdout(targets, 0.1, seed=0)
    assert np.bincount(targets[held]).tolist() == [2, 2, 1]


def test_shares_are_not_a_rounding_too_small():
    targets = np.repeat(np.arange(77), 30)
    for fraction in (0.1, 0.3, 0.7):  # 0.1 * 3 is more than 0.3 in floating point, 0.7 * 30 less
        _, held = stratified_holdout(targets, fraction, seed=0)
        assert np.bincount(targets[held]).tolist() == [round(30 * fraction)] * 77


def test_a_class_with_one_text_is_never_held_out():
    for seed in range(20):
        _, held = stratified_holdout([0] * 8 + [1], 0.5, seed=seed)
        assert 8 not in held
        _, held = stratified_holdout([[1, 0]] * 8 + [[1, 1]], 0.9, seed=seed)
        assert 8 not in held


@pytest.mark.parametrize("as_marks", [False, True])
def test_small_sets(as_marks):
    def split(targets: list[int], fraction: float) -> tuple[list[int], list[int]]:
        given = np.eye(3, dtype=int)[np.array(targets, int)] if as_marks else np.array(targets, int)
        train, held = stratified_holdout(given, fraction, seed=1)
        assert_parts(train, held, len(targets))
        return train.tolist(), held.tolist()

    for fraction in FRACTIONS:
        assert split([], fraction) == ([], [])
        assert split([0], fraction) == ([0], [])
        assert split([0, 1, 2], fraction) == ([0, 1, 2], [])  # each the only one of its label
        train, held = split([0, 0], fraction)
        assert len(train) == len(held) == 1
        train, held = split([0, 0, 1], fraction)
        assert len(held) == 1
        assert 2 in train


@pytest.mark.parametrize("fraction", FRACTIONS)
def test_texts_without_labels(fraction):
    train, held = stratified_holdout(np.zeros((50, 3)), fraction, seed=0)
    assert_parts(train, held, 50)
    assert len(held) == min(max(1, round(50 * fraction)), 49)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("fraction", FRACTIONS)
def test_every_label_stays_in_training(seed, fraction):
    marks = random_marks(seed, n_texts=60)
    train, held = stratified_holdout(marks, fraction, seed=seed)
    assert_parts(train, held, 60)
    assert len(held)
    np.testing.assert_array_equal(marks[train].any(axis=0), marks.any(axis=0))


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_labels_have_their_share(fraction):
    for seed in range(5):
        marks = random_marks(seed, n_texts=2000)
        _, held = stratified_holdout(marks, fraction, seed=seed)
        counts = marks.sum(axis=0)
        assert abs(len(held) - 2000 * fraction) <= 5
        off = np.abs(marks[held].sum(axis=0) - fraction * counts)
        assert off.max() <= max(3, 0.03 * counts.max())


def test_rare_labels_are_spread_better_than_by_chance():
    marks = random_marks(0, n_texts=3000)
    rare = marks.sum(axis=0) < 60

    def worst(held: np.ndarray) -> float:
        return float(np.abs(marks[held].sum(axis=0) / marks.sum(axis=0) - 0.2)[rare].max())

    generator = np.random.default_rng(0)
    chance = np.mean([worst(generator.permutation(3000)[:600]) for _ in range(10)])
    dealt = np.mean([worst(stratified_holdout(marks, 0.2, seed=seed)[1]) for seed in range(10)])
    assert dealt < chance / 2


def test_labels_by_hand():
    # Four texts of the rare label, two of them held; then the rest of the frequent one.
    marks = np.array([[1, 1]] * 4 + [[0, 1]] * 4 + [[0, 0]] * 4)
    for seed in range(10):
        _, held = stratified_holdout(marks, 0.5, seed=seed)
        assert marks[held].sum(axis=0).tolist() == [2, 4]
        assert len(held) == 6


@pytest.mark.parametrize("targets", [np.arange(200) % 7, random_marks(0)])
def test_by_seed(targets):
    def held(seed: int) -> list[int]:
        return stratified_holdout(targets, 0.2, seed=seed)[1].tolist()

    before = targets.copy()
    assert held(1) == held(1)
    assert held(1) != held(2)
    np.testing.assert_array_equal(targets, before)


def test_many_texts_and_labels_take_seconds():
    generator = np.random.default_rng(0)
    marks = generator.random((50_000, 200), np.float32) < np.geomspace(0.1, 0.0005, 200)
    start = time.process_time()
    _, held = stratified_holdout(marks.astype(np.float32), 0.1, seed=0)
    assert time.process_time() - start < 10
    assert abs(len(held) - 5000) < 100
    ratio = marks[held].sum(axis=0) / marks.sum(axis=0)
    assert 0.05 < ratio.min() < 0.1 < ratio.max() < 0.15


@pytest.mark.parametrize(
    ("targets", "fraction", "message"),
    [
        ([0, 1], 0, "Expected fraction to be more than 0"),
        ([0, 1], 1.0, "Expected fraction"),
        ([0, -1], 0.5, "got -1 at position 1"),
        (["a", "b"], 0.5, "whole numbers"),
        ([[0, 2]], 0.5, "got 2 for text 0"),
        ([[[0]]], 0.5, "Expected targets"),
        ([[0, 1], [1]], 0.5, "rows of different lengths"),
    ],
)
def test_bad_input(targets, fraction, message):
    with pytest.raises(InputError, match=message):
        stratified_holdout(targets, fraction, seed=0)
