"""The one type of a column that is handed through."""

import datetime
import decimal

import pyarrow as pa
import pytest

from embedsvc.extract.passthrough import column_array, column_type, kind_of, storable


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "bool"),
        (0, "int"),
        (-(2**53), "int"),
        (2**53 + 1, "long"),
        (2**63 - 1, "long"),
        (2**63, "other"),
        (0.0, "float"),
        ("", "str"),
        (None, "null"),
        ([], "other"),
        ({}, "other"),
        (datetime.date(2020, 1, 1), "other"),
    ],
)
def test_kinds(value, kind):
    assert kind_of(value) == kind


@pytest.mark.parametrize(
    ("kinds", "dtype"),
    [
        ([], pa.string()),
        (["null"], pa.string()),
        (["bool", "null"], pa.bool_()),
        (["int", "long"], pa.int64()),
        (["int", "float"], pa.float64()),
        (["long", "float"], pa.string()),
        (["bool", "int"], pa.string()),
        (["str", "int"], pa.string()),
        (["other"], pa.string()),
    ],
)
def test_types(kinds, dtype):
    assert column_type(kinds) == dtype


def test_what_is_no_string_becomes_json():
    values = ["a", None, 1, 1.5, True, [1, "b"], datetime.date(2020, 1, 2), decimal.Decimal("1.50")]
    assert column_array(values, pa.string()).to_pylist() == [
        "a",
        None,
        "1",
        "1.5",
        "true",
        '[1,"b"]',
        '"2020-01-02"',
        '"1.50"',
    ]


def test_infinity_and_nan_pass_json():
    kept = storable({"x": float("inf"), "y": 1.0, "z": "inf"})
    assert kept == {"x": "inf", "y": 1.0, "z": "inf"}
    assert column_array(["inf", "-inf", 1, None], pa.float64()).to_pylist() == [
        float("inf"),
        -float("inf"),
        1.0,
        None,
    ]
