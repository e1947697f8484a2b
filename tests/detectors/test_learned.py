"""The shapes of what was learned, by name."""

from __future__ import annotations

import numpy as np
import pytest

from embedsvc.detectors.learned import Shape, check_shapes
from embedsvc.errors import ArtifactError

EXPECTED: dict[str, Shape] = {"mean": ("dim",), "bank": ("n", "dim"), "scale": (2,)}


def arrays(**changes: tuple[int, ...] | None) -> dict[str, np.ndarray]:
    shapes = {"mean": (3,), "bank": (7, 3), "scale": (2,), **changes}
    return {name: np.zeros(shape) for name, shape in shapes.items() if shape is not None}


def test_shapes_that_fit():
    check_shapes(arrays(), EXPECTED)
    check_shapes(arrays(mean=(5,), bank=(1, 5)), EXPECTED)
    check_shapes({}, {})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": None}, "mean, bank, scale, got a detector without mean"),
        ({"code": (1,), "more": (1,)}, "with an unknown code, more"),
        ({"bank": (7, 4)}, r"bank of shape \(n, dim\) with n = 7, dim = 3, got \(7, 4\)"),
        ({"bank": (7,)}, r"bank of shape \(n, dim\) .*got \(7,\)"),
        ({"bank": (0, 3)}, r"got \(0, 3\)"),
        ({"scale": (3,)}, r"scale of shape \(2,\), got \(3,\)"),
        ({"mean": ()}, r"mean of shape \(dim,\), got \(\)"),
    ],
)
def test_shapes_that_do_not(changes: dict[str, tuple[int, ...] | None], message: str):
    with pytest.raises(ArtifactError, match=message):
        check_shapes(arrays(**changes), EXPECTED)
