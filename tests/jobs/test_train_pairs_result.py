"""What came of a training on pairs, in words."""

from pathlib import Path

import pytest
from tiny_pair_training import draw_photos, write_fake_packed

from embedsvc.jobs.train_pairs_options import PairTrainOptions
from embedsvc.jobs.train_pairs_plan import plan_pair_training
from embedsvc.jobs.train_pairs_result import TRAINED, PairTrainResult, summary, to_metrics
from embedsvc.nets.training_state import EpochRecord
from embedsvc.pairs.pairs_evaluation import Figures, Measurement, PairsEvaluation

METRICS = {"n_epochs": 4, "seconds": 90, "best_epoch": 3, "n_validation": 20, "measured": {},
           "summary": [], "notes": []}  # fmt: skip


def evaluation(sequences=("a", "a", "b")):
    figures = {TRAINED: 0.75, "small": 0.5, "raw": 0.25}
    limits = (1, 3, 5, 10)
    return PairsEvaluation(
        limits,
        5.0,
        {name: name for name in figures},
        tuple(
            Measurement(f"pair {at}", one, name, 9, 9,
                        Figures(dict.fromkeys(limits, share), share, 2.0), (2.0, 2.0))
            for at, one in enumerate(sequences)
            for name, share in figures.items()
        ),
        1000,
        0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "4 epochs in 1 min 30 s, the best is epoch 3."),
        ({"n_epochs": 1, "best_epoch": 1}, "1 epoch in 1 min 30 s, the best is epoch 1."),
        ({"best_epoch": 0}, "4 epochs in 1 min 30 s, none better than the beginning."),
        ({"n_validation": 0, "best_epoch": 4}, "4 epochs in 1 min 30 s, the last is kept."),
        ({"n_epochs": 0, "seconds": 0}, "No epoch: the best projection in closed form."),
    ],
)
def test_the_first_line(changes, line):
    result = PairTrainResult(Path("out"), METRICS | changes | {"summary": ["a", "b"]})
    assert result.lines() == [line, "a", "b"]


def test_where_the_page_is():
    assert PairTrainResult(Path("out"), METRICS).report == Path("out/report.html")
    assert PairTrainResult(Path("out"), METRICS | {"measured": None}).report is None


@pytest.mark.parametrize(
    ("kind", "test", "line"),
    [
        ("packed", False, "On 3 pairs of 2 sequences held out, which also chose the epoch (--test "
                          "FOLDER measures on others):"),
        ("photos", False, "On 3 pairs of 2 pictures held out, which also chose the epoch (--test "
                          "FOLDER measures on others):"),
        ("photos", True, "On 3 pairs of 2 sequences to test with:"),
    ],
)  # fmt: skip
def test_what_was_measured(tmp_path, kind, test, line):
    data = tmp_path / kind
    if kind == "photos":
        draw_photos(data, 2)
    else:
        write_fake_packed(data, {"a": 1, "b": 1})
    test = write_fake_packed(tmp_path / "test", {"z": 1}) if test else None
    plan = plan_pair_training([str(data)], tmp_path / "out", test=test)
    lines = summary(plan, evaluation())
    assert lines[0] == line and lines[2].split()[:4] == ["mean", "of", "2", "sequences"]
    assert [one.split()[0] for one in lines[3:6]] == ["trained", "small", "raw"]
    assert lines[-1].startswith("trained descriptor is this one, small the same network before")


def test_metrics(tmp_path):
    write_fake_packed(tmp_path / "packed", {"a": 1, "b": 1})
    options = PairTrainOptions({"dim": 8})
    plan = plan_pair_training([str(tmp_path / "packed")], tmp_path / "out", options=options)
    history = [EpochRecord(1, 2.5, 0.1, {"total": 1.0}, {})] * 2
    facts = {"history": history, "best_epoch": 1, "notes": ["so"]}
    found = to_metrics(plan, **facts, evaluation=evaluation())
    assert found["seconds"] == 5 and found["n_epochs"] == 2 and found["notes"] == ["so"]
    assert found["measured"]["models"][0]["accuracy_5px"] == 0.75
    assert found["run"] == plan.asked and found["data_notes"] == []
    found = to_metrics(plan, **facts, evaluation=None)
    assert (found["measured"], found["measured_on"], found["summary"]) == (None, None, [])
