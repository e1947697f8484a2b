"""What a map holds fits together."""

import numpy as np
import pytest
from made_maps import made_map

from embedsvc.errors import InputError


def test_one_of_each_a_point():
    assert len(made_map(7)) == 7


@pytest.mark.parametrize(
    "change",
    [
        {"ids": ["a"]},
        {"texts": ["a"]},
        {"pictures": [b""]},
        {"columns": {"stars": ["1"]}},
        {"places": np.zeros((5, 3), np.float32)},
    ],
)
def test_what_does_not_fit(change):
    with pytest.raises(InputError, match="as many of everything"):
        made_map(5, **change)
