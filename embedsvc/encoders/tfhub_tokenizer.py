"""The tokenizer inside a preprocess SavedModel of TF Hub.

Its own `tokenize` makes the tokens, so the ids are those of the pair itself; only the padding to a
fixed length is left out, and nothing is cut in silence.
https://www.tensorflow.org/hub/common_saved_model_apis/text
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from embedsvc.encoders.savedmodel import load_saved_model
from embedsvc.errors import ArtifactError, InputError
from embedsvc.nets.layers import Tensor
from embedsvc.text.tokenizer import TokenizedText

logger = logging.getLogger(__name__)

_IDS, _MASK, _SEGMENTS = "input_word_ids", "input_mask", "input_type_ids"
# What calling a SavedModel raises when it is not made as expected.
_CALL_ERRORS = (tf.errors.OpError, ValueError, TypeError, KeyError, AttributeError)


class SavedModelTokenizer:
    """Turns texts into the token ids of a preprocess SavedModel; safe to use from several threads.

    Attributes:
        folder: where the SavedModel was read.
        module: the loaded SavedModel. An exported graph that calls `pack` has to keep it as an
            attribute, so that its vocabulary is exported too.
        max_tokens: tokens a chunk, special tokens included.
        own_length: tokens that the SavedModel itself pads and cuts to.
        vocabulary_size: one more than the largest token id.

    Example:
        >>> tokenizer = read_preprocess_tokenizer(Path("bert_en_uncased_preprocess"))
        >>> tokenizer.encode(["hello"])[0].chunks
        [[101, 7592, 102]]
    """

    def __init__(self, folder: Path, module: Any, *, max_tokens: int | None) -> None:
        self.folder = folder
        self.module = module
        empty = _call_on_empty(folder, module)
        self.own_length = int(empty[_IDS].shape[1])
        self.max_tokens = self.own_length if max_tokens is None else max_tokens
        if self.max_tokens < 3:
            raise InputError(
                "Expected max_tokens to leave room beside the 2 special tokens, got "
                f"{self.max_tokens}."
            )
        self._start, self._end = _special_tokens(folder, empty)
        self._has_tokenize = callable(getattr(module, "tokenize", None))
        if not self._has_tokenize:
            self._accept_fixed_length()
        self.vocabulary_size = self._read_vocabulary_size()
        # One trace for every number of texts.
        self._tokenize = tf.function(
            self._pieces, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False
        ).get_concrete_function()

    def encode(self, texts: Sequence[str]) -> list[TokenizedText]:
        """Tokenize texts, one result a text, in order.

        Raises:
            InputError: a text holds a lone surrogate, which is no character; or it fills all
                positions of a SavedModel that cannot tell how long it really is.
        """
        if not texts:
            return []
        pieces, splits = (part.numpy() for part in self._tokenize(tf.constant(_utf8(texts))))
        rows = [row.tolist() for row in np.split(pieces, splits[1:-1])]
        if not self._has_tokenize:
            self._refuse_full(rows)
        return [self._tokenized(row) for row in rows]

    def pack(self, texts: Tensor) -> dict[str, Tensor]:
        """Tokenize inside a graph, each text cut at `max_tokens`.

        Args:
            texts: string tensor of shape (batch,).

        Returns:
            Int32 tensors of shape (batch, length), where length is that of the longest text:
            `token_ids`, `segment_ids` and `attention_mask`.
        """
        values, splits = self._pieces(texts)
        pieces = tf.RaggedTensor.from_row_splits(values, splits, validate=False)
        pieces = pieces[:, : self.max_tokens - 2]
        edge = tf.ones([tf.shape(texts)[0], 1], tf.int32)
        rows = tf.concat([edge * self._start, pieces, edge * self._end], axis=1)
        token_ids = rows.to_tensor()
        return {
            "token_ids": token_ids,
            "segment_ids": tf.zeros_like(token_ids),
            "attention_mask": tf.sequence_mask(
                rows.row_lengths(), tf.shape(token_ids)[1], dtype=tf.int32
            ),
        }

    def _pieces(self, texts: Tensor) -> tuple[Tensor, Tensor]:
        """Token ids without special tokens: values, and where each row begins and ends."""
        if self._has_tokenize:
            rows = self.module.tokenize(texts)
            # BERT tokenizes words into pieces, (batch, words, pieces); others give (batch, pieces).
            rows = rows.merge_dims(1, -1) if rows.ragged_rank > 1 else rows
            return tf.cast(rows.values, tf.int32), tf.cast(rows.row_splits, tf.int64)
        packed = self.module(texts)
        lengths = tf.reduce_sum(tf.cast(packed[_MASK], tf.int64), axis=1)
        rows = tf.RaggedTensor.from_tensor(packed[_IDS], lengths=lengths)[:, 1:-1]
        return tf.cast(rows.values, tf.int32), tf.cast(rows.row_splits, tf.int64)

    def _tokenized(self, pieces: list[int]) -> TokenizedText:
        room = self.max_tokens - 2
        starts = range(0, max(len(pieces), 1), room)
        chunks = [[self._start, *pieces[i : i + room], self._end] for i in starts]
        return TokenizedText(chunks, len(pieces) + 2)

    def _accept_fixed_length(self) -> None:
        if self.max_tokens > self.own_length:
            raise InputError(
                f"Expected max_tokens to be at most {self.own_length}, got {self.max_tokens}: the "
                f"preprocess model in {self.folder} has no `tokenize` and cuts there by itself."
            )
        logger.warning(
            "The preprocess model in %s has no `tokenize`, so nothing is known of texts of %d "
            "tokens or more: they are refused instead of cut.",
            self.folder,
            self.own_length,
        )

    def _refuse_full(self, rows: list[list[int]]) -> None:
        for i, row in enumerate(rows):
            if len(row) + 2 >= self.own_length:
                raise InputError(
                    f"Expected texts of fewer than {self.own_length} tokens, got text {i} with as "
                    "many or more: the preprocess model has no `tokenize` and does not tell what "
                    "it cuts. Shorten the text, or take a preprocess model with `tokenize`."
                )

    def _read_vocabulary_size(self) -> int:
        tell = getattr(getattr(self.module, "tokenize", None), "get_special_tokens_dict", None)
        if tell is not None:
            try:
                return int(tell()["vocab_size"])
            except _CALL_ERRORS:
                logger.info("The tokenizer in %s does not tell its size.", self.folder)
        # The next best: a vocabulary of one token a line among the assets.
        assets = sorted((self.folder / "assets").glob("*.txt"))
        lines = [asset.read_bytes().rstrip(b"\n").count(b"\n") + 1 for asset in assets]
        return max([*lines, self._start + 1, self._end + 1])


def read_preprocess_tokenizer(
    folder: Path, *, max_tokens: int | None = None
) -> SavedModelTokenizer:
    """Read the tokenizer of a preprocess SavedModel.

    Args:
        folder: of the SavedModel.
        max_tokens: tokens a chunk, special tokens included; None takes the length that the
            SavedModel itself pads and cuts to, 128 in the published ones.

    Raises:
        ArtifactError: no SavedModel that turns texts into BERT's three inputs.
        InputError: `max_tokens` leaves no room, or is more than the SavedModel can do.
    """
    return SavedModelTokenizer(folder, load_saved_model(folder), max_tokens=max_tokens)


def _call_on_empty(folder: Path, module: Any) -> dict[str, Any]:
    try:
        packed = module(tf.constant([""]))
        return {name: packed[name].numpy() for name in (_IDS, _MASK, _SEGMENTS)}
    except _CALL_ERRORS as err:
        raise ArtifactError(
            f"Expected the SavedModel in {folder} to turn texts into {_IDS}, {_MASK} and "
            f"{_SEGMENTS}, got: {str(err).strip().splitlines()[0][:300]}. Check that it is a "
            "preprocess model, not an encoder."
        ) from err


def _special_tokens(folder: Path, empty: dict[str, Any]) -> tuple[int, int]:
    """The tokens before and behind a text, which are all that an empty one has."""
    found = empty[_IDS][empty[_MASK] == 1]
    if len(found) != 2 or empty[_SEGMENTS].any():
        raise ArtifactError(
            f"Expected the preprocess model in {folder} to put one token before and one behind a "
            f"text, all in segment 0, got {found.tolist()} for an empty text. Only BERT's form is "
            "supported."
        )
    return int(found[0]), int(found[1])


def _utf8(texts: Sequence[str]) -> list[bytes]:
    encoded = []
    for i, text in enumerate(texts):
        try:
            encoded.append(text.encode())
        except UnicodeEncodeError as err:
            raise InputError(
                f"Expected text {i} to be valid Unicode, got the lone surrogate "
                f"U+{ord(text[err.start]):04X} at character {err.start}. "
                "Replace it, for example by text.encode(errors='replace').decode()."
            ) from err
    return encoded
