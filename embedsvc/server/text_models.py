"""Text models and classifiers as the service has them: tokenized here, computed in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedsvc.classify.classifier import TextClassifier
from embedsvc.encoders.network import TextNetwork
from embedsvc.encoders.text import TextEncoder
from embedsvc.server.batching import BatchQueue, QueueLimits, TokenIds
from embedsvc.server.hosting import Kind
from embedsvc.server.metrics import ModelMetrics
from embedsvc.server.problems import BadRequest
from embedsvc.server.settings import ServeSettings
from embedsvc.text.tokenizer import TokenizedText

Rows = NDArray[np.float32]

# Tokenizing so many characters takes less than handing them to another thread and back.
_AT_ONCE = 4_000
# One call of the tokenizer, between which other requests get their turn.
_SLICE = 500_000


@dataclass(frozen=True)
class ComputedTexts:
    """What was computed of a request's texts.

    Attributes:
        vectors: float32 array of shape (n_texts, dim).
        probabilities: float32 array of shape (n_texts, n_labels); without columns where the model
            is no classifier.
        n_tokens: tokens of each whole text, special tokens included.
        used_tokens: tokens computed.
        truncated: which texts were cut.
    """

    vectors: Rows
    probabilities: Rows
    n_tokens: list[int]
    used_tokens: int
    truncated: list[int]


class HostedText:
    """A pretrained text model, or a classifier: its vectors before dropout, and its labels.

    Args:
        name: what requests call it.
        model: ready to compute.
        settings: of the service.
        pool: threads that compute, shared by all models.
        metrics: of this model.
    """

    def __init__(
        self,
        name: str,
        model: TextEncoder | TextClassifier,
        *,
        settings: ServeSettings,
        pool: Executor,
        metrics: ModelMetrics,
    ) -> None:
        self.name = name
        self.classifier = model if isinstance(model, TextClassifier) else None
        encoder = model.encoder_ if isinstance(model, TextClassifier) else model
        self._network: TextNetwork = encoder.network
        self._metrics = metrics
        self.dim, self.max_tokens = self._network.dim, self._network.max_tokens
        runtime = self._network.runtime
        n_labels = 0 if self.classifier is None else len(self.classifier.classes_)
        self._queue = BatchQueue(
            self._compute,
            width=self.dim + n_labels,
            pool=pool,
            limits=QueueLimits(
                workers=runtime.workers,
                batch_tokens=settings.max_batch_tokens or runtime.batch_tokens,
                padding=0.0 if self._network.can_pack else 1.0,
                wait_seconds=settings.batch_wait_ms / 1000,
                most_tokens=settings.max_queue_tokens,
            ),
            observer=metrics,
        )
        self._special = self._network.tokenize([""])[0].chunks[0]
        self._vocabulary_size = self._network.model.tokenizer.vocabulary_size

    @property
    def kind(self) -> Kind:
        """Whether it gives labels too."""
        return "text" if self.classifier is None else "classifier"

    def about(self) -> dict[str, Any]:
        """What `/v1/models` says of it."""
        about: dict[str, Any] = {"dim": self.dim, "max_tokens": self.max_tokens}
        if self.classifier is not None:
            codec = self.classifier.codec_
            about |= {"task": codec.task, "labels": [str(label) for label in codec.labels]}
        return about

    def warm(self) -> None:
        """Compute two lengths, apart and together: first calls make graphs and kernels ready."""
        texts = self._network.tokenize(["warm", "warm " * 100])
        short, long = (text.chunks[0] for text in texts)
        for batch in ([short], [long], [short, long]):
            self._compute(batch)

    async def close(self) -> None:
        """Nothing to do: its threads are those of all models."""

    async def tokenize(self, texts: list[str], *, max_characters: int) -> list[TokenizedText]:
        """Tokenize texts, without keeping others waiting.

        Args:
            texts: any number.
            max_characters: of a text.

        Raises:
            BadRequest: a text has more characters.
        """
        for i, text in enumerate(texts):
            if len(text) > max_characters:
                raise BadRequest(
                    f"Expected texts of at most {max_characters:,} characters, got "
                    f"{len(text):,}. Send its parts, or use `embedsvc extract` for long texts.",
                    param=f"input[{i}]",
                    code="text_too_long",
                )
        if sum(map(len, texts)) <= _AT_ONCE:
            return self._network.tokenize(texts)
        tokenized: list[TokenizedText] = []
        for part in _slices(texts):
            tokenized += await asyncio.to_thread(self._network.tokenize, part)
        return tokenized

    def from_ids(self, sequences: list[TokenIds]) -> list[TokenizedText]:
        """Token ids of a request, as `tokenize` gives them, with special tokens or without.

        Raises:
            BadRequest: an id is none of this model's.
        """
        return [self._from_ids(ids, i) for i, ids in enumerate(sequences)]

    def whole(self, text: TokenizedText) -> TokenIds:
        """The ids of the whole text, with one pair of special tokens."""
        if len(text.chunks) == 1:
            return text.chunks[0]
        n_start = len(self._special) // 2
        end = len(self._special) - n_start
        inner = [one for chunk in text.chunks for one in chunk[n_start : len(chunk) - end]]
        return [*self._special[:n_start], *inner, *self._special[n_start:]]

    async def compute(self, tokenized: Sequence[TokenizedText], *, truncate: bool) -> ComputedTexts:
        """Compute a request's texts.

        Args:
            tokenized: its texts.
            truncate: whether texts that do not fit are cut.

        Raises:
            BadRequest: a text does not fit and may not be cut.
            Overloaded: too much waits already.
        """
        truncated = [i for i, text in enumerate(tokenized) if text.n_tokens > self.max_tokens]
        if truncated and not truncate:
            self._refuse_long(tokenized, truncated)
        sequences = [text.chunks[0] for text in tokenized]
        rows = await self._queue.run(sequences)
        if truncated:
            self._metrics.truncations(len(truncated))
        return ComputedTexts(
            vectors=rows[:, : self.dim],
            probabilities=rows[:, self.dim :],
            n_tokens=[text.n_tokens for text in tokenized],
            used_tokens=sum(map(len, sequences)),
            truncated=truncated,
        )

    # Inside

    def _compute(self, sequences: list[TokenIds]) -> Rows:
        vectors = self._network.embed_mixed(sequences)
        if self.classifier is None:
            return vectors
        return np.concatenate([vectors, self.classifier.probabilities(vectors)], axis=1)

    def _from_ids(self, ids: TokenIds, index: int) -> TokenizedText:
        wrong = next((one for one in ids if not 0 <= one < self._vocabulary_size), None)
        if wrong is not None:
            raise BadRequest(
                f"Expected token ids of {self.name} from 0 to {self._vocabulary_size - 1}, got "
                f"{wrong}. They are those of /v1/tokenize, not of another tokenizer such as "
                "OpenAI's: send texts (in LangChain: check_embedding_ctx_length=False).",
                param=f"input[{index}]",
                code="unknown_token",
            )
        start, end = self._special[:1], self._special[1:]
        if len(self._special) == 2 and (ids[:1] != start or ids[-1:] != end or len(ids) < 2):
            ids = [*start, *ids, *end]
        # What is cut keeps its end token, as the tokenizer has it.
        kept = ids if len(ids) <= self.max_tokens else [*ids[: self.max_tokens - len(end)], *end]
        return TokenizedText([kept], len(ids))

    def _refuse_long(self, tokenized: Sequence[TokenizedText], long: list[int]) -> None:
        first = long[0]
        more = f" (and {len(long) - 1} more)" if len(long) > 1 else ""
        raise BadRequest(
            f"Expected texts of at most {self.max_tokens} tokens, got one of "
            f'{tokenized[first].n_tokens}{more}. Send parts of it, or "truncate": true to have '
            "the beginning alone computed.",
            param=f"input[{first}]",
            code="context_length_exceeded",
        )


def _slices(texts: list[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    size = 0
    for text in texts:
        if parts[-1] and size + len(text) > _SLICE:
            parts.append([])
            size = 0
        parts[-1].append(text)
        size += len(text)
    return parts
