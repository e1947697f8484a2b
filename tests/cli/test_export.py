"""`embedsvc export`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tiny_folders import write_tiny_bert

from embedsvc.cli.export import export
from embedsvc.errors import OutputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_bert(tmp_path / "tiny")


def test_help_needs_no_tensorflow():
    code = (
        "import sys; from click.testing import CliRunner; from embedsvc.cli.export import export; "
        "print(CliRunner().invoke(export, ['--help']).output); "
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "embedsvc export mymodel -o serving/mymodel/1" in done.stdout


def test_what_is_told(folder: Path, tmp_path: Path):
    output = tmp_path / "out"
    arguments = [str(folder), "-o", str(output), "--format", "huggingface"]
    result = CliRunner().invoke(export, arguments)
    assert result.exit_code == 0, result.output
    n_bytes = sum(path.stat().st_size for path in output.rglob("*") if path.is_file())
    assert result.output == f"{output}: encoder as huggingface, {n_bytes / 1000:.1f} kB\n"
    assert json.loads((output / "export.json").read_text())["exported_as"] == "huggingface"


def test_quiet_and_overwrite(folder: Path, tmp_path: Path):
    arguments = [str(folder), "-o", str(tmp_path / "out"), "--format", "huggingface", "--quiet"]
    assert CliRunner().invoke(export, arguments).output == ""
    again = CliRunner().invoke(export, arguments)
    assert isinstance(again.exception, OutputError)
    assert CliRunner().invoke(export, [*arguments, "--overwrite"]).exit_code == 0


def test_wrong_usage(folder: Path):
    assert CliRunner().invoke(export, [str(folder)]).exit_code == 2
    result = CliRunner().invoke(export, [str(folder), "-o", "x", "--format", "onnx"])
    assert result.exit_code == 2
    assert "'savedmodel', 'keras', 'huggingface'" in result.output
