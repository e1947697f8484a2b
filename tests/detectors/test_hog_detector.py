"""The baseline is what it says: HOG and scikit-learn's one-class SVM."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.svm import OneClassSVM
from textures import planted, woven

from embedsvc.detectors.hog import Hog
from embedsvc.errors import InputError
from embedsvc.images.hog import hog_features


def test_scores_are_those_of_the_two_parts_put_together():
    normal, others = woven(20), planted(5)
    reference = OneClassSVM(nu=0.2, gamma="scale").fit(hog_features(normal, cell=8))
    detector = Hog(nu=0.2, cell=8, size=64, folds=2).fit(normal)
    np.testing.assert_allclose(
        detector.anomaly_score(others),
        -reference.decision_function(hog_features(others, cell=8)),
        rtol=1e-4,
    )


@pytest.mark.parametrize("nu", [0.0, 1.1, -0.1])
def test_nu_is_a_share(nu: float):
    with pytest.raises(InputError, match="Expected nu above 0 and at most 1"):
        Hog(nu=nu).fit(woven(4))


@pytest.mark.parametrize(("cell", "size"), [(1, 64), (33, 64), (33, (128, 64))])
def test_a_block_has_to_fit(cell: int, size: int | tuple[int, int]):
    with pytest.raises(InputError, match="Expected cells from 2 pixels to half of the size"):
        Hog(cell=cell, size=size).fit(woven(4))
    assert Hog(cell=32, size=64, folds=2).fit(woven(4)).n_images_ == 4
