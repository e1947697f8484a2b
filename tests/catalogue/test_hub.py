"""The Hugging Face hub, against a cache laid out as its client does it, without a network."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_folders import write_tiny_bert

from embedsvc.catalogue.hub import pull_from_hub
from embedsvc.errors import InputError, OfflineError, WeightsError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that holds one tiny BERT as the model somebody/tiny, without a network."""
    monkeypatch.setenv("EMBEDSVC_HOME", str(tmp_path))
    monkeypatch.setenv("EMBEDSVC_OFFLINE", "1")
    repository = tmp_path / "huggingface" / "models--somebody--tiny"
    (repository / "snapshots").mkdir(parents=True)
    write_tiny_bert(repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    return tmp_path


@pytest.mark.parametrize("revision", ["", "@main", f"@{COMMIT}"])
def test_a_cached_model_needs_no_network(hub_cache: Path, revision: str):
    folder = pull_from_hub(f"huggingface:somebody/tiny{revision}")
    assert folder.name == COMMIT
    assert (folder / "model.safetensors").is_file()


def test_it_encodes(hub_cache: Path):
    from embedsvc.encoders.registry import load_encoder

    encoder = load_encoder("huggingface:somebody/tiny")
    assert encoder.encode(["hello"]).shape == (1, encoder.dim)
    assert encoder.describe()["model"] == "huggingface:somebody/tiny"


def test_offline_and_not_cached_says_what_to_do(hub_cache: Path):
    with pytest.raises(OfflineError, match="copy that folder, or pass a local folder"):
        pull_from_hub("huggingface:somebody/else")


@pytest.mark.parametrize("handle", ["huggingface:", "huggingface:a/b/c", "huggingface:no way"])
def test_a_wrong_handle_is_refused(hub_cache: Path, handle: str):
    with pytest.raises(InputError, match="OWNER/NAME"):
        pull_from_hub(handle)


def test_an_unreachable_hub_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import huggingface_hub

    def refuse(*args: object, **settings: object) -> str:
        raise ConnectionError("no route to the hub\nwith a long story")

    monkeypatch.setenv("EMBEDSVC_HOME", str(tmp_path))
    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(WeightsError, match="no route to the hub. Check the name"):
        pull_from_hub("huggingface:somebody/tiny")
