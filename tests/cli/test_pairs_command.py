"""`embedsvc pairs pack`: what it prints and what it refuses, and that mistakes do not wait."""

import subprocess
import sys

import pytest
from tiny_manifests import make_pairs, write_manifest


@pytest.fixture
def manifest(tmp_path):
    return make_pairs(tmp_path / "set", {"graf": 2, "bikes": 1})


def test_a_manifest_is_packed_and_told(invoke, manifest):
    result = invoke("pairs", "pack", manifest, "-o", "packed")
    lines = result.stdout.splitlines()
    assert lines[0] == "pairs      3 of 3"
    assert lines[1] == "sequences  2: graf 2, bikes 1"
    assert lines[2].startswith(
        "matches    36; a pair has 12 at least, 12 in the median, 12 at most"
    )
    assert lines[3] == "images     at most 64 pixels a side, 0 made smaller"
    assert lines[4].startswith("size       ")
    assert lines[4].endswith(" in 1 file")
    assert lines[5] == "rejects    0"
    assert "Note: Without column 'sequence'" in result.stderr


def test_options_reach_the_packing(invoke, manifest, tmp_path):
    invoke("pairs", "pack", manifest, "-o", "packed", "--max-side", 32, "--quiet")
    result = invoke("pairs", "pack", manifest, "-o", "packed", "--max-side", 48, "--overwrite")
    assert "at most 48 pixels a side, 6 made smaller" in result.stdout
    result = invoke("pairs", "pack", manifest, "-o", "p2", "--min-matches", 13, exit_code=3)
    assert "Expected at least 13 matches, got 12" in result.stderr
    assert not (tmp_path / "p2").exists()


def test_rejects_are_told_and_listed(invoke, manifest, tmp_path):
    (manifest.parent / "graf" / "m3.csv").write_text("1,2,3,4\n")
    result = invoke("pairs", "pack", manifest, "-o", "packed", exit_code=3)
    assert "line 3 (graf/1.png - graf/3.jpg): Expected at least 8 matches, got 1." in result.stderr
    assert "add --on-error skip" in result.stderr
    result = invoke("pairs", "pack", manifest, "-o", "packed", "--on-error", "skip")
    assert "pairs      2 of 3" in result.stdout
    assert "rejects    1\n           line 3 (graf/1.png - graf/3.jpg): Expected" in result.stdout
    assert (tmp_path / "packed" / "rejects.jsonl").is_file()


def test_quiet_prints_nothing(invoke, manifest):
    assert invoke("pairs", "pack", manifest, "-o", "packed", "--quiet").output == ""


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["missing.csv", "-o", "p"], 3, "readable table"),
        (["empty.csv", "-o", "p"], 3, "at least one pair"),
        (["pairs.txt", "-o", "p"], 3, "ends in .csv"),
        (["empty.csv", "-o", "file"], 5, "to be a folder"),
        (["empty.csv"], 2, "Missing option '-o'"),
        (["empty.csv", "-o", "p", "--min-matches", "0"], 2, "min-matches"),
        (["empty.csv", "-o", "p", "--max-side", "9999"], 2, "max-side"),
    ],
)
def test_mistakes(invoke, tmp_path, arguments, exit_code, message):
    write_manifest(tmp_path).rename(tmp_path / "empty.csv")
    (tmp_path / "file").write_text("x")
    assert message in invoke("pairs", "pack", *arguments, exit_code=exit_code).stderr


def test_help_and_mistakes_do_not_wait_for_tensorflow(manifest):
    program = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from embedsvc.cli.main import main\n"
        "for arguments in (['--help'], [sys.argv[1], '-o', sys.argv[1]], ['no.csv', '-o', 'x']):\n"
        "    result = CliRunner().invoke(main, ['pairs', 'pack', *arguments])\n"
        "    print(result.exit_code)\n"
        "print([name for name in ('tensorflow', 'keras') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(manifest)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["0", "5", "3", "[]"]
