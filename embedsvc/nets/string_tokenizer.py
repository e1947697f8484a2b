"""BERT's tokenizer inside a TensorFlow graph, with the ids of the Hugging Face tokenizer.

`tensorflow_text.BertTokenizer` case-folds with NFKC and so cuts ligatures, full-width letters or
the ellipsis into other tokens than the tokenizer a Hugging Face checkpoint was trained with. Here
the normalization is looked up in tables that were read off that very tokenizer, and only the
cutting of words into pieces, the longest first (Wu et al. 2016, https://arxiv.org/abs/1609.08144),
is left to TensorFlow Text.

One difference remains. Where accents are dropped, the text is decomposed first, which also sorts
combining marks. Two marks in a row that are no accents, as some scripts have them, keep their order
here. It shows only where a vocabulary has pieces for such marks.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text

from embedsvc.errors import InputError
from embedsvc.nets.layers import Tensor
from embedsvc.text.characters import ALONE, INSIDE, SPACE, PagedTable
from embedsvc.text.wordpiece_rules import AddedTokens, WordPieceRules

_UTF8_BYTES = 4  # of a character, at most
_PLACEHOLDER = 0xFFFD  # any character: alone in its word it is one piece, known or not


class StringTokenizer(tf.Module):
    """Turns a tensor of strings into token ids.

    The tables are variables, so that several functions of one SavedModel share them.

    Args:
        rules: see `read_rules`.
        max_tokens: tokens a text, those around it included; what is longer is cut off.

    Example:
        >>> pack = StringTokenizer(read_rules(tokenizer.to_json()), max_tokens=128).pack
        >>> pack(tf.constant(["wait… what"]))["token_ids"]
    """

    def __init__(self, rules: WordPieceRules, *, max_tokens: int) -> None:
        super().__init__(name="tokenizer")
        self._before, self._after = rules.before, rules.after
        self._room = max_tokens - len(rules.before) - len(rules.after)
        if self._room < 1:
            raise InputError(
                "Expected max_tokens to leave room beside the "
                f"{max_tokens - self._room} special tokens, got {max_tokens}."
            )
        self._raw = _Finder(rules.raw_tokens)
        self._normalized = _Finder(rules.normalized_tokens)
        self._changes = _Lookup(rules.characters.changes)
        self._splits = _constant(rules.characters.splits)
        # One more, for there may be none, and something is always looked up.
        self._codes = _constant(np.append(rules.characters.codes, np.int32(0)))
        self._kinds = _Lookup(rules.characters.kinds)
        self._unknown, self._max_characters = rules.unknown, rules.max_characters
        self._pieces = tf_text.WordpieceTokenizer(
            _vocabulary(rules),
            suffix_indicator=rules.prefix,
            max_bytes_per_word=_UTF8_BYTES * rules.max_characters,
            unknown_token=rules.unknown,
            token_out_type=tf.int32,
        )

    def pack(self, texts: Tensor) -> dict[str, Tensor]:
        """Tokenize.

        Args:
            texts: string tensor of shape (n_texts,), UTF-8; a broken byte counts as U+FFFD.

        Returns:
            `token_ids`, `segment_ids` and `attention_mask`, each int32 of shape (n_texts, length),
            as long as the longest text.
        """
        n_texts = tf.size(texts, out_type=tf.int64)
        decoded = tf.strings.unicode_decode(texts, "UTF-8")
        codes, text_of = decoded.flat_values, decoded.value_rowids()
        codes, text_of = self._raw(codes, text_of)
        codes, text_of = self._normalize(codes, text_of)
        codes, text_of = self._normalized(codes, text_of)
        words, text_of = self._cut_into_words(codes, text_of)
        ids = self._cut_into_pieces(words)
        ids = tf.RaggedTensor.from_value_rowids(
            ids.flat_values, tf.gather(text_of, ids.value_rowids()), nrows=n_texts
        )
        return self._surround(ids[:, : self._room], n_texts)

    def _normalize(self, codes: Tensor, text_of: Tensor) -> tuple[Tensor, Tensor]:
        """Put each character's replacement in its place; ids of found tokens, below 0, stay."""
        change = tf.where(codes < 0, 0, self._changes(tf.maximum(codes, 0)))
        start = tf.gather(self._splits, tf.maximum(change - 1, 0))
        length = tf.where(change > 0, tf.gather(self._splits, change) - start, 1)
        source = tf.repeat(tf.range(tf.size(codes)), length)
        # Where in its replacement each new character stands.
        place = tf.range(tf.size(source)) - tf.repeat(tf.cumsum(length, exclusive=True), length)
        changed = tf.gather(change, source) > 0
        replaced = tf.gather(self._codes, tf.where(changed, tf.gather(start, source) + place, 0))
        return tf.where(changed, replaced, tf.gather(codes, source)), tf.gather(text_of, source)

    def _cut_into_words(self, codes: Tensor, text_of: Tensor) -> tuple[tf.RaggedTensor, Tensor]:
        """Words as code points, ragged (n_words, None), and the text of each, (n_words,)."""
        kinds = tf.where(codes < 0, ALONE, self._kinds(tf.maximum(codes, 0)))
        goes_on = (kinds[1:] == INSIDE) & (kinds[:-1] == INSIDE) & (text_of[1:] == text_of[:-1])
        kept = kinds != SPACE
        starts = kept & ~tf.concat([tf.zeros_like(kept[:1]), goes_on], axis=0)
        word_of = tf.boolean_mask(tf.cumsum(tf.cast(starts, tf.int64)) - 1, kept)
        words = tf.RaggedTensor.from_value_rowids(
            tf.boolean_mask(codes, kept),
            word_of,
            nrows=tf.reduce_sum(tf.cast(starts, tf.int64)),
        )
        return words, tf.boolean_mask(text_of, starts)

    def _cut_into_pieces(self, words: tf.RaggedTensor) -> tf.RaggedTensor:
        """Ids of pieces, int32, ragged (n_words, None)."""
        codes = words.flat_values
        readable = words.with_flat_values(tf.where(codes < 0, _PLACEHOLDER, codes))
        strings = tf.where(
            words.row_lengths() > self._max_characters,
            self._unknown,
            tf.strings.unicode_encode(readable, "UTF-8"),
        )
        pieces = self._pieces.tokenize(strings)
        # A found token is a word of its own and one piece, which now gets its id.
        first = tf.gather(codes, words.row_starts())
        found = tf.cast(tf.where(first < 0), tf.int64)  # (n_found, 1)
        ids = tf.tensor_scatter_nd_update(
            pieces.flat_values,
            tf.gather(pieces.row_starts(), found),
            -1 - tf.gather_nd(first, found),
        )
        return pieces.with_flat_values(ids)

    def _surround(self, ids: tf.RaggedTensor, n_texts: Tensor) -> dict[str, Tensor]:
        before, after = (
            tf.tile([tf.constant(one, tf.int32, [len(one)])], [n_texts, 1])
            for one in (self._before, self._after)
        )
        ids = tf.concat([before, ids, after], axis=1)
        token_ids = ids.to_tensor()
        mask = tf.sequence_mask(ids.row_lengths(), tf.shape(token_ids)[1], dtype=tf.int32)
        return {
            "token_ids": token_ids,
            "segment_ids": tf.zeros_like(token_ids),
            "attention_mask": mask,
        }


class _Lookup(tf.Module):
    """A `PagedTable` in the graph."""

    def __init__(self, table: PagedTable) -> None:
        super().__init__()
        self._pages, self._entries = _constant(table.pages), _constant(table.entries)

    def __call__(self, codes: Tensor) -> Tensor:
        """The numbers of code points, of the same shape."""
        return tf.gather(self._entries, 256 * tf.gather(self._pages, codes // 256) + codes % 256)


class _Finder(tf.Module):
    """Replaces added tokens, found character by character, by the number -1 - id."""

    def __init__(self, tokens: AddedTokens) -> None:
        super().__init__()
        self._lengths = np.array([len(text) for text in tokens.texts], np.int32)
        self._longest = int(self._lengths.max(initial=0))
        self._ids = np.array(tokens.ids, np.int32)
        # (n_tokens, longest), -1 behind the end, which is no character.
        self._patterns = np.full((len(tokens.texts), self._longest), -1, np.int32)
        for row, text in zip(self._patterns, tokens.texts, strict=True):
            row[: len(text)] = [ord(character) for character in text]

    def __call__(self, codes: Tensor, text_of: Tensor) -> tuple[Tensor, Tensor]:
        """Code points and their texts, both (n_characters,), to fewer of them."""
        if not self._longest:
            return codes, text_of
        starts, token = self._find(codes, text_of)
        count = tf.size(codes)
        codes = tf.tensor_scatter_nd_update(
            codes, starts[:, tf.newaxis], -1 - tf.gather(self._ids, token)
        )
        # +1 behind a token's first character and -1 behind its last: 1 on what the token covers.
        edges = tf.concat([starts + 1, starts + tf.gather(self._lengths, token)], axis=0)
        steps = tf.concat([tf.ones_like(starts), -tf.ones_like(starts)], axis=0)
        covered = tf.cumsum(tf.scatter_nd(edges[:, tf.newaxis], steps, [count + 1]))[:-1]
        return tf.boolean_mask(codes, covered == 0), tf.boolean_mask(text_of, covered == 0)

    def _find(self, codes: Tensor, text_of: Tensor) -> tuple[Tensor, Tensor]:
        """Where tokens begin and which ones they are, both int32 (n_found,)."""
        firsts = np.unique(self._patterns[:, 0])
        maybe = tf.reduce_any(codes[:, tf.newaxis] == firsts, axis=1)
        starts = tf.cast(tf.where(maybe)[:, 0], tf.int32)
        places = starts[:, tf.newaxis] + tf.range(self._longest)  # (n_maybe, longest)
        last = tf.maximum(tf.size(codes) - 1, 0)
        inside = tf.minimum(places, last)
        same_text = tf.gather(text_of, inside) == tf.gather(text_of, starts)[:, tf.newaxis]
        windows = tf.where((places <= last) & same_text, tf.gather(codes, inside), -1)
        equal = windows[:, tf.newaxis, :] == self._patterns
        matches = tf.reduce_all(equal | (self._patterns < 0), axis=2)  # (n_maybe, n_tokens)
        found = tf.reduce_any(matches, axis=1)
        token = tf.argmax(tf.cast(matches, tf.int32), axis=1, output_type=tf.int32)
        return tf.boolean_mask(starts, found), tf.boolean_mask(token, found)


def _constant(values: np.ndarray) -> tf.Variable:
    return tf.Variable(values, trainable=False)


def _vocabulary(rules: WordPieceRules) -> tf.lookup.StaticHashTable:
    keys, values = tf.constant(rules.vocabulary), tf.constant(rules.ids)
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), -1)
