"""The command: what it prints, what it refuses, and how quickly."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from embedsvc.cli.detect_anomalies import detect_anomalies
from embedsvc.detectors.registry import DETECTORS
from embedsvc.errors import ArtifactError, EmbedsvcError, InputError, OutputError
from embedsvc.jobs.detect_options import METHODS


def write_images(folder, count, *, blot=False, seed=0):
    folder.mkdir(parents=True)
    for i in range(count):
        rng = np.random.default_rng(seed + i)
        pixels = rng.normal(120, 8, (64, 64, 3)).clip(0, 255).astype(np.uint8)
        if blot:
            pixels[:, 20:30] = 255
            pixels[20:30] = 0
        Image.fromarray(pixels).save(folder / f"{i:03}.png")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    write_images(tmp_path / "good", 20)
    write_images(tmp_path / "new" / "fine", 5, seed=100)
    write_images(tmp_path / "new" / "bad", 2, blot=True, seed=200)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def invoke(folder):
    def run(*arguments, error=None, exit_code=0):
        result = CliRunner().invoke(detect_anomalies, [str(one) for one in arguments])
        if error is None:
            assert result.exit_code == exit_code, (result.output, result.exception)
        else:
            assert isinstance(result.exception, error), (result.output, result.exception)
        return result

    return run


def test_the_last_lines_are_plain(invoke):
    result = invoke("new", "--normal", "good", "--method", "hog", "-o", "report")
    lines = result.stdout.splitlines()
    assert lines[0].startswith("2 of 7 images are anomalous. Threshold ")
    assert {line.split()[2] for line in lines[1:3]} == {"bad/000.png", "bad/001.png"}
    assert [line.split()[1] for line in lines[1:4]] == ["anomalous", "anomalous", "normal"]
    assert len(lines) == 7 and lines[-1] == "Report: report/report.html"
    assert "only 20 normal images" in result.stderr
    again = invoke("new", "--normal", "good", "--method", "hog", "-o", "report")
    assert again.stdout == result.stdout
    assert "report is already complete: nothing to do." in again.stderr


def test_quiet_prints_nothing(invoke):
    result = invoke("new", "--normal", "good", "--method", "hog", "-o", "report", "--quiet")
    assert result.output == ""


def test_options_reach_the_detector(invoke, folder):
    first = invoke(
        "new/fine", "new/bad/*.png", "--normal", "good", "--method", "hog", "-o", "report",
        "--size", "64x96", "--resize", "crop", "--lighting", "normalize", "--tiles", "2",
        "--false-alarm-rate", "0.2", "--seed", "3", "--save", "saved",
    )  # fmt: skip
    metrics = json.loads((folder / "report" / "metrics.json").read_text())
    settings = metrics["settings"]
    assert (settings["size"], settings["resize"], settings["lighting"]) == (
        [64, 96], "crop", "normalize",
    )  # fmt: skip
    assert (settings["tiles"], settings["seed"], metrics["false_alarm_rate"]) == (2, 3, 0.2)
    assert metrics["n_images"] == 7
    again = invoke("new/fine", "new/bad/*.png", "--detector", "saved", "-o", "again")
    assert again.stdout.splitlines()[0] == first.stdout.splitlines()[0]
    read = [(folder / name / "scores.csv").read_bytes() for name in ("report", "again")]
    assert read[0] == read[1]


def test_figures_on_labelled_images_are_shown(invoke, folder):
    (folder / "labels.csv").write_text(
        "path,label\nbad/000.png,1\nbad/001.png,1\nfine/000.png,0\nfine/001.png,0\n"
    )
    result = invoke(
        "new", "--normal", "good", "--method", "hog", "--labels", "labels.csv", "-o", "report"
    )
    assert "AUROC on labelled images: hog 1.000" in result.stdout


def test_a_name_cannot_disturb_the_terminal(invoke, folder):
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(folder / "new" / "a\x1b[2Jb\nc.png")
    result = invoke("new", "--normal", "good", "--method", "hog", "-o", "report")
    assert "\x1b" not in result.output and r"a\x1b[2Jb\nc.png" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["new", "-o", "report"], InputError, "--normal"),
        (["-", "--normal", "good", "-o", "report"], InputError, "standard input"),
        (["new", "--normal", "good", "-o", "new/report"], InputError, "outside of new"),
        (["none", "--normal", "good", "-o", "report"], InputError, "does not exist"),
        (["new", "--detector", "good", "-o", "report"], ArtifactError, "without model.json"),
        (["new", "--normal", "good", "-o", "good"], InputError, "outside") ,
        (["new", "--normal", "good", "-o", "."], OutputError, "Choose another output"),
        (["new", "--normal", "good", "-o", "r", "--labels", "no.csv"], InputError, "no.csv"),
        (["new", "--normal", "good", "-o", "r", "--maps", "some"], InputError, "top:N"),
        (
            ["new", "--normal", "good", "-o", "r", "--method", "hog", "--maps", "all"],
            InputError,
            "no maps with the method hog",
        ),
        (
            ["new", "--normal", "good", "-o", "r", "--method", "hog", "--model", "x"],
            InputError,
            "no model with the method hog",
        ),
        (
            ["new", "--normal", "good", "-o", "r", "--false-alarm-rate", "0.01"],
            InputError,
            "at least 99 normal images",
        ),
        (["new", "--normal", "good", "-o", "r", "--size", "32"], InputError, "at least 64"),
    ],
)  # fmt: skip
def test_mistakes_are_told(invoke, arguments, error, message):
    result = invoke(*arguments, error=error)
    assert message in str(result.exception)
    assert isinstance(result.exception, EmbedsvcError)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument"),
        (["new"], "Missing option '-o'"),
        (["new", "-o", "r", "--method", "svm"], "is not one of"),
        (["new", "-o", "r", "--size", "big"], "is no size"),
        (["new", "-o", "r", "--tiles", "0"], "is not in the range"),
    ],
)
def test_wrong_usage_has_exit_code_2(invoke, arguments, message):
    assert message in invoke(*arguments, exit_code=2).output


def test_help_has_examples(invoke):
    text = invoke("--help").output
    assert text.count("  embedsvc detect-anomalies ") == 3


def test_every_method_is_described():
    assert set(METHODS) == set(DETECTORS)


def test_mistakes_are_told_without_tensorflow(folder):
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from embedsvc.cli.detect_anomalies import detect_anomalies\n"
        "wrong = ['new', '--normal', 'good', '-o', 'r', '--false-alarm-rate', '0.01']\n"
        "print(type(CliRunner().invoke(detect_anomalies, wrong).exception).__name__)\n"
        "print([name for name in ('tensorflow', 'keras') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, check=True
    )
    assert done.stdout.splitlines() == ["InputError", "[]"]


@pytest.mark.slow
def test_a_killed_process_is_continued(folder, journalled):
    """As a power cut: nothing is tidied up, and the result is that of a run in one piece."""
    write_images(folder / "many", 600, seed=1000)
    code = (
        "from embedsvc.cli.detect_anomalies import detect_anomalies\n"
        "detect_anomalies(prog_name='detect-anomalies')\n"
    )

    def start(output):
        arguments = ["many", "--normal", "good", "--method", "hog", "-o", output]
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    killed = start("report")
    parts = folder / "report" / "scores.csv.parts"
    while not journalled(parts) and killed.poll() is None:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert journalled(parts) and not (folder / "report" / "metrics.json").exists()
    second = start("report")
    stdout, stderr = second.communicate()
    assert second.returncode == 0 and "were scored by the run before" in stderr
    whole = start("whole")
    assert whole.communicate()[0].splitlines()[:-1] == stdout.splitlines()[:-1]
    read = [(folder / name / "scores.csv").read_bytes() for name in ("report", "whole")]
    assert read[0] == read[1]
