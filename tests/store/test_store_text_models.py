"""Text models as Hugging Face folders: we and sentence-transformers read the same vectors."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from tiny_folders import POSITIONS, write_tiny_bert

from embedsvc.encoders.registry import load_encoder
from embedsvc.encoders.text_loading import load_text_model
from embedsvc.encoders.text_model import TextModel
from embedsvc.errors import ArtifactError, InputError
from embedsvc.store.text_models import without_written_pooler, write_text_model

TEXTS = ["The bad th\u00e9! [MASK] A", "", "\u4e2d\u6587 x [CLS]", "abc " * 30]

# What a folder was written with, and what replaces its own settings when it is loaded.
MODELS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "mean": ({}, {}),
    "cls, tanh gelu": (
        {
            "pooling": {"pooling_mode_cls_token": True},
            "config": {"hidden_act": "gelu_new", "layer_norm_eps": 1e-6},
        },
        {},
    ),
    "max, prompt, lowercased": (
        {
            "sentence_bert": {"max_seq_length": 9, "do_lower_case": True},
            "tokenizer_config": {"do_lower_case": False},
            "prompts": {"prompts": {"q": "the: "}, "default_prompt_name": "q"},
        },
        {"pooling": "max"},
    ),
    "pooled": ({}, {"pooling": "pooled", "normalize": True, "max_tokens": 7}),
    "pooled, dense": (
        {"head": ("Dense", "Normalize"), "dense": {"bias": False}},
        {"pooling": "pooled"},
    ),
}


@pytest.fixture(scope="module", params=MODELS)
def folders(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """A model as it was made, its vectors, and the folder that it was written to."""
    written, changed = MODELS[request.param]
    folder = tmp_path_factory.mktemp("models")
    made = load_text_model(write_tiny_bert(folder / "made", **written), **changed)
    write_text_model(folder / "saved", made)
    return made, load_encoder(folder / "made", **changed).encode(TEXTS), folder / "saved"


def test_we_read_the_same_vectors(folders: tuple[TextModel, np.ndarray, Path]):
    made, vectors, folder = folders
    again = load_text_model(folder)
    np.testing.assert_allclose(load_encoder(folder).encode(TEXTS), vectors, atol=1e-6)
    assert again.config == made.config
    assert (again.max_tokens, again.prompt) == (made.max_tokens, made.prompt)
    assert again.normalize == made.normalize
    assert again.tokenize(TEXTS) == made.tokenize(TEXTS)


def test_sentence_transformers_reads_the_same_vectors(folders: tuple[TextModel, np.ndarray, Path]):
    made, vectors, folder = folders
    library = pytest.importorskip("sentence_transformers")
    model = library.SentenceTransformer(str(folder), device="cpu")
    np.testing.assert_allclose(model.encode(TEXTS), vectors, atol=1e-5)
    assert model.max_seq_length == made.max_tokens


def test_saved_again_it_is_the_same(tmp_path: Path):
    write_tiny_bert(tmp_path / "made", head=("Dense", "Normalize"))
    write_text_model(tmp_path / "a", load_text_model(tmp_path / "made"))
    write_text_model(tmp_path / "b", load_text_model(tmp_path / "a"))
    names = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*"))
    assert len(names) == 12
    for name in names:
        assert (tmp_path / "b" / name).read_bytes() == (tmp_path / "a" / name).read_bytes()


def test_the_weights_are_those_of_the_checkpoint(tmp_path: Path):
    write_tiny_bert(tmp_path / "made")
    write_text_model(tmp_path / "saved", load_text_model(tmp_path / "made", pooling="pooled"))
    files = [tmp_path / name / "model.safetensors" for name in ("made", "saved")]
    with safe_open(files[0], "numpy") as before, safe_open(files[1], "numpy") as after:
        assert after.metadata() == {"format": "pt"}
        assert set(after.keys()) == set(before.keys())
        for name in before.keys():  # noqa: SIM118 - it is no dict
            np.testing.assert_array_equal(after.get_tensor(name), before.get_tensor(name))


def test_the_pooler_is_found_again(tmp_path: Path):
    write_tiny_bert(tmp_path / "made", head=("Dense",))
    made = load_text_model(tmp_path / "made", pooling="pooled")
    write_text_model(tmp_path / "saved", made)
    read = load_text_model(tmp_path / "saved", pooling="pooled")
    (dense,) = without_written_pooler(read).modules
    np.testing.assert_array_equal(dense.kernel, made.modules[0].kernel)
    for other in (made, replace(made, modules=())):
        with pytest.raises(ArtifactError, match="Expected the pooler of made as its first dense"):
            without_written_pooler(other)


def test_the_configuration(tmp_path: Path):
    write_tiny_bert(tmp_path / "made", config={"hidden_dropout_prob": 0.25})
    write_text_model(tmp_path / "saved", load_text_model(tmp_path / "made", max_tokens=9))
    config = json.loads((tmp_path / "saved" / "config.json").read_text())
    assert config["architectures"] == ["BertModel"]
    assert config["hidden_act"] == "gelu"
    assert config["layer_norm_eps"] == 1e-12
    assert config["hidden_dropout_prob"] == 0.25
    assert config["attention_probs_dropout_prob"] == 0.1
    assert config["max_position_embeddings"] == POSITIONS
    limits = json.loads((tmp_path / "saved" / "sentence_bert_config.json").read_text())
    assert limits == {"max_seq_length": 9, "do_lower_case": False}


def test_a_network_of_another_family_is_refused(tmp_path: Path):
    foreign = replace(load_text_model(write_tiny_bert(tmp_path / "made")), config=None)
    with pytest.raises(InputError, match="Expected a BERT to save, got made, a SavedModel"):
        write_text_model(tmp_path / "saved", foreign)
    assert not (tmp_path / "saved").exists()


@pytest.fixture
def from_hub(tmp_path: Path) -> TextModel:
    """A model whose tokenizer is a TensorFlow graph."""
    from embedsvc.encoders.tfhub_tokenizer import SavedModelTokenizer

    files = ("saved_model.pb", "variables/variables.index", "assets/vocab.txt", "notes/mine.txt")
    for name in files:
        (tmp_path / "hub" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "hub" / name).write_text(name)
    tokenizer = object.__new__(SavedModelTokenizer)
    tokenizer.folder = tmp_path / "hub"
    model = load_text_model(write_tiny_bert(tmp_path / "made"), pooling="pooled")
    return replace(model, tokenizer=tokenizer)


def test_a_tokenizer_from_tf_hub_is_copied_for_ourselves(from_hub: TextModel, tmp_path: Path):
    write_text_model(tmp_path / "saved", from_hub, for_others=False)
    copied = tmp_path / "saved" / "preprocess"
    assert {str(path.relative_to(copied)) for path in copied.rglob("*") if path.is_file()} == {
        "saved_model.pb",
        "variables/variables.index",
        "assets/vocab.txt",
    }
    assert (copied / "assets" / "vocab.txt").read_text() == "assets/vocab.txt"
    assert not (tmp_path / "saved" / "tokenizer.json").exists()
    assert (tmp_path / "saved" / "model.safetensors").is_file()


def test_others_cannot_read_a_tokenizer_from_tf_hub(from_hub: TextModel, tmp_path: Path):
    with pytest.raises(
        InputError, match="a tokenizer that Hugging Face can read, got that of made"
    ):
        write_text_model(tmp_path / "saved", from_hub)
    assert not (tmp_path / "saved").exists()


def test_a_tokenizer_of_ones_own_is_refused(tmp_path: Path):
    made = load_text_model(write_tiny_bert(tmp_path / "made"))
    own = SimpleNamespace(max_tokens=9, vocabulary_size=9, encode=made.tokenizer.encode)
    with pytest.raises(InputError, match="got that of made, a SimpleNamespace"):
        write_text_model(tmp_path / "saved", replace(made, tokenizer=own), for_others=False)
