"""Penalties by name."""

import subprocess
import sys

import pytest

from embedsvc.errors import InputError
from embedsvc.nets.penalty_names import penalty_factors


@pytest.mark.parametrize(
    ("text", "factors"),
    [
        ("l2:1e-4", {"l2": 1e-4}),
        ("L1:0", {"l1": 0.0}),
        (" l1l2:1e-5,1e-4", {"l1": 1e-5, "l2": 1e-4}),
        ("l2: 0.5", {"l2": 0.5}),
    ],
)
def test_factors(text, factors):
    assert penalty_factors(text) == factors


@pytest.mark.parametrize(
    "text",
    ["", "l2", "l2:", "l2:x", "l2:-1", "l2:nan", "l2:1e7", "l2:1,2", "l1l2:1", "l3:1", ":1", 3],
)
def test_what_is_no_penalty(text):
    with pytest.raises(InputError, match="Expected a penalty such as l2:1e-4"):
        penalty_factors(text)


def test_keras_is_not_loaded():
    code = "import sys, embedsvc.nets.penalty_names; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
