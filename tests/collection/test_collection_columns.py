"""Types of columns: found in what files hold, kept by the table."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from embedsvc.collection.column_types import TypeGuess, to_array
from embedsvc.errors import InputError


def guessed(*values, textual=False):
    guess = TypeGuess(textual=textual)
    for value in values:
        guess.see(value)
    return guess.type()


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (["1", "-20", "0", ""], pa.int64()),
        (["1", "2.5", "-1e3"], pa.float64()),
        (["01234", "99999"], pa.string()),
        (["1", "n/a"], pa.string()),
        (["1,5"], pa.string()),
        (["true", "False", ""], pa.bool_()),
        (["true", "1"], pa.string()),
        (["9" * 30], pa.float64()),
        (["nan"], pa.string()),
        (["", ""], None),
        ([" 1"], pa.string()),
    ],
)
def test_text_that_reads_as_numbers_is_numbers(values, dtype):
    assert guessed(*values, textual=True) == dtype


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (["1"], pa.string()),
        ([1, None], pa.int64()),
        ([1, 2.5, float("nan")], pa.float64()),
        ([True], pa.bool_()),
        ([True, 1], pa.string()),
        ([2**70], pa.string()),
        ([[1]], pa.string()),
        ([datetime.date(2024, 1, 2)], pa.date32()),
        ([datetime.datetime(2024, 1, 2)], pa.timestamp("us")),
        ([datetime.datetime(2024, 1, 2, tzinfo=datetime.UTC)], pa.timestamp("us", tz="UTC")),
        ([float("nan"), None], None),
        ([], None),
    ],
)
def test_values_of_json_and_parquet_have_their_types(values, dtype):
    assert guessed(*values) == dtype


def test_values_become_those_of_the_column():
    def array(values, dtype):
        return to_array(values, dtype, "c", str).to_pylist()

    assert array(["1", "", 3, None], pa.int64()) == [1, None, 3, None]
    assert array(["1.5", "", 3, float("nan")], pa.float64()) == [1.5, None, 3.0, None]
    assert array(["TRUE", "", False], pa.bool_()) == [True, None, False]
    assert array(["x", "", 3, [1, "ä"], True], pa.string()) == ["x", "", "3", '[1, "ä"]', "true"]
    assert array([datetime.date(2024, 1, 2)], pa.string()) == ["2024-01-02"]


@pytest.mark.parametrize(
    ("value", "dtype", "words"),
    [
        ("x", pa.int64(), "whole numbers"),
        (1.5, pa.int64(), "whole numbers"),
        (True, pa.int64(), "whole numbers"),
        (2**70, pa.int64(), "whole numbers"),
        ("x", pa.float64(), "numbers"),
        ("x", pa.bool_(), "true or false"),
        ("x", pa.date32(), "dates"),
        ("x", pa.timestamp("us"), r"the type timestamp\[us\]"),
    ],
)
def test_values_of_another_type_say_where_they_stand(value, dtype, words):
    good = to_array([None], dtype, "c", str).to_pylist()
    with pytest.raises(InputError, match=f"row 1: Expected .*{words}.*'c'"):
        to_array([*good, value], dtype, "c", lambda at: f"row {at}")


def test_dates_and_arrays_can_be_filtered_by(reviews):
    when = [datetime.date(2024, 1, 2), datetime.date(2024, 5, 6)]
    columns = {"when": when, "score": np.array([0.5, np.nan])}
    reviews.add(ids=["1", "2"], texts=["x", "y"], columns=columns)
    assert reviews.count("when > DATE '2024-03-01'") == 1
    assert reviews.count("score < 1") == 1
    again = reviews.add(ids=["1", "2"], texts=["x", "y"], columns=columns)
    assert again.unchanged == 2
    reviews.add(ids=["3"], vectors=np.eye(1, 8), columns={"when": [datetime.date(2025, 1, 1)]})
    assert reviews.count("when > DATE '2024-12-31'") == 1
