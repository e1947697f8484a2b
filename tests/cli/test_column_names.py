"""Names of columns, separated by commas or in options of their own."""

import pytest

from embedsvc.cli.column_names import split_names


@pytest.mark.parametrize(
    ("given", "names"),
    [((), ()), (("a",), ("a",)), (("a,b", "c"), ("a", "b", "c")), (("a,",), ("a", ""))],
)
def test_names_are_split(given, names):
    assert split_names(given) == names
