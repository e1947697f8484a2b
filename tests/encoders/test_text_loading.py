"""From a name or a folder to a model in memory."""

import json

import numpy as np
import pytest
from tiny_folders import VOCABULARY, tiny_weights, write_json
from tiny_savedmodels import write_pair

from embedsvc.encoders.registry import load_encoder
from embedsvc.encoders.text_loading import find_text_model, load_text_model
from embedsvc.errors import ArtifactError, InputError


def test_pooled_without_its_weights(tiny_bert_folder):
    weights = {k: v for k, v in tiny_weights().items() if not k.startswith("pooler")}
    folder = tiny_bert_folder(weights=weights)
    assert load_text_model(folder).pooling == "mean"
    with pytest.raises(InputError, match="tiny-bert has no weights for 'pooled'"):
        load_text_model(folder, pooling="pooled")


def test_a_vocabulary_larger_than_the_embedding(tiny_bert_folder):
    folder = tiny_bert_folder()
    content = json.loads((folder / "tokenizer.json").read_text())
    content["model"]["vocab"]["zzz"] = len(VOCABULARY)
    (folder / "tokenizer.json").write_text(json.dumps(content))
    message = f"at most {len(VOCABULARY)} tokens, got {len(VOCABULARY) + 1}"
    with pytest.raises(ArtifactError, match=message):
        load_text_model(folder)


def test_a_special_token_beyond_the_embedding(tiny_bert_folder):
    folder = tiny_bert_folder()
    content = json.loads((folder / "tokenizer.json").read_text())
    content["post_processor"]["special_tokens"]["[CLS]"]["ids"] = [9999]
    (folder / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(ArtifactError, match="got 10000"):
        load_text_model(folder)


def test_a_saved_classifier_is_read_from_its_encoder(tiny_bert_folder):
    folder = tiny_bert_folder("mine/encoder").parent
    write_json(folder / "model.json", {"what": "text-classifier"})
    assert find_text_model(folder) == ("mine", folder / "encoder")
    assert load_text_model(folder).name == "mine"


def test_another_model_json_changes_nothing(tiny_bert_folder):
    folder = tiny_bert_folder()
    write_json(folder / "model.json", {"what": "something"})
    assert find_text_model(folder) == ("tiny-bert", folder)


def test_a_pair_of_tfhub(tmp_path):
    pair = write_pair(tmp_path / "pair")
    model = load_text_model(f"tfhub:{pair}", normalize=True, max_tokens=9)
    assert (model.name, model.pooling, model.normalize, model.max_tokens) == (
        "pair", "pooled", True, 9,
    )  # fmt: skip
    encoder = load_encoder(f"tfhub:{pair}", pooling="mean")
    assert encoder.describe()["pooling"] == "mean"
    np.testing.assert_allclose(
        encoder.encode(["the", "abc"]), [encoder.encode([text])[0] for text in ("the", "abc")],
        atol=1e-5,
    )  # fmt: skip


@pytest.mark.parametrize("model", ["tfhub:", "tfhub:no/such", "kaggle:a/b"])
def test_what_is_no_handle(model):
    with pytest.raises(InputError, match="Expected"):
        load_text_model(model)
