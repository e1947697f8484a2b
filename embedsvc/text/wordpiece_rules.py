"""A BERT tokenizer as plain data: all that another program needs to give the same token ids."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import WordPiece

from embedsvc.errors import InputError
from embedsvc.text.characters import CharacterTables, read_characters

# These treat each character by itself; NFKC and the like do not.
_NORMALIZERS = ("BertNormalizer", "Lowercase")


@dataclass(frozen=True)
class AddedTokens:
    """Tokens that are found in a text as they stand there, ahead of any cutting into words.

    Attributes:
        texts: what is looked for; no two can overlap in a text.
        ids: their token ids.
    """

    texts: tuple[str, ...]
    ids: tuple[int, ...]


@dataclass(frozen=True)
class WordPieceRules:
    """What BERT's tokenizer does with a text, in this order.

    Attributes:
        raw_tokens: found in the text as it came, such as "[SEP]".
        characters: how characters are normalized and where words begin and end.
        normalized_tokens: found in the normalized text.
        vocabulary: all pieces; a piece inside a word begins with `prefix`.
        ids: the id of each piece, int64 array of shape (n_pieces,).
        prefix: "##" in BERT.
        unknown: the piece for words that cannot be cut into pieces.
        max_characters: longer words are unknown.
        before: ids put before each text.
        after: ids put after each text.
    """

    raw_tokens: AddedTokens
    characters: CharacterTables
    normalized_tokens: AddedTokens
    vocabulary: tuple[str, ...]
    ids: NDArray[np.int64]
    prefix: str
    unknown: str
    max_characters: int
    before: tuple[int, ...]
    after: tuple[int, ...]


def read_rules(tokenizer_json: str) -> WordPieceRules:
    """Write a tokenizer down as data. Takes some seconds, the first time.

    Args:
        tokenizer_json: as `TextTokenizer.to_json` gives it.

    Raises:
        InputError: it is not BERT's kind of tokenizer.
    """
    tokenizer, about = Tokenizer.from_str(tokenizer_json), json.loads(tokenizer_json)
    model = about["model"]
    _expect(model.get("type") == "WordPiece", f"the model {model.get('type')}")
    for kind in _kinds_of(about["normalizer"]):
        _expect(kind in _NORMALIZERS, f"the normalizer {kind}")
    cutting = (about["pre_tokenizer"] or {}).get("type")
    _expect(cutting == "BertPreTokenizer", f"the pre-tokenizer {cutting}")
    before, after = _around(tokenizer)
    return WordPieceRules(
        raw_tokens=_added(tokenizer, about["added_tokens"], normalized=False),
        characters=_characters(json.dumps([about["normalizer"], about["pre_tokenizer"]])),
        normalized_tokens=_added(tokenizer, about["added_tokens"], normalized=True),
        vocabulary=tuple(model["vocab"]),
        ids=np.array(list(model["vocab"].values()), np.int64),
        prefix=model["continuing_subword_prefix"],
        unknown=model["unk_token"],
        max_characters=model["max_input_chars_per_word"],
        before=before,
        after=after,
    )


@lru_cache(maxsize=2)
def _characters(settings: str) -> CharacterTables:
    """The same for all tokenizers of equal settings, whatever their vocabulary."""
    bare = json.loads(Tokenizer(WordPiece({"a": 0}, unk_token="a")).to_str())  # noqa: S106
    bare["normalizer"], bare["pre_tokenizer"] = json.loads(settings)
    tokenizer = Tokenizer.from_str(json.dumps(bare))
    return read_characters(tokenizer.normalizer, tokenizer.pre_tokenizer)


def _expect(fits: bool, got: str) -> None:  # noqa: FBT001 - a condition, like an assertion's
    if not fits:
        raise InputError(
            f"Expected a BERT tokenizer, WordPiece behind {' or '.join(_NORMALIZERS)} and "
            f"BertPreTokenizer, got {got}. Such a tokenizer cannot become part of a graph: export "
            "the model in another format."
        )


def _kinds_of(normalizer: dict[str, Any] | None) -> Iterator[str]:
    if normalizer is None:
        return
    if normalizer["type"] != "Sequence":
        yield normalizer["type"]
    for part in normalizer.get("normalizers", []):
        yield from _kinds_of(part)


def _added(tokenizer: Tokenizer, tokens: list[dict[str, Any]], *, normalized: bool) -> AddedTokens:
    """The tokens looked for in raw texts, or those looked for in normalized ones."""
    normalizer = tokenizer.normalizer if normalized else None
    ids: dict[str, int] = {}
    for token in tokens:
        if token["normalized"] is normalized:
            text = token["content"]
            _expect(not token["single_word"], f"the added token {text!r} for whole words")
            ids[normalizer.normalize_str(text) if normalizer else text] = token["id"]
    ids.pop("", None)  # is found nowhere
    for one, other in permutations(ids, 2):
        _expect(other not in one, f"the added token {other!r} inside of {one!r}")
    for one, other in product(ids, repeat=2):
        overlap = any(one.endswith(other[:n]) for n in range(1, min(len(one), len(other))))
        _expect(not overlap, f"the added tokens {one!r} and {other!r}, which can overlap")
    return AddedTokens(tuple(ids), tuple(ids.values()))


def _around(tokenizer: Tokenizer) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The ids before and after each text, such as [CLS] and [SEP]."""
    encoding = tokenizer.encode("a")
    own = [i for i, special in enumerate(encoding.special_tokens_mask) if not special]
    ids = encoding.ids
    return tuple(ids[: own[0]]), tuple(ids[own[-1] + 1 :])
