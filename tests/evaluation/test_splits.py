"""Folds and holdouts: every image once, groups whole, anomalies spread, by seed."""

import numpy as np
import pytest

from embedsvc.errors import InputError
from embedsvc.evaluation.splits import grouped_folds, grouped_holdout


def made(seed: int) -> tuple[int, list[str | None] | None, np.ndarray | None]:
    """A size, groups of uneven size with loners among them, or none, and labels or none."""
    generator = np.random.default_rng(seed)
    n = int(generator.integers(2, 120))
    numbers = generator.integers(0, generator.integers(2, n + 1), n)
    groups = [None if number % 5 == 4 else f"object {number}" for number in numbers.tolist()]
    groups[:2] = ["first", "second"]  # at least two
    labels = (generator.random(n) < generator.choice([0.0, 0.1, 0.5, 1.0])).astype(int)
    return n, groups if seed % 3 else None, labels if seed % 4 else None


def assert_partition(parts: list[np.ndarray], n: int, groups: list[str | None] | None) -> None:
    assert sorted(np.concatenate(parts).tolist()) == list(range(n))
    owner: dict[str, int] = {}
    for number, part in enumerate(parts):
        assert part.dtype == np.int64
        assert len(part)
        assert (np.diff(part) > 0).all()
        for name in (groups[i] for i in part.tolist()) if groups else ():
            assert name is None or owner.setdefault(name, number) == number


@pytest.mark.parametrize("seed", range(60))
def test_folds_are_a_partition_into_whole_groups(seed):
    n, groups, labels = made(seed)
    n_folds = 2 + seed % 5
    folds = grouped_folds(n, n_folds=n_folds, groups=groups, labels=labels, seed=seed)
    assert_partition(folds, n, groups)
    n_groups = n if groups is None else len(set(groups) - {None}) + groups.count(None)
    assert len(folds) == min(n_folds, n_groups)


@pytest.mark.parametrize("n", [2, 10, 57])
def test_without_groups_folds_differ_by_one(n):
    labels = np.arange(n) % 3 == 0
    folds = grouped_folds(n, n_folds=5, labels=labels, seed=0)
    sizes = [len(fold) for fold in folds]
    anomalies = [int(labels[fold].sum()) for fold in folds]
    assert max(sizes) - min(sizes) <= 1
    assert max(anomalies) - min(anomalies) <= 1


def test_folds_of_groups_are_balanced():
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(100), generator.integers(1, 9, 100))
    labels = (groups < 20).astype(int)
    folds = grouped_folds(len(groups), n_folds=5, groups=groups, labels=labels, seed=0)
    sizes = [len(fold) for fold in folds]
    anomalies = [int(labels[fold].sum()) for fold in folds]
    assert max(sizes) - min(sizes) <= 1
    assert max(anomalies) - min(anomalies) <= 1


def test_large_groups_go_first():
    groups = ["large"] * 6 + list("abcdef")
    folds = grouped_folds(12, n_folds=2, groups=groups, seed=3)
    assert sorted(fold.tolist() for fold in folds) == [list(range(6)), list(range(6, 12))]


def test_fewer_groups_than_folds():
    folds = grouped_folds(5, n_folds=4, groups=list("aabbb"), seed=0)
    assert sorted(fold.tolist() for fold in folds) == [[0, 1], [2, 3, 4]]


def test_fewer_anomalies_than_folds():
    labels = np.zeros(20, int)
    labels[[3, 4]] = 1
    folds = grouped_folds(20, n_folds=4, labels=labels, seed=0)
    assert sorted(int(labels[fold].sum()) for fold in folds) == [0, 0, 1, 1]
    assert [len(fold) for fold in folds] == [5] * 4


def test_folds_by_seed():
    def folds(seed: int) -> list[list[int]]:
        return [fold.tolist() for fold in grouped_folds(40, n_folds=4, seed=seed)]

    assert folds(1) == folds(1)
    assert folds(1) != folds(2)
    assert folds(0)[0] != list(range(10))  # not in the order of the files


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("fraction", [0.01, 0.3, 0.99])
def test_holdout_is_a_partition_into_whole_groups(seed, fraction):
    n, groups, labels = made(seed)
    parts = grouped_holdout(n, fraction=fraction, groups=groups, labels=labels, seed=seed)
    assert_partition(list(parts), n, groups)


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5, 0.8])
def test_holdout_has_its_share_of_both(fraction):
    labels = np.arange(200) % 5 == 0
    train, holdout = grouped_holdout(200, fraction=fraction, labels=labels, seed=0)
    assert int(labels[holdout].sum()) == 40 * fraction
    assert len(holdout) == 200 * fraction
    assert len(train) == 200 - len(holdout)


def test_holdout_of_groups_is_near_its_share():
    generator = np.random.default_rng(1)
    groups = np.repeat(np.arange(60), generator.integers(1, 9, 60))
    labels = (groups % 4 == 0) & (np.arange(len(groups)) % 2 == 0)  # some groups are mixed
    for seed in range(20):
        _, holdout = grouped_holdout(
            len(groups), fraction=0.3, groups=groups, labels=labels, seed=seed
        )
        assert abs(len(holdout) / len(groups) - 0.3) < 0.02
        assert abs(labels[holdout].sum() / labels.sum() - 0.3) < 0.05


@pytest.mark.parametrize("fraction", [0.01, 0.99])
def test_both_parts_have_anomalies_where_two_groups_do(fraction):
    labels = np.zeros(50, int)
    labels[[3, 40]] = 1
    train, holdout = grouped_holdout(50, fraction=fraction, labels=labels, seed=0)
    assert labels[train].sum() == labels[holdout].sum() == 1


@pytest.mark.parametrize("fraction", [0.1, 0.9])
@pytest.mark.parametrize("labels", [[0, 1], [0, 0], [1, 1]])
def test_two_images_go_one_to_each_part(labels, fraction):
    train, holdout = grouped_holdout(2, fraction=fraction, labels=labels, seed=0)
    assert len(train) == len(holdout) == 1


def test_a_group_larger_than_the_holdout_stays():
    groups = ["large"] * 50 + [None] * 50
    for seed in range(10):
        _, holdout = grouped_holdout(100, fraction=0.2, groups=groups, seed=seed)
        assert len(holdout) == 20
        assert holdout.min() >= 50


def test_holdout_by_seed():
    def holdout(seed: int) -> list[int]:
        return grouped_holdout(40, fraction=0.5, seed=seed)[1].tolist()

    assert holdout(1) == holdout(1)
    assert holdout(1) != holdout(2)


def test_arguments_are_not_changed():
    groups, labels = np.array([1, 1, 0, 0]), np.array([0, 1, 0, 1])
    grouped_folds(4, n_folds=2, groups=groups, labels=labels, seed=0)
    grouped_holdout(4, fraction=0.5, groups=groups, labels=labels, seed=0)
    assert groups.tolist() == [1, 1, 0, 0]
    assert labels.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("n", "options", "message"),
    [
        (0, {}, "at least 2 images to split, got 0"),
        (1, {}, "at least 2 images to split, got 1"),
        (3, {"groups": "aaa"}, "at least 2 groups to split, got 1 that holds all 3 images"),
        (3, {"groups": "ab"}, "as many groups as images, got 2 for 3"),
        (3, {"labels": [0, 1]}, "as many labels as images"),
        (3, {"labels": [0, 1, None]}, "got None"),
    ],
)
def test_what_cannot_be_split(n, options, message):
    with pytest.raises(InputError, match=message):
        grouped_folds(n, n_folds=2, seed=0, **options)
    with pytest.raises(InputError, match=message):
        grouped_holdout(n, fraction=0.5, seed=0, **options)


@pytest.mark.parametrize("n_folds", [1, 0, -3])
def test_bad_number_of_folds(n_folds):
    with pytest.raises(InputError, match=f"at least 2 folds, got {n_folds}"):
        grouped_folds(10, n_folds=n_folds, seed=0)


@pytest.mark.parametrize("fraction", [0, 1, 1.5])
def test_bad_fraction(fraction):
    with pytest.raises(InputError, match=f"Expected fraction .* got {fraction}"):
        grouped_holdout(10, fraction=fraction, seed=0)
