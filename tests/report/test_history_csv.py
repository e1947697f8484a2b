"""The history as a table of numbers."""

import csv
import io
import math

import pytest
from made_training import LAYER, made_history

from embedsvc.errors import OutputError
from embedsvc.nets.training_state import EpochRecord
from embedsvc.report.history_csv import history_csv, write_history_csv


def rows_of(text):
    return list(csv.reader(io.StringIO(text)))


def test_the_columns():
    head, *rows = rows_of(history_csv(made_history(2, penalties=True)))
    assert head == [
        *("epoch", "seconds", "learning_rate", "total", "data", "weight penalty", LAYER),
        *("validation_loss", "validation_accuracy", "validation_macro_f1"),
    ]
    assert [row[0] for row in rows] == ["1", "2"]
    assert rows[0][1:3] == ["41.5", "3e-05"]


def test_missing_and_broken_values():
    history = [
        EpochRecord(1, 2.0, 1e-3, {"total": 0.123456789012}, {}),
        EpochRecord(2, 2.0, 1e-3, {"total": math.nan, 'a "b",\nc': math.inf}, {"loss": 1.0}),
    ]
    head, first, second = rows_of(history_csv(history))
    assert head[3:] == ["total", 'a "b",\nc', "validation_loss"]
    assert first[3:] == ["0.123456789", "", ""]
    assert second[3:] == ["nan", "inf", "1"]


def test_no_two_columns_have_one_name():
    history = [EpochRecord(1, 2.0, 1e-3, {"seconds": 1.0, "validation_loss": 2.0}, {"loss": 3.0})]
    head, row = rows_of(history_csv(history))
    assert head[3:] == ["term: seconds", "term: validation_loss", "validation_loss"]
    assert row[3:] == ["1", "2", "3"]


def test_no_epochs():
    assert history_csv([]) == "epoch,seconds,learning_rate\n"


def test_writing(tmp_path):
    path = tmp_path / "new" / "history.csv"
    write_history_csv(made_history(2), path)
    assert path.read_bytes() == history_csv(made_history(2)).encode()
    with pytest.raises(OutputError, match="Expected to write"):
        write_history_csv([], path / "history.csv")
