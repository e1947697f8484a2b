"""A checkpoint's own tokenizer, with nothing lost in silence.

Tokenizers are not interchangeable: compatibility characters such as the ellipsis or full-width
digits give other tokens in TensorFlow Text than in Hugging Face's library, so every checkpoint
comes with the tokenizer it was trained with.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer, Lowercase
from tokenizers.normalizers import Sequence as NormalizerSequence
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from embedsvc.errors import ArtifactError, InputError

_MAX_BYTES = 64 << 20
_SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@dataclass(frozen=True)
class TokenizedText:
    """One text as token ids.

    Attributes:
        chunks: token ids with the special tokens around them, each at most `max_tokens` long; a
            text that fits has one chunk.
        n_tokens: tokens of the whole text, with one pair of special tokens.
    """

    chunks: list[list[int]]
    n_tokens: int


class TextTokenizer:
    """Turns texts into token ids and tells how long each text really is.

    Args:
        tokenizer: a Hugging Face tokenizer; its padding and truncation settings are replaced.
        max_tokens: tokens a chunk, special tokens included.
    """

    def __init__(self, tokenizer: Tokenizer, *, max_tokens: int) -> None:
        self._n_special = tokenizer.num_special_tokens_to_add(is_pair=False)
        if max_tokens <= self._n_special:
            raise InputError(
                f"Expected max_tokens to leave room beside the {self._n_special} special tokens, "
                f"got {max_tokens}."
            )
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_tokens)
        self._tokenizer = tokenizer
        self.max_tokens = max_tokens

    @property
    def vocabulary_size(self) -> int:
        """One more than the largest token id."""
        vocabulary = self._tokenizer.get_vocab(with_added_tokens=True)
        # The ids of special tokens are written down a second time, where they are put in.
        return 1 + max([*vocabulary.values(), *self._tokenizer.encode("").ids], default=-1)

    def encode(self, texts: Sequence[str]) -> list[TokenizedText]:
        """Tokenize texts in parallel, one result a text, in order.

        Raises:
            InputError: a text holds a lone surrogate, which is no character.
        """
        try:
            if len(texts) == 1:
                # In this thread: a single text is not worth waking another one for.
                encodings = [self._tokenizer.encode(texts[0])]
            else:
                encodings = self._tokenizer.encode_batch_fast(list(texts))
        except (TypeError, UnicodeEncodeError) as err:
            raise _explain_bad_text(texts) from err
        return [self._tokenized(encoding) for encoding in encodings]

    def to_json(self) -> str:
        """The tokenizer as a tokenizer.json, without padding and truncation."""
        fields = json.loads(self._tokenizer.to_str())
        return json.dumps(fields | {"truncation": None, "padding": None}, ensure_ascii=False)

    def _tokenized(self, encoding: Any) -> TokenizedText:
        ids = encoding.ids
        if len(ids) < self.max_tokens:
            return TokenizedText([ids], len(ids))
        chunks = [ids, *(rest.ids for rest in encoding.overflowing)]
        n_tokens = sum(len(chunk) - self._n_special for chunk in chunks) + self._n_special
        return TokenizedText(chunks, n_tokens)


def read_tokenizer_json(path: Path) -> Tokenizer:
    """Read an untrusted tokenizer.json.

    Raises:
        ArtifactError: the file is too large or no tokenizer.
    """
    _check_size(path)
    try:
        return Tokenizer.from_buffer(path.read_bytes())
    except Exception as err:  # noqa: BLE001 - the library raises plain Exception for any bad file
        raise ArtifactError(
            f"Expected a Hugging Face tokenizer in {path}, got: {err}. "
            "Save it again with tokenizer.save_pretrained(), or remove it to use vocab.txt."
        ) from err


def read_vocabulary(
    path: Path, *, lowercase: bool, strip_accents: bool | None, chinese_characters: bool
) -> Tokenizer:
    """Build BERT's tokenizer from a vocab.txt of one token a line.

    Args:
        path: the vocabulary; the line number is the token id.
        lowercase: whether texts are lowercased.
        strip_accents: whether accents are dropped; None means where texts are lowercased.
        chinese_characters: whether each CJK character is a word of its own.

    Raises:
        ArtifactError: the file is too large, no UTF-8, or lacks BERT's special tokens.
    """
    _check_size(path)
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as err:
        raise ArtifactError(f"Expected a UTF-8 vocabulary in {path}, got: {err}.") from err
    if lines[-1] == "":
        lines.pop()
    vocabulary = {token.rstrip("\r"): i for i, token in enumerate(lines)}
    missing = [token for token in _SPECIAL_TOKENS[:4] if token not in vocabulary]
    if missing:
        raise ArtifactError(
            f"Expected {path} to hold BERT's special tokens, got no {', '.join(missing)}."
        )
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106 - no password
    use_bert_words(
        tokenizer,
        lowercase=lowercase,
        strip_accents=strip_accents,
        chinese_characters=chinese_characters,
    )
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    tokenizer.add_special_tokens(
        [
            AddedToken(token, special=True, normalized=False)
            for token in _SPECIAL_TOKENS
            if token in vocabulary
        ]
    )
    return tokenizer


def use_bert_words(
    tokenizer: Tokenizer, *, lowercase: bool, strip_accents: bool | None, chinese_characters: bool
) -> None:
    """Make a tokenizer clean texts and cut them into words as BERT does.

    Args:
        tokenizer: changes in place.
        lowercase: as in `read_vocabulary`.
        strip_accents: as in `read_vocabulary`.
        chinese_characters: as in `read_vocabulary`.
    """
    tokenizer.normalizer = BertNormalizer(
        clean_text=True,
        handle_chinese_chars=chinese_characters,
        strip_accents=strip_accents,
        lowercase=lowercase,
    )
    tokenizer.pre_tokenizer = BertPreTokenizer()


def lowercase_first(tokenizer: Tokenizer) -> None:
    """Make a tokenizer lowercase its texts before anything else."""
    steps = [] if tokenizer.normalizer is None else [tokenizer.normalizer]
    tokenizer.normalizer = NormalizerSequence([Lowercase(), *steps])


def _check_size(path: Path) -> None:
    size = path.stat().st_size
    if size > _MAX_BYTES:
        raise ArtifactError(f"Expected {path} to be at most {_MAX_BYTES:,} bytes, got {size:,}.")


def _explain_bad_text(texts: Sequence[str]) -> InputError:
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            return InputError(f"Expected text {i} to be a string, got {type(text).__name__}.")
        try:
            text.encode()
        except UnicodeEncodeError as err:
            return InputError(
                f"Expected text {i} to be valid Unicode, got the lone surrogate "
                f"U+{ord(text[err.start]):04X} at character {err.start}. "
                "Replace it, for example by text.encode(errors='replace').decode()."
            )
    return InputError("Expected texts the tokenizer can read, got one that it refuses.")
