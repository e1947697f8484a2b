"""The pretrained model of a training, before it is loaded."""

import pytest

from embedsvc.errors import ArtifactError
from embedsvc.jobs.train_model import check_model, model_digest


@pytest.mark.parametrize(
    "model", ["minilm", "huggingface:owner/name", "tfhub:google/bert/1", "./some/folder"]
)
def test_models_of_texts(model):
    check_model(model)
    assert model_digest(model) is None


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("efficientnet-lite0", "Expected a model for texts, got 'efficientnet-lite0'.*models list"),
        ("keras:EfficientNetB0", "Expected a model for texts, got 'keras:EfficientNetB0'"),
        ("minilmm", "'minilmm'.*Did you mean 'minilm'"),
    ],
)
def test_models_that_are_none(model, message):
    with pytest.raises(ArtifactError, match=message):
        check_model(model)


def test_a_folder_is_known_by_what_is_in_it(tmp_path, monkeypatch):
    folder = tmp_path / "tiny"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.json").write_text("{}")
    (folder / "deep" / "b.bin").write_bytes(b"1")
    digest = model_digest(str(folder))
    assert len(digest) == 64
    folder.rename(tmp_path / "moved")
    assert model_digest(str(tmp_path / "moved")) == digest
    (tmp_path / "moved" / "deep" / "b.bin").write_bytes(b"2")
    changed = model_digest(str(tmp_path / "moved"))
    (tmp_path / "moved" / "deep").rename(tmp_path / "moved" / "other")
    assert len({digest, changed, model_digest(str(tmp_path / "moved"))}) == 3
    # A name of the catalogue wins, as it does when it is loaded.
    (tmp_path / "minilm").mkdir()
    monkeypatch.chdir(tmp_path)
    assert model_digest("minilm") is None
