"""Texts to vectors with a BERT."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from embedsvc.encoders.base import PretrainedEncoder
from embedsvc.encoders.network import TextNetwork
from embedsvc.encoders.pipeline import Plan, run_pipeline
from embedsvc.encoders.text_loading import load_text_model
from embedsvc.encoders.text_model import TextModel
from embedsvc.errors import InputError
from embedsvc.nets.pooling import POOLINGS
from embedsvc.nets.runtime import prepare_extraction
from embedsvc.progress import progress_bar
from embedsvc.text.buckets import plan_batches
from embedsvc.text.tokenizer import TokenizedText

ON_LONG = ("truncate", "error", "split")
WINDOW_TEXTS = 4096
WINDOW_CHARACTERS = 8_000_000

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class EncodeInfo:
    """How long each text was, and whether all of it is in its vector.

    Attributes:
        n_tokens: tokens of the whole text, special tokens included, before any truncation; int32
            array of shape (n_texts,).
        truncated: whether tokens were left out; bool array of shape (n_texts,).
    """

    n_tokens: NDArray[np.int32]
    truncated: NDArray[np.bool_]


@dataclass(frozen=True)
class EncodedTexts(EncodeInfo):
    """The vectors of a window of texts, with what `EncodeInfo` says of each.

    Attributes:
        vectors: float32 array of shape (n_texts, dim).
    """

    vectors: Vectors


class TextEncoder(PretrainedEncoder):
    """A pretrained BERT that turns texts into vectors; also a scikit-learn transformer.

    The model is loaded when it is first needed. Vectors do not depend on batch size, order or
    neighbours (to 1e-5), and texts that do not fit are never cut in silence.

    Args:
        model: a name from the model catalogue, "huggingface:OWNER/NAME", "tfhub:HANDLE" (see
            `embedsvc.encoders.tfhub_handles`), or a folder.
        pooling: "mean", "cls", "max" or "pooled"; None takes the model's own.
        normalize: whether vectors have length 1; None takes the model's own.
        max_tokens: tokens a text, special tokens included; None takes the model's own limit.
        on_long: what to do with a longer text: "truncate" it, raise an "error", or "split" it
            into chunks and average their vectors weighted by tokens.
        batch_tokens: padded tokens a batch; None suits the machine.
        workers: batches computed at the same time; None suits the machine.

    Example:
        >>> encoder = TextEncoder("minilm")
        >>> encoder.encode(["Where is my parcel?", "My package is late."]).shape
        (2, 384)
    """

    def __init__(
        self,
        model: str | Path = "minilm",
        *,
        pooling: str | None = None,
        normalize: bool | None = None,
        max_tokens: int | None = None,
        on_long: str = "truncate",
        batch_tokens: int | None = None,
        workers: int | None = None,
    ) -> None:
        self.model = model
        self.pooling = pooling
        self.normalize = normalize
        self.max_tokens = max_tokens
        self.on_long = on_long
        self.batch_tokens = batch_tokens
        self.workers = workers

    @classmethod
    def from_model(cls, model: TextModel, **settings: Any) -> TextEncoder:
        """An encoder of a model that is in memory already.

        Args:
            model: the model.
            settings: those of the constructor that do not choose the model's, such as `on_long`.
        """
        encoder = cls(model.name, **settings)
        encoder._network = TextNetwork(model)
        encoder._network_settings = encoder._model_settings()
        return encoder

    # What the model is

    @property
    def dim(self) -> int:
        """Components of a vector."""
        return self.network.dim

    @property
    def network(self) -> TextNetwork:
        """The loaded model; loading happens here, once for the same settings."""
        settings = self._model_settings()
        with _loading:
            if getattr(self, "_network_settings", None) != settings:
                self._check()
                # Before the model is in memory: TensorFlow takes no setting once it runs.
                prepare_extraction()
                self._network = TextNetwork(
                    load_text_model(
                        self.model,
                        pooling=self.pooling,
                        normalize=self.normalize,
                        max_tokens=self.max_tokens,
                    )
                )
                self._network_settings = settings
        return self._network

    def describe(self) -> dict[str, Any]:
        """What made the vectors: enough to make them again, or to refuse to mix them."""
        return {**self.network.describe(), "on_long": self.on_long}

    # Texts to vectors

    @overload
    def encode(
        self,
        texts: Iterable[str],
        *,
        batch_tokens: int | None = ...,
        show_progress: bool = ...,
        return_info: Literal[False] = ...,
    ) -> Vectors: ...

    @overload
    def encode(
        self,
        texts: Iterable[str],
        *,
        batch_tokens: int | None = ...,
        show_progress: bool = ...,
        return_info: Literal[True],
    ) -> tuple[Vectors, EncodeInfo]: ...

    def encode(
        self,
        texts: Iterable[str],
        *,
        batch_tokens: int | None = None,
        show_progress: bool = False,
        return_info: bool = False,
    ) -> Vectors | tuple[Vectors, EncodeInfo]:
        """Encode texts and return all vectors at once.

        Args:
            texts: any number of texts; none gives an array of shape (0, dim).
            batch_tokens: padded tokens a batch; None takes the encoder's setting.
            show_progress: whether a progress bar is drawn on stderr.
            return_info: whether to return an `EncodeInfo` beside the vectors.

        Returns:
            Float32 array of shape (n_texts, dim), in the order of the texts.

        Raises:
            InputError: `texts` is one string, holds something else than strings, or holds a
                longer text than the model takes while `on_long="error"`.
        """
        texts = texts if isinstance(texts, str) else list(texts)
        total = len(texts)
        with progress_bar("Embedding", total=total, unit="texts", show=show_progress) as advance:
            windows = list(self.encode_stream(texts, batch_tokens=batch_tokens, advance=advance))
        vectors = np.concatenate(
            [np.empty((0, self.dim), np.float32), *(window.vectors for window in windows)]
        )
        if not return_info:
            return vectors
        n_tokens = [np.empty(0, np.int32), *(window.n_tokens for window in windows)]
        truncated = [np.empty(0, np.bool_), *(window.truncated for window in windows)]
        return vectors, EncodeInfo(np.concatenate(n_tokens), np.concatenate(truncated))

    def encode_stream(
        self,
        texts: Iterable[str],
        *,
        batch_tokens: int | None = None,
        window: int = WINDOW_TEXTS,
        advance: Callable[[int], None] = lambda count: None,
    ) -> Iterator[EncodedTexts]:
        """Encode texts as they come, in windows, with bounded memory.

        Args:
            texts: any iterable of texts; read about two windows ahead of what is yielded.
            batch_tokens: padded tokens a batch; None takes the encoder's setting.
            window: texts sorted by length and computed together; repeated texts within a window
                are computed once. A window ends early at 8 million characters.
            advance: called, from worker threads too, with the number of texts just done.

        Yields:
            The vectors of the next window of texts, in the order of the texts.

        Raises:
            InputError: as `encode`.
        """
        return self.encode_windows(
            _windows(texts, window), batch_tokens=batch_tokens, advance=advance
        )

    def encode_windows(
        self,
        windows: Iterable[list[str]],
        *,
        batch_tokens: int | None = None,
        advance: Callable[[int], None] = lambda count: None,
    ) -> Iterator[EncodedTexts]:
        """Encode windows of texts cut by the caller, one result a window.

        Args:
            windows: lists of texts; the same window always gives the same bits.
            batch_tokens: padded tokens a batch; None takes the encoder's setting.
            advance: called, from worker threads too, with the number of texts just done.

        Yields:
            The vectors of each window, in order.
        """
        self._check()
        _check_count("batch_tokens", batch_tokens)
        network = self.network
        budget = batch_tokens or self.batch_tokens or network.runtime.batch_tokens
        first = 0

        def prepare(texts: list[str]) -> Plan[Batch, Vectors, EncodedTexts]:
            nonlocal first
            _check_texts(texts, first)
            first += len(texts)
            return self._plan(network, texts, budget, first - len(texts))

        def compute(batch: Batch) -> Vectors:
            vectors = network.embed(batch.sequences)
            advance(batch.n_texts)
            return vectors

        return run_pipeline(
            windows,
            prepare=prepare,
            compute=compute,
            workers=self.workers or network.runtime.workers,
        )

    def token_counts(self, texts: list[str]) -> NDArray[np.int32]:
        """Tokens of each whole text, special tokens included; int32 array of shape (n_texts,)."""
        _check_texts(texts, 0)
        tokenized = self.network.tokenize(texts)
        return np.fromiter((t.n_tokens for t in tokenized), np.int32, count=len(tokenized))

    # Inside

    def _model_settings(self) -> tuple[str, str | None, bool | None, int | None]:
        return (str(self.model), self.pooling, self.normalize, self.max_tokens)

    def _check(self) -> None:
        _check_choice("on_long", self.on_long, ON_LONG)
        if self.pooling is not None:
            _check_choice("pooling", self.pooling, POOLINGS)
        for name in ("batch_tokens", "workers"):
            _check_count(name, getattr(self, name))

    def _plan(
        self, network: TextNetwork, texts: list[str], budget: int, first: int
    ) -> Plan[Batch, Vectors, EncodedTexts]:
        # Repeated texts are computed once: `row_of` says which unique text each one is.
        unique: dict[str, int] = {}
        row_of = np.fromiter(
            (unique.setdefault(text, len(unique)) for text in texts), np.int64, count=len(texts)
        )
        repeats = np.bincount(row_of, minlength=len(unique))
        tokenized = network.tokenize(list(unique))
        if self.on_long == "error":
            _refuse_long(tokenized, row_of, network.max_tokens, first)
        take_all = self.on_long == "split"
        chunks = [
            (row, chunk)
            for row, text in enumerate(tokenized)
            for chunk in (text.chunks if take_all else text.chunks[:1])
        ]
        lengths = np.fromiter((len(chunk) for _, chunk in chunks), np.int64, count=len(chunks))
        plans = plan_batches(lengths, batch_tokens=budget)
        chunk_row = np.fromiter((row for row, _ in chunks), np.int64, count=len(chunks))
        # A text counts as done with its first chunk.
        is_first = np.r_[True, chunk_row[1:] != chunk_row[:-1]][: len(chunks)]
        done = np.where(is_first, repeats[chunk_row], 0)
        batches = [Batch([chunks[i][1] for i in plan], int(done[plan].sum())) for plan in plans]

        def finish(results: list[Vectors]) -> EncodedTexts:
            vectors = np.empty((len(chunks), network.dim), np.float32)
            for plan, result in zip(plans, results, strict=True):
                vectors[plan] = result
            if len(chunks) > len(tokenized):
                vectors = network.average(vectors, lengths, chunk_row)
            n_tokens = np.fromiter((t.n_tokens for t in tokenized), np.int32, count=len(tokenized))
            truncated = (n_tokens > network.max_tokens) & (not take_all)
            return EncodedTexts(n_tokens[row_of], truncated[row_of], vectors[row_of])

        return Plan(batches, finish)


@dataclass(frozen=True)
class Batch:
    """Token ids computed together, and how many texts that finishes."""

    sequences: list[list[int]]
    n_texts: int


# Two threads that ask for the same encoder's network at once must not both load it.
_loading = threading.RLock()


def _windows(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    if isinstance(texts, str):
        raise InputError(
            f"Expected an iterable of texts, got one string, {texts[:40]!r}. "
            "Put it in a list: encode([text])."
        )
    if size < 1:
        raise InputError(f"Expected window to be at least 1, got {size}.")
    window: list[str] = []
    characters = 0
    for text in texts:
        window.append(text)
        characters += len(text) if isinstance(text, str) else 0
        if len(window) == size or characters >= WINDOW_CHARACTERS:
            yield window
            window, characters = [], 0
    if window:
        yield window


def _check_texts(texts: list[str], first: int) -> None:
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(
                f"Expected texts to be strings, got {type(text).__name__} ({text!r:.40}) at "
                f"position {first + i}. Drop it or convert it to str."
            )


def _refuse_long(
    tokenized: list[TokenizedText], row_of: NDArray[np.int64], max_tokens: int, first: int
) -> None:
    for position, row in enumerate(row_of):
        if tokenized[row].n_tokens > max_tokens:
            raise InputError(
                f"Expected texts of at most {max_tokens} tokens, got {tokenized[row].n_tokens} at "
                f"position {first + position}. Shorten it, or pass on_long='truncate' or 'split'."
            )


def _check_count(name: str, value: int | None) -> None:
    if value is not None and value < 1:
        raise InputError(f"Expected {name} to be at least 1 or None, got {value}.")


def _check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    choices = list(choices)
    if value not in choices:
        raise InputError(f"Expected {name} to be one of {', '.join(choices)}, got {value!r}.")
