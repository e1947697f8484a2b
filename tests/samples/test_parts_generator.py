"""The sample parts: seeded, with exact masks, and neither trivial nor impossible to tell apart."""

import numpy as np
import pytest
from skimage.feature import hog
from sklearn.metrics import roc_auc_score
from sklearn.svm import OneClassSVM

from embedsvc.errors import InputError
from embedsvc.samples.parts import DEFECTS, PART_SIZE, defective_part, normal_part


def rng(*seed):
    return np.random.default_rng(seed)


def test_the_same_seed_gives_the_same_bytes():
    assert normal_part(rng(1)).tobytes() == normal_part(rng(1)).tobytes()
    assert normal_part(rng(1)).tobytes() != normal_part(rng(2)).tobytes()


@pytest.mark.parametrize("defect", DEFECTS)
def test_the_same_seed_gives_the_same_defect(defect):
    first, second = defective_part(rng(3), defect), defective_part(rng(3), defect)
    assert first[0].tobytes() == second[0].tobytes()
    assert first[1].tobytes() == second[1].tobytes()
    assert not np.array_equal(first[1], defective_part(rng(4), defect)[1])


def test_global_chance_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    normal_part(rng(0))
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_a_normal_part():
    picture = normal_part(rng(0))
    assert picture.shape == (PART_SIZE, PART_SIZE, 3)
    assert picture.dtype == np.uint8
    # A bright plate with a dark bore, lit without clipping.
    assert picture[PART_SIZE // 2, PART_SIZE // 2].max() < 60
    assert picture[PART_SIZE // 2, PART_SIZE // 6].min() > 90
    assert np.mean((picture == 0) | (picture == 255)) < 0.01


@pytest.mark.parametrize("max_turn", [0.5, 180.0])
@pytest.mark.parametrize("defect", DEFECTS)
def test_the_mask_is_where_the_picture_differs(defect, max_turn):
    for i in range(6):
        good = normal_part(rng(5, i), max_turn=max_turn)
        bad, mask = defective_part(rng(5, i), defect, max_turn=max_turn)
        differs = np.any(bad != good, axis=-1)
        assert bad.shape == good.shape
        assert bad.dtype == np.uint8
        assert mask.shape == good.shape[:2]
        assert mask.dtype == np.bool_
        assert not np.any(differs & ~mask)
        assert np.mean(differs[mask]) > 0.85
        assert 30 < mask.sum() < 3000


def test_defects_come_in_all_strengths():
    for defect in DEFECTS:
        changes = []
        for i in range(12):
            bad, mask = defective_part(rng(6, i), defect)
            difference = np.abs(bad.astype(int) - normal_part(rng(6, i)))[mask]
            changes.append(difference.mean())
        # Grey levels: seen at a second look, never a glare.
        assert min(changes) > 4
        assert max(changes) < 90
        assert max(changes) > 1.5 * min(changes)


def test_an_unknown_defect():
    with pytest.raises(InputError, match="scratch, hole, stain, got 'dent'"):
        defective_part(rng(0), "dent")


def test_a_part_that_may_turn_stays_in_the_picture():
    for i in range(8):
        picture = normal_part(rng(7, i), max_turn=180.0)
        border = np.concatenate([picture[:2], picture[-2:]]).astype(float)
        # The table is far darker than the plate.
        assert border.max() < 100


def descriptors(pictures):
    greys = pictures.mean(axis=-1)[:, ::2, ::2]
    return np.stack([hog(grey, pixels_per_cell=(16, 16), cells_per_block=(2, 2)) for grey in greys])


def test_neither_trivial_nor_impossible():
    train = np.stack([normal_part(rng(8, i)) for i in range(60)])
    good = [normal_part(rng(9, i)) for i in range(45)]
    bad = [defective_part(rng(10, i), DEFECTS[i % 3])[0] for i in range(45)]
    test, labels = np.stack(good + bad), np.repeat([0, 1], 45)
    assert 0.35 < roc_auc_score(labels, test.mean(axis=(1, 2, 3))) < 0.65
    baseline = OneClassSVM(nu=0.1, gamma="scale").fit(descriptors(train))
    auroc = roc_auc_score(labels, -baseline.score_samples(descriptors(test)))
    assert 0.6 < auroc < 0.95
