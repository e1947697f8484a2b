"""`embedsvc pairs evaluate`: what it prints and writes, what it refuses, and when."""

import json
import subprocess
import sys

import pytest
from made_evaluations import FakeDescriber
from PIL import Image
from tiny_manifests import make_pairs

from embedsvc.jobs import evaluate_pairs

FAST = ("--untrained", "none", "--baselines", "raw,orb")


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    from embedsvc.datasets.pair_manifest import open_pair_manifest
    from embedsvc.jobs.pack_pairs import PackOptions, pack_pairs

    folder = tmp_path_factory.mktemp("pairs")
    manifest = make_pairs(folder / "set", {"graf": 2, "bikes": 1})
    pack_pairs(open_pair_manifest(manifest), folder / "packed", PackOptions())
    return folder / "packed"


def test_the_table_is_on_stdout_and_the_folder_is_written(invoke, packed, tmp_path):
    result = invoke("pairs", "evaluate", packed, *FAST, "-o", "evaluation")
    lines = result.stdout.splitlines()
    assert lines[0].startswith("mean of 2 sequences   1 px    3 px    5 px   10 px      AP   ms an")
    assert {line.split()[0] for line in lines[1:3]} == {"raw", "orb"}
    assert lines[4].split() == ["within", "5", "px", "graf", "(2)", "bikes", "(1)"]
    assert result.stderr == "The page is evaluation/report.html\n"
    metrics = json.loads((tmp_path / "evaluation" / "metrics.json").read_text())
    assert metrics["sequences"] == {"graf": 2, "bikes": 1}
    assert [one["model"] for one in metrics["models"]] == ["raw", "orb"]
    assert "raw finds" in (tmp_path / "evaluation" / "report.html").read_text()


def test_models_come_first_and_the_page_is_about_the_first(invoke, packed, tmp_path, monkeypatch):
    fakes = {"mine": FakeDescriber(), "lite": FakeDescriber(shift=1, name="Lite")}
    find = evaluate_pairs.find_describer
    monkeypatch.setattr(
        evaluate_pairs,
        "find_describer",
        lambda name: lambda: fakes.get(name.strip("/")) or find(name)(),
    )
    arguments = ("--model", "mine/", "--untrained", "lite", "--baselines", "raw", "--quiet")
    result = invoke("pairs", "evaluate", packed, *arguments, "-o", "evaluation")
    assert result.stderr == ""
    assert result.stdout.splitlines()[1].split()[:2] == ["mine", "1.000*"]
    page = (tmp_path / "evaluation" / "report.html").read_text()
    assert "mine finds 100\u00a0% of points" in page
    assert "The untrained features of" in page
    assert not (tmp_path / "evaluation" / "matches.png").exists()
    # A folder has been trained.
    (tmp_path / "mine").mkdir()
    invoke("pairs", "evaluate", packed, *arguments, "-o", "trained")
    with Image.open(tmp_path / "trained" / "matches.png") as picture:
        assert picture.width == 1600
    page = (tmp_path / "trained" / "report.html").read_text()
    assert "this pair gained as much as half of all pairs" in " ".join(page.split())


def test_some_sequences_and_points(invoke, packed):
    result = invoke("pairs", "evaluate", packed, *FAST, "--sequences", "graf", "--points", 5)
    assert result.stdout.startswith("mean of 2 pairs")
    assert "Note: 2 of 2 pairs have more than 5 points: as many of each" in result.stderr
    again = invoke("pairs", "evaluate", packed, *FAST, "--sequences", "graf", "--points", 5)
    figures = [line.split()[:5] for line in result.stdout.splitlines()[1:]]
    assert figures == [line.split()[:5] for line in again.stdout.splitlines()[1:]]


def test_a_describer_that_fails_is_named_with_the_pair(invoke, packed, tmp_path, monkeypatch):
    broken = FakeDescriber(fails=RuntimeError("no memory"))
    monkeypatch.setattr(evaluate_pairs, "find_describer", lambda name: lambda: broken)
    result = invoke("pairs", "evaluate", packed, "--model", "mine", "-o", "e", exit_code=3)
    assert "Expected mine to describe points of the pair graf/1.png - graf/2.jpg" in result.stderr
    assert "no memory" in result.stderr
    assert not list(tmp_path.iterdir())


def test_interrupted_nothing_is_left(invoke, packed, tmp_path, monkeypatch):
    stopped = FakeDescriber(fails=KeyboardInterrupt())
    monkeypatch.setattr(evaluate_pairs, "find_describer", lambda name: lambda: stopped)
    invoke("pairs", "evaluate", packed, "--model", "mine", "-o", "e", exit_code=130)
    assert not list(tmp_path.iterdir())


def test_an_output_that_stands_is_replaced_when_asked(invoke, packed):
    arguments = ("pairs", "evaluate", packed, *FAST, "-o", "e")
    invoke(*arguments)
    assert "add --overwrite" in invoke(*arguments, exit_code=5).stderr
    invoke(*arguments, "--overwrite")


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["--model", "nothing"], 3, "a model that describes points"),
        (["--model", "."], 4, "a trained descriptor"),
        (["--untrained", "minilm"], 3, "a model for texts"),
        (["--baselines", "sift,surf"], 3, "got 'surf'"),
        (["--baselines", "none", "--untrained", "none"], 3, "Name a --model"),
        (["--sequences", "wall"], 3, "got 'wall'. It has graf, bikes"),
        (["-o", "file"], 5, "to be a folder, got a file"),
        (["--points", "1"], 2, "--points"),
    ],
)
def test_mistakes(invoke, packed, tmp_path, arguments, exit_code, message):
    (tmp_path / "file").write_text("x")
    assert message in invoke("pairs", "evaluate", packed, *arguments, exit_code=exit_code).stderr


def test_data_that_is_not_packed(invoke, tmp_path):
    (tmp_path / "pairs.csv").write_text("image_a\n")
    for data in (tmp_path, "missing", "pairs.csv"):
        result = invoke("pairs", "evaluate", data, exit_code=4)
        assert "embedsvc pairs pack MANIFEST" in result.stderr


def test_damaged_pairs_are_named(invoke, packed, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in packed.iterdir():
        content = bytearray(path.read_bytes())
        if path.suffix == ".tfrecord":
            content[200] ^= 1
        (copy / path.name).write_bytes(content)
    result = invoke("pairs", "evaluate", copy, *FAST, "-o", "e", exit_code=4)
    assert "record 1" in result.stderr
    assert not (tmp_path / "e").exists()


def test_help_and_mistakes_do_not_wait_for_tensorflow(packed):
    program = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from embedsvc.cli.main import main\n"
        "data = sys.argv[1]\n"
        "for given in (['--help'], ['no'], [data, '-o', data], [data, '--model', 'x'],\n"
        "              [data, '--sequences', 'x'], [data, '--baselines', 'x']):\n"
        "    print(CliRunner().invoke(main, ['pairs', 'evaluate', *given]).exit_code)\n"
        "print([name for name in ('tensorflow', 'keras') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(packed)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["0", "4", "5", "3", "3", "3", "[]"]
