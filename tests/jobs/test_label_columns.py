"""Labels as they stand in columns: one, several, or 0 and 1."""

import datetime

import pytest

from embedsvc.errors import InputError
from embedsvc.jobs.label_columns import LabelColumns

ONE = LabelColumns(("label",))
SEVERAL = LabelColumns(("label",), separator=";")
COLUMNS = LabelColumns(("joy", "anger", "fear"))


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (" spam ", "spam"),
        ("a,b", "a,b"),
        (3, "3"),
        (3.0, "3"),
        (3.5, "3.5"),
        (True, "true"),
        (10**30, str(10**30)),
        (["b", " a ", "b"], ("b", "a")),
        ([], ()),
        ([1, True], ("1", "true")),
    ],
)
def test_a_cell_is_a_label(value, label):
    assert ONE.read({"label": value, "other": None}) == label


@pytest.mark.parametrize(
    ("value", "labels"),
    [("a;b", ("a", "b")), (" b ; a;;b", ("b", "a")), ("", ()), (" ; ", ()), (7, ("7",)),
     (["a;b"], ("a;b",)), ("a,b", ("a,b",))],
)  # fmt: skip
def test_a_cell_holds_several_labels(value, labels):
    assert SEVERAL.read({"label": value}) == labels


def test_a_column_for_each_label():
    assert COLUMNS.as_indicators
    assert COLUMNS.read({"joy": "1", "anger": 0, "fear": True}) == ("joy", "fear")
    assert COLUMNS.read({"joy": "0.0", "anger": 0.0, "fear": " False "}) == ()


@pytest.mark.parametrize("value", [None, "", "  ", float("nan"), float("inf"), [None], [""]])
@pytest.mark.parametrize("columns", [ONE, SEVERAL])
def test_nothing_is_no_label(columns, value):
    if columns is SEVERAL and isinstance(value, str):
        return
    with pytest.raises(InputError, match="in the column 'label', got null or nothing. Fill it in"):
        columns.read({"label": value})


@pytest.mark.parametrize(
    ("value", "shown"), [({"a": 1}, "an object"), ([["a"]], "an array"), (b"x", "a bytes"),
                         (datetime.date(2020, 1, 1), "a date")]
)  # fmt: skip
def test_other_things_are_no_labels(value, shown):
    with pytest.raises(InputError, match=f"got {shown}. Write a text or a number"):
        ONE.read({"label": value})


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "null or nothing"), ("", "null"), ("2", "'2'"), (0.5, "0.5"),
                         ([1], r"\[1\]"), (float("nan"), "nan")]
)  # fmt: skip
def test_an_indicator_is_0_or_1(value, shown):
    message = f"Expected 1 or 0 in the label column 'anger'.*got {shown}.*name one column"
    with pytest.raises(InputError, match=message):
        COLUMNS.read({"joy": 1, "anger": value, "fear": 0})


@pytest.mark.parametrize(
    ("names", "separator", "message"),
    [
        ((), None, "Expected the name of the label column"),
        (("a", ""), None, "got 'a,'. Pass --label"),
        (("a", "b", "a"), None, "Expected different label columns, got a, b, a"),
        (("a",), "", "Expected a separator of labels, got ''"),
        (("a",), "  ", "--label-separator ';'"),
    ],
)
def test_mistakes(names, separator, message):
    with pytest.raises(InputError, match=message):
        LabelColumns(names, separator)
    assert LabelColumns(("a",), "\t").separator == "\t"
