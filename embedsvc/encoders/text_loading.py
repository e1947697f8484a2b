"""From a name, a handle or a folder to a text model in memory."""

from __future__ import annotations

from pathlib import Path

import keras

from embedsvc.catalogue.cards import get_model, list_models
from embedsvc.catalogue.hub import PREFIX, pull_from_hub
from embedsvc.catalogue.pull import pull
from embedsvc.encoders.huggingface import (
    TextModelSpec,
    read_spec,
    read_tensors,
    read_tokenizer,
)
from embedsvc.encoders.saved_pair import is_saved_pair, load_saved_pair
from embedsvc.encoders.text_model import TextModel, Tokenizing, with_final_normalization
from embedsvc.encoders.tfhub_handles import PREFIX as TFHUB
from embedsvc.encoders.tfhub_handles import is_tfhub_handle
from embedsvc.errors import ArtifactError, InputError
from embedsvc.files import read_json, sha256_of
from embedsvc.nets.bert import build_bert
from embedsvc.nets.bert_weights import check_size, has_pooler, load_huggingface_weights
from embedsvc.text.tokenizer import TextTokenizer

# A classifier trained here keeps its encoder as a folder of its own.
CLASSIFIER, CLASSIFIER_FILE, ENCODER_FOLDER = "text-classifier", "model.json", "encoder"


def load_text_model(
    model: str | Path,
    *,
    pooling: str | None = None,
    normalize: bool | None = None,
    max_tokens: int | None = None,
    unsaid_pooling: str = "mean",
) -> TextModel:
    """Load a text model.

    Args:
        model: a name from the catalogue, "huggingface:OWNER/NAME" or "tfhub:HANDLE", each pulled
            if it is not cached, or a folder: of Hugging Face, or of a classifier trained here.
        pooling: replaces the model's own pooling.
        normalize: replaces the model's own normalization of the final vectors.
        max_tokens: replaces the model's own limit; at most its position embeddings.
        unsaid_pooling: of a model that does not say its own. Without training the mean of the
            tokens, not normalized, is the better vector, as sentence-transformers has it. TF Hub's
            models say "pooled".

    Raises:
        InputError: neither a catalogue name nor a folder, or a setting the model cannot take.
        ArtifactError: the folder is not a usable model.
        WeightsError: the weights could not be fetched.
    """
    if is_tfhub_handle(model):
        # TensorFlow Text takes a second to import, which other models need not wait for.
        from embedsvc.encoders.tfhub import load_tfhub_model

        return load_tfhub_model(
            str(model), pooling=pooling, normalize=normalize, max_tokens=max_tokens
        )
    name, folder = find_text_model(model)
    if is_saved_pair(folder):
        return load_saved_pair(
            name, folder, pooling=pooling, normalize=normalize, max_tokens=max_tokens
        )
    spec = read_spec(folder)
    pooling = pooling or spec.pooling or unsaid_pooling
    max_tokens = spec.max_tokens if max_tokens is None else _check_max_tokens(max_tokens, spec)
    return TextModel(
        name=name,
        sha256=sha256_of(spec.weights_file),
        config=spec.config,
        tokenizer=_read_tokenizer(spec, max_tokens),
        network=_read_network(spec, name, pooling),
        pooling=pooling,
        modules=with_final_normalization(spec.head, normalize=normalize),
        max_tokens=max_tokens,
        prompt=spec.prompt,
    )


def find_text_model(model: str | Path) -> tuple[str, Path]:
    """A model's name and its folder, pulled if need be.

    A catalogue name means the catalogue even where a folder of that name is around; "./minilm" is
    the folder.
    """
    names = [card.name for card in list_models()]
    if str(model).startswith(PREFIX):
        return str(model), pull_from_hub(str(model))
    if model not in names and Path(model).is_dir():
        folder = Path(model)
        return folder.resolve().name, encoder_folder(folder)
    if isinstance(model, Path) or "/" in model or model.startswith("."):
        raise InputError(
            f"Expected a model folder, {PREFIX}OWNER/NAME, {TFHUB}HANDLE or a name from the "
            f"catalogue ({', '.join(names)}), got {str(model)!r}, which is no folder."
        )
    card = get_model(model)
    if card.kind != "text":
        raise InputError(
            f"Expected a model for texts, got {card.name!r}, which is for {card.kind}s. "
            "See: embedsvc models list"
        )
    return card.name, pull(card)


def encoder_folder(folder: Path) -> Path:
    """Where a folder's encoder is: in a folder of its own where a classifier was saved."""
    about = folder / CLASSIFIER_FILE
    if about.is_file() and read_json(about).get("what") == CLASSIFIER:
        return folder / ENCODER_FOLDER
    return folder


def _read_tokenizer(spec: TextModelSpec, max_tokens: int) -> Tokenizing:
    tokenizer: Tokenizing
    if spec.preprocess is not None:
        from embedsvc.encoders.tfhub_tokenizer import read_preprocess_tokenizer

        tokenizer = read_preprocess_tokenizer(spec.preprocess, max_tokens=max_tokens)
    else:
        tokenizer = TextTokenizer(read_tokenizer(spec), max_tokens=max_tokens)
    if tokenizer.vocabulary_size > spec.config.vocabulary_size:
        raise ArtifactError(
            f"Expected the tokenizer of {spec.folder} to have at most "
            f"{spec.config.vocabulary_size} tokens, got {tokenizer.vocabulary_size}. "
            "Check that the tokenizer and the weights belong together."
        )
    return tokenizer


def _read_network(spec: TextModelSpec, name: str, pooling: str) -> keras.Model:
    tensors = read_tensors(spec.weights_file)
    if pooling == "pooled" and not has_pooler(tensors):
        raise InputError(
            f"Expected pooling to be mean, cls or max: {name} has no weights for 'pooled'."
        )
    check_size(spec.config, tensors)
    bert = build_bert(spec.config, with_pooler=pooling == "pooled", dtype="float32")
    load_huggingface_weights(bert, spec.config, tensors)
    return bert


def _check_max_tokens(max_tokens: int, spec: TextModelSpec) -> int:
    if not 3 <= max_tokens <= spec.config.max_positions:
        raise InputError(
            f"Expected max_tokens from 3 to {spec.config.max_positions}, the model's position "
            f"embeddings, got {max_tokens}."
        )
    return max_tokens
