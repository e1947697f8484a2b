"""A one-class SVM as plain arrays: learned by scikit-learn, computed and saved without it.

Source: Schölkopf et al.: Estimating the support of a high-dimensional distribution, 2001. For many
rows: Rahimi, Recht: Random features for large-scale kernel machines, 2007, and Williams, Seeger:
Using the Nyström method to speed up kernel machines, 2001.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import SGDOneClassSVM
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import OneClassSVM

from embedsvc.detectors.learned import Shape, State

MOST_EXACT_ROWS = 10_000
_COMPONENTS = 1536
"""More than there are features: with a wide kernel each direction takes one component."""

SHAPES: dict[str, Shape] = {
    "gamma": (1,),
    "vectors": ("n_vectors", "dim"),
    "weights": ("n_vectors",),
    "offset": (1,),
}
"""Of what is learned; the exact SVM and the approximation have the same."""


def fit_one_class_svm(rows: NDArray[np.float64], *, nu: float, gamma: float, seed: int) -> State:
    """Learn the region that holds all but a share `nu` of the rows.

    Args:
        rows: float64 array of shape (n, dim). Above 10,000 rows the kernel is approximated.
        nu: 0 to 1, the share of rows that may lie outside.
        gamma: of the radial kernel, exp(-gamma |x - y|^2).
        seed: of the approximation.

    Returns:
        Named arrays for `one_class_scores`.
    """
    if len(rows) <= MOST_EXACT_ROWS:
        svm = OneClassSVM(nu=nu, gamma=gamma)
        # Its constructor does not take one, and without it NumPy's global state would be advanced.
        svm.random_state = seed
        svm.fit(rows)
        return {
            "gamma": np.array([gamma]),
            "vectors": svm.support_vectors_,
            "weights": svm.dual_coef_[0],
            "offset": svm.intercept_,
        }
    nystroem = Nystroem(gamma=gamma, n_components=_COMPONENTS, random_state=seed)
    mapped = nystroem.fit_transform(rows)
    sgd = SGDOneClassSVM(nu=nu, random_state=seed, tol=1e-6, max_iter=50).fit(mapped)
    return {
        "gamma": np.array([gamma]),
        "vectors": nystroem.components_,
        # The map into kernel space and the plane in it are one linear map.
        "weights": nystroem.normalization_.T @ sgd.coef_,
        "offset": -sgd.offset_,
    }


def one_class_scores(rows: NDArray[np.float64], learned: State) -> NDArray[np.float64]:
    """How far outside each row is: higher = more anomalous; (n, dim) to (n,)."""
    kernel = rbf_kernel(rows, learned["vectors"], gamma=float(learned["gamma"][0]))
    scores: NDArray[np.float64] = -(kernel @ learned["weights"] + learned["offset"])
    return scores
