"""What is refused before TensorFlow is imported."""

import json
import subprocess
import sys

import pytest

from embedsvc.errors import ArtifactError, InputError
from embedsvc.server import startup_checks
from embedsvc.server.api_keys import hash_key
from embedsvc.server.settings import ServeSettings
from embedsvc.server.startup_checks import check_settings


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """Folders as they look from outside, in the working folder."""
    monkeypatch.chdir(tmp_path)
    for name, about in {
        "topics": {"what": "text-classifier", "format": 1},
        "gears": {"what": "anomaly-detector", "format": 1},
        "points": {"what": "point-descriptor", "format": 1},
        "newer": {"what": "anomaly-detector", "format": 99},
        "other": {"what": "cake"},
        "empty": None,
    }.items():
        (tmp_path / name).mkdir()
        if about is not None:
            (tmp_path / name / "model.json").write_text(json.dumps(about))
    (tmp_path / "bert").mkdir()
    (tmp_path / "bert" / "config.json").write_text("{}")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "model.json").write_text("{")
    return tmp_path


def test_what_can_be_served(saved):
    (saved / "keys.toml").write_text(f'a = "{hash_key("x" * 20)}"')
    settings = ServeSettings(
        models=("minilm", "bert", "points", "keras:MobileNetV2", "huggingface:a/b", "m=topics"),
        classifiers=("topics",),
        detectors=("g=gears",),
        api_key_file="keys.toml",
        cors_origins=("https://example.org", "http://localhost:3000"),
    )
    names = [one.name for one in check_settings(settings)]
    assert names[:3] == ["minilm", "bert", "points"]
    assert names[-3:] == ["m", "topics", "g"]


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"models": ("minilmm",)}, InputError, "Did you mean 'minilm'?"),
        ({"models": ("x=./none",)}, InputError, "'./none', which is no folder"),
        ({"models": ("empty",)}, ArtifactError, "without"),
        ({"models": ("gears",)}, ArtifactError, "Use: --detector gears"),
        ({"models": ("x=tfhub:nothing",)}, InputError, "tfhub:"),
        ({"classifiers": ("gears",)}, ArtifactError, "Use: --detector gears"),
        ({"detectors": ("topics",)}, ArtifactError, "Use: --classifier topics"),
        ({"detectors": ("none",)}, ArtifactError, "Expected a saved detector"),
        ({"detectors": ("empty",)}, ArtifactError, "without model.json"),
        ({"detectors": ("other",)}, ArtifactError, "what = 'anomaly-detector'"),
        ({"detectors": ("newer",)}, ArtifactError, "Update embedsvc"),
        ({"detectors": ("broken",)}, ArtifactError, "JSON"),
        ({"classifiers": ("broken",)}, ArtifactError, "JSON"),
        ({"models": ("broken",)}, ArtifactError, "JSON"),
        ({"detectors": ("gears", "gears")}, InputError, "ANOTHER=gears"),
        ({"api_key_file": "none.toml"}, InputError, "embedsvc api-key new"),
        ({"cors_origins": ("*",)}, InputError, "Name each origin"),
        ({"cors_origins": ("https://example.org/",)}, InputError, "without a path"),
        ({"cors_origins": ("example.org",)}, InputError, "scheme and host"),
    ],
)
def test_what_cannot(saved, settings, error, said):
    with pytest.raises(error) as caught:
        check_settings(ServeSettings(**settings))
    assert said in str(caught.value)


def test_the_formats_are_those_that_are_written():
    from embedsvc.store import classifiers, detectors
    from embedsvc.store.detectors import WHAT

    assert {classifiers.FORMAT, detectors.FORMAT} == {startup_checks._NEWEST}
    assert set(startup_checks._FLAGS_OF) == {WHAT, classifiers.CLASSIFIER}


def test_nothing_heavy_is_imported():
    code = (
        "import sys\n"
        "from embedsvc.server.startup_checks import check_settings\n"
        "from embedsvc.server.settings_sources import load_settings\n"
        "check_settings(load_settings({}))\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"tensorflow", "keras", "numpy", "fastapi"} & set(done.stdout.split())
