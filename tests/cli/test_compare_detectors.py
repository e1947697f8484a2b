"""`embedsvc compare-detectors` as a user meets it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tiny_comparison import FakeDetector, make_dataset

from embedsvc.cli import compare_detectors as door
from embedsvc.errors import InputError, OutputError, ResumeError


def smoothness(levels, path):
    return float(abs(levels[1:] - levels[:-1]).mean())


@pytest.fixture
def dataset(tmp_path):
    return make_dataset(tmp_path / "stripes")


@pytest.fixture
def invoke(monkeypatch, tmp_path):
    """Run the command in this process, with fakes for detectors."""
    monkeypatch.chdir(tmp_path)
    made = []

    def make_detector(kind, **settings):
        made.append((kind, settings))
        return FakeDetector(smoothness, has_maps=kind == "patchcore")

    monkeypatch.setattr("embedsvc.detectors.registry.make_detector", make_detector)

    def run(*arguments, error=None, exit_code=0):
        result = CliRunner().invoke(door.compare_detectors, [str(one) for one in arguments])
        if error is not None:
            assert isinstance(result.exception, error), result.output
            return str(result.exception)
        assert result.exit_code == exit_code, result.output
        return result

    run.made = made
    return run


def test_the_table_is_on_stdout_and_the_rest_on_stderr(invoke, dataset, tmp_path):
    shown = invoke(dataset, "-o", "report", "--methods", "gaussian, HOG,patchcore")
    table, verdict = shown.stdout.split("\n\n")
    header, *rows, star = table.splitlines()
    assert header.split()[:2] == ["detector", "AUROC"]
    assert "pixel AUROC  AUPRO" in header
    assert {row.split()[0] for row in rows} == {"gaussian", "hog", "patchcore"}
    assert star == "* baseline, no deep learning"
    assert verdict.startswith("Deep learning was")
    assert "[1/3] hog: learns from 24 images, is tested on 16" in shown.stderr
    assert "The page is report/report.html" in shown.stderr
    written = {path.name for path in (tmp_path / "report").iterdir()}
    assert written == {".finished", "metrics.json", "report.html", "scores.csv"}
    again = invoke(dataset, "-o", "report", "--methods", "hog,gaussian")
    assert "[2/2] gaussian: finished earlier" in again.stderr
    assert "AUPRO" not in again.stdout


def test_quiet(invoke, dataset):
    shown = invoke(dataset, "-o", "report", "--methods", "hog", "--quiet")
    assert all(line.startswith("Warning: ") for line in shown.stderr.splitlines())
    assert "hog *" in shown.stdout


def test_options_reach_the_detectors(invoke, dataset):
    invoke(
        *(dataset, "-o", "report", "--methods", "hog", "--size", "96x64", "--resize", "fit"),
        *("--lighting", "both", "--false-alarm-rate", "0.1", "--seed", "7"),
    )
    same = {"resize": "fit", "false_alarm_rate": 0.1, "seed": 7, "size": (96, 64)}
    assert invoke.made == [
        ("hog", {**same, "lighting": "keep"}),
        ("hog", {**same, "lighting": "normalize"}),
    ]
    options = json.loads(Path("report/metrics.json").read_text())["options"]
    assert options["size"] == [96, 64]


def test_what_was_left_out_is_told(invoke, dataset):
    (dataset / "test" / "good" / "01.png").write_bytes(b"broken")
    assert "01.png" in invoke(dataset, "-o", "report", "--methods", "hog", error=InputError)
    shown = invoke(dataset, "-o", "report", "--methods", "hog", "--on-error", "skip")
    assert "Left out: test/good/01.png: " in shown.stderr


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["nowhere", "-o", "report"], InputError, "'nowhere', which does not exist"),
        (["DATA", "-o", "report", "--methods", "hog,ocsvmm"], InputError, "Did you mean 'ocsvm'"),
        (["DATA", "-o", "report", "--methods", ""], InputError, "got ''"),
        (["DATA", "-o", "report", "--methods", "regressor"], InputError, "--labelled 20"),
        (["DATA", "-o", "report", "--labelled", "6"], InputError, "Ask for fewer"),
        (["DATA", "-o", "report", "--false-alarm-rate", "0.001"], InputError, "at least 999"),
        (["DATA", "-o", "DATA/report"], OutputError, "outside of the dataset"),
        (["DATA", "-o", "file/report"], OutputError, "Expected to write"),
        (["DATA", "-o", "taken"], ResumeError, "--overwrite"),
    ],
)
def test_mistakes(invoke, dataset, tmp_path, arguments, error, message):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "metrics.json").write_text("mine")
    told = invoke(*(one.replace("DATA", str(dataset)) for one in arguments), error=error)
    assert message in told
    assert invoke.made == []
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data"], "Missing option '-o'"),
        (["-o", "x"], "Missing argument 'DATASET'"),
        (["data", "-o", "x", "--size", "big"], "'big' is no size"),
        (["data", "-o", "x", "--size", "0"], "is no size"),
        (["data", "-o", "x", "--lighting", "dark"], "dark"),
        (["data", "-o", "x", "--labelled", "-1"], "-1"),
        (["data", "-o", "x", "--false-alarm-rate", "0"], "0"),
        (["data", "-o", "x", "--false-alarm-rate", "1"], "1"),
    ],
)
def test_wrong_usage(invoke, arguments, message):
    assert message in invoke(*arguments, exit_code=2).stderr


def test_help_has_examples():
    shown = CliRunner().invoke(door.compare_detectors, ["--help"], max_content_width=100).stdout
    assert "embedsvc compare-detectors tiles/ -o report/ --labelled 20" in shown
    assert "0.5 is guessing" in " ".join(shown.split())


CODE = """
import sys
from embedsvc.cli.compare_detectors import compare_detectors
from embedsvc.errors import EmbedsvcError
try:
    compare_detectors(standalone_mode=False)
except EmbedsvcError as err:
    print(err)
print("LOADED", sorted({"tensorflow", "keras"} & sys.modules.keys()))
"""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--help"], "Usage"),
        (["nowhere", "-o", "report"], "does not exist"),
        (["stripes", "-o", "report", "--methods", "nothing"], "got 'nothing'"),
        (["stripes", "-o", "stripes/x"], "outside of the dataset"),
    ],
)
def test_mistakes_are_answered_without_tensorflow(dataset, tmp_path, arguments, message):
    command = [sys.executable, "-c", CODE, *arguments]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert message in shown.stdout, shown.stderr
    assert "LOADED []" in shown.stdout


def test_a_broken_image_is_told_before_tensorflow_is_loaded(dataset, tmp_path):
    (dataset / "test" / "good" / "01.png").write_bytes(b"broken")
    command = [sys.executable, "-c", CODE, "stripes", "-o", "report"]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "01.png" in shown.stdout, shown.stderr
    assert "LOADED []" in shown.stdout
    assert not (tmp_path / "report").exists()
