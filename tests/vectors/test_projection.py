"""Vectors on a plane: who is near stays near, the same every time, whatever comes."""

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from embedsvc.errors import InputError, MissingExtraError
from embedsvc.vectors import projection
from embedsvc.vectors.projection import check_method, default_method, project


@pytest.fixture(scope="module")
def groups():
    """Three groups of 20 unit vectors of 16 dimensions, and which is in which."""
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], 20)
    rows = 4 * np.eye(16)[codes] + rng.normal(size=(60, 16)) * 0.3
    return rows.astype(np.float32), codes


def purity(places, codes):
    away = np.hypot(*(places[:, np.newaxis] - places).transpose(2, 0, 1))
    np.fill_diagonal(away, np.inf)
    return (codes[away.argmin(axis=1)] == codes).mean()


@pytest.mark.parametrize("method", ["pca", "tsne", "umap"])
def test_groups_stay_together_and_nothing_depends_on_chance(groups, method):
    rows, codes = groups
    before = rows.copy()
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    places = project(rows, method=method)
    assert places.shape == (60, 2)
    assert places.dtype == np.float32
    assert np.isfinite(places).all()
    assert purity(places, codes) == 1
    # The widest direction is horizontal, around the middle.
    assert np.ptp(places[:, 0]) >= np.ptp(places[:, 1]) * 0.8
    assert np.allclose(places.mean(axis=0), 0, atol=1e-3)
    if method == "umap":
        # Copies lie where the first of them lies, and change nothing for the others.
        again = project(np.concatenate([rows, 3 * rows[:5]]), method="umap")
        np.testing.assert_array_equal(again[60:], again[:5])
        np.testing.assert_allclose(again[:60], places, atol=1e-4)
    else:
        np.testing.assert_allclose(project(rows, method=method), places, atol=1e-5)
    assert (rows == before).all()
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


def test_pca_is_that_of_numpy(groups):
    rows = groups[0] / np.linalg.norm(groups[0], axis=1, keepdims=True)
    centred = rows - rows.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    expected = centred @ directions[:2].T
    places = project(groups[0], method="pca")
    np.testing.assert_allclose(np.abs(places), np.abs(expected), atol=1e-5)


@pytest.mark.parametrize("method", ["pca", "tsne", "umap"])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 4])
def test_few_rows(method, n):
    rows = np.eye(4, 6)[:n]
    places = project(rows, method=method)
    assert places.shape == (n, 2)
    assert np.isfinite(places).all()
    assert len(np.unique(places, axis=0)) == n


@pytest.mark.parametrize("method", ["pca", "tsne", "umap"])
@pytest.mark.parametrize("row", [[1, 2, 3], [0, 0, 0]])
def test_all_rows_equal(method, row):
    assert (project([row] * 40, method=method) == 0).all()


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_one_dimension_and_rows_of_zeros(method):
    assert np.isfinite(project([[1], [2], [-3], [0]], method=method)).all()
    rows = np.vstack([np.eye(8), np.zeros((2, 8))])
    places = project(rows, method=method)
    assert np.isfinite(places).all()
    np.testing.assert_array_equal(places[8], places[9])


def test_few_rows_for_tsne():
    assert np.isfinite(project(np.eye(5), method="tsne")).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"method": "isomap"}, "umap, tsne, pca"),
        ({"n_neighbors": 1}, "n_neighbors"),
        ({"min_dist": 2}, "min_dist"),
        ({"seed": -1}, "seed"),
    ],
)
def test_what_cannot_be(arguments, said):
    with pytest.raises(InputError, match=said):
        project(np.eye(3), **arguments)


def test_no_numbers():
    with pytest.raises(InputError, match="finite"):
        project([[1, np.nan]], method="pca")


def test_too_many_for_tsne():
    with pytest.raises(InputError, match="10,000 vectors"):
        check_method("tsne", 10_001)


def test_without_umap(monkeypatch):
    monkeypatch.setattr(projection, "has_umap", lambda: False)
    with pytest.raises(MissingExtraError, match=r"embedsvc\[plot\]"):
        project(np.eye(9), method="umap")
    assert default_method(5000) == "tsne"
    assert default_method(5001) == "pca"


def test_umap_is_the_default_where_it_is_installed():
    if find_spec("umap") is None:
        pytest.skip("umap-learn is not installed")
    assert default_method(10) == "umap"


def test_umap_does_not_bring_tensorflow():
    code = (
        "import sys, warnings; warnings.simplefilter('error', UserWarning)\n"
        "from embedsvc.vectors.projection import _load_umap\n"
        "assert _load_umap().UMAP\n"
        "assert 'umap.parametric_umap' not in sys.modules\n"
        "print('tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
