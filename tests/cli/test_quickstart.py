"""`embedsvc quickstart`; what it finds is tested in tests/jobs."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from embedsvc.catalogue import pull as pull_module
from embedsvc.cli.main import main
from embedsvc.errors import OfflineError, OutputError
from embedsvc.extract.parts import Summary


class Other:
    text, topic, cosine = "Where is it?", "parcel", 0.912


class Result:
    summary = Summary(rows=320, seconds=1.0)
    dim = 384
    examples = (("My parcel is late.", [Other()]),)
    same_topic = 0.9
    n_topics = 8


class Found:
    n_anomalous, n_images = 22, 48
    metrics, baseline_metrics = {"image_auroc": 0.991}, {"image_auroc": 0.702}
    report = Path("here", "anomalies", "report.html")


@pytest.fixture
def run(monkeypatch):
    """The command, with what needs TensorFlow replaced."""
    calls = []
    report = type(sys)("embedsvc.jobs.quickstart")
    report.VECTORS, report.NEIGHBOURS = "messages.parquet", "neighbours.csv"

    def run_quickstart(folder, *, advance):
        advance(320)
        calls.append(folder)
        return Result()

    report.run_quickstart = run_quickstart
    monkeypatch.setitem(sys.modules, "embedsvc.jobs.quickstart", report)
    images = type(sys)("embedsvc.jobs.quickstart_images")
    images.run_quickstart_images = lambda folder, *, show_progress: Found()
    monkeypatch.setitem(sys.modules, "embedsvc.jobs.quickstart_images", images)
    monkeypatch.setattr(pull_module, "pull", lambda card: calls.append(card.name))

    def invoke(*arguments):
        return CliRunner().invoke(main, ["quickstart", *arguments])

    invoke.calls, invoke.report = calls, report
    return invoke


def test_it_prints_what_it_found(run):
    shown = run("-o", "here")
    assert shown.exit_code == 0
    assert run.calls == ["minilm", "efficientnet-lite0", Path("here")]
    assert "320 messages became vectors of 384 numbers in 1.0 s." in shown.stdout
    assert "  My parcel is late.\n    0.91  [parcel] Where is it?\n" in shown.stdout
    assert "For 90% of them" in shown.stdout
    assert f"Vectors:    {Path('here', 'messages.parquet')}" in shown.stdout
    assert "22 of 48 pictures" in shown.stdout
    assert "AUROC 0.99; HOG, without deep learning, 0.70." in shown.stdout
    assert f"Open {Path('here', 'anomalies', 'report.html')}" in shown.stdout
    assert shown.stderr == "Loading TensorFlow and the models ...\n"


def test_no_network(run, monkeypatch):
    def offline(card):
        raise OfflineError("Expected a cached model, got none. Unset EMBEDSVC_OFFLINE.")

    monkeypatch.setattr(pull_module, "pull", offline)
    shown = run()
    assert (shown.exit_code, shown.stdout) == (4, "")
    assert shown.stderr.startswith("Error: Expected a cached model")


def test_no_place_to_write(run):
    def refuse(folder, *, advance):
        raise OutputError("Expected to write beside here, but the disk is full.")

    run.report.run_quickstart = refuse
    assert run().exit_code == 5


def test_the_output_is_a_folder(run, tmp_path):
    (tmp_path / "file").touch()
    assert run("-o", str(tmp_path / "file")).exit_code == 2
