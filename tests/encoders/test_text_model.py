"""From a name or a folder to a model in memory."""

import json

import pytest
from tiny_folders import VOCABULARY, tiny_weights, write_json

from embedsvc.encoders.text_model import find_text_model, load_text_model
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
