"""What is installed: the wheel has the catalogue and the samples, and no code that can unpickle."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("dist")
    wheel = next(iter(WheelBuilder(str(ROOT)).build(directory=str(folder))))
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.parametrize(
    "name",
    [
        "embedsvc/_models/minilm/model.toml",
        "embedsvc/_models/minilm/golden.json",
        "embedsvc/_models/efficientnet-lite0/model.toml",
        "embedsvc/_models/efficientnet-lite0/golden.json",
        "embedsvc/samples/messages.csv",
        "embedsvc/server/page/index.html",
        "embedsvc/server/page/page.js",
        "embedsvc/py.typed",
    ],
)
def test_the_wheel_ships_its_data(wheel_names: set[str], name: str):
    assert name in wheel_names


def test_the_wheel_ships_no_tests_and_no_weights(wheel_names: set[str]):
    assert not [name for name in wheel_names if name.startswith("tests/")]
    assert not [name for name in wheel_names if name.endswith((".safetensors", ".pth", ".bin"))]


def test_the_top_level_holds_what_it_should():
    tracked = {"embedsvc", "models", "tests", "pyproject.toml", "README.md", "LICENSE"}
    assert tracked <= {path.name for path in ROOT.iterdir()}


def test_nothing_that_can_run_code_from_a_file_is_used():
    forbidden = re.compile(
        r"^\s*(import|from) (pickle|joblib|dill|shelve|marshal)\b|allow_pickle=True|torch\.load\("
        r"|enable_unsafe_deserialization|safe_mode=False",
        re.MULTILINE,
    )
    for path in (ROOT / "embedsvc").rglob("*.py"):
        assert not forbidden.search(path.read_text(encoding="utf-8")), path
