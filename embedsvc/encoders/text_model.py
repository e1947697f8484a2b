"""A text model in memory, whatever format it came from: what extraction and training start with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import keras

from embedsvc.nets.bert import BertConfig
from embedsvc.nets.text_encoder import DenseModule
from embedsvc.text.tokenizer import TokenizedText


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


def with_final_normalization(
    modules: tuple[DenseModule | None, ...], *, normalize: bool | None
) -> tuple[DenseModule | None, ...]:
    """Modules that end with an L2 normalization, or do not; None leaves them as they are."""
    if normalize is None:
        return modules
    while modules and modules[-1] is None:
        modules = modules[:-1]
    return (*modules, None) if normalize else modules
