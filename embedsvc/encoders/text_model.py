"""A text model in memory, whatever format it came from: what extraction and training start with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

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
from embedsvc.errors import ArtifactError, InputError
from embedsvc.files import read_json, sha256_of
from embedsvc.nets.bert import BertConfig, build_bert
from embedsvc.nets.bert_weights import check_size, has_pooler, load_huggingface_weights
from embedsvc.nets.text_encoder import DenseModule
from embedsvc.text.tokenizer import TextTokenizer, TokenizedText

# A classifier trained here keeps its encoder as a folder of its own.
CLASSIFIER, CLASSIFIER_FILE, ENCODER_FOLDER = "text-classifier", "model.json", "encoder"


class Tokenizing(Protocol):
    """Turns texts into token ids and tells how long each text really is."""

    @property
    def max_tokens(self) -> int:
        """Tokens a chunk, special tokens included."""
        ...

    @property
    def vocabulary_size(self) -> int:
        """One more than the largest token id."""
        ...

    def encode(self, texts: Sequence[str]) -> list[TokenizedText]:
        """Tokenize texts, one result a text, in order."""
        ...


@dataclass(frozen=True)
class TextModel:
    """A text model.

    Attributes:
        name: what the user calls it.
        sha256: of its weights.
        config: of its BERT; None for a network of another family, which cannot be trained.
        tokenizer: the one it was trained with.
        network: from a dict of `token_ids`, `segment_ids` and `attention_mask`, each int32 of
            shape (batch, length), to a dict with `sequence_output` and, where pooling is "pooled",
            `pooled_output`.
        pooling: how a text's vector comes from its tokens'.
        modules: what stands behind the pooling; None is an L2 normalization.
        max_tokens: tokens a text, special tokens included.
        prompt: text put before every text.
    """

    name: str
    sha256: str
    config: BertConfig | None
    tokenizer: Tokenizing
    network: keras.Model
    pooling: str
    modules: tuple[DenseModule | None, ...]
    max_tokens: int
    prompt: str = ""

    @property
    def normalize(self) -> bool:
        """Whether vectors have length 1."""
        return bool(self.modules) and self.modules[-1] is None

    def tokenize(self, texts: list[str]) -> list[TokenizedText]:
        """Tokenize texts, the prompt before each."""
        if self.prompt:
            texts = [self.prompt + text for text in texts]
        return self.tokenizer.encode(texts)


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
        model: a name from the catalogue, "huggingface:OWNER/NAME", both pulled if they are not
            cached, or a folder: of Hugging Face, or of a classifier trained here.
        pooling: replaces the model's own pooling.
        normalize: replaces the model's own normalization of the final vectors.
        max_tokens: replaces the model's own limit; at most its position embeddings.
        unsaid_pooling: of a model that does not say its own. Without training the mean of the
            tokens, not normalized, is the better vector, as sentence-transformers has it.

    Raises:
        InputError: neither a catalogue name nor a folder, or a setting the model cannot take.
        ArtifactError: the folder is not a usable model.
        WeightsError: the weights could not be fetched.
    """
    name, folder = find_text_model(model)
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
            f"Expected a model folder, {PREFIX}OWNER/NAME or a name from the catalogue "
            f"({', '.join(names)}), got {str(model)!r}, which is no folder."
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


def with_final_normalization(
    modules: tuple[DenseModule | None, ...], *, normalize: bool | None
) -> tuple[DenseModule | None, ...]:
    """Modules that end with an L2 normalization, or do not; None leaves them as they are."""
    if normalize is None:
        return modules
    while modules and modules[-1] is None:
        modules = modules[:-1]
    return (*modules, None) if normalize else modules


def _read_tokenizer(spec: TextModelSpec, max_tokens: int) -> TextTokenizer:
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
