"""A line an epoch, for people."""

import pytest

from embedsvc.cli import epochs_shown
from embedsvc.cli.epochs_shown import epoch_lines
from embedsvc.nets.training_state import EpochRecord


def record(epoch, **measures):
    return EpochRecord(epoch, 75.0, 0.1, {"total": 0.5, "data": 0.4}, measures)


@pytest.fixture
def clock(monkeypatch):
    """What time it is."""
    now = [100.0]
    monkeypatch.setattr(epochs_shown.time, "monotonic", lambda: now[0])
    return now


def test_a_line_has_the_loss_and_the_measures(clock, capsys):
    epoch_lines(quiet=False)(record(3, loss=0.7, accuracy_5px=0.25, macro_f1=1.0))
    assert capsys.readouterr() == (
        "", "Epoch 3: loss 0.5000, accuracy 5px 0.2500, macro f1 1.000, 1 min 15 s\n",
    )  # fmt: skip


def test_not_more_often_than_anybody_reads(clock, capsys):
    show = epoch_lines(quiet=False)
    for epoch, clock[0] in enumerate((100, 100.5, 101.5), 1):
        show(record(epoch))
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == [
        "Epoch 1", "Epoch 3",
    ]  # fmt: skip


def test_quiet(clock, capsys):
    epoch_lines(quiet=True)(record(1))
    assert capsys.readouterr() == ("", "")
