"""A tokenizer on the disk, so that transformers and we get the same token ids from it.

tokenizer.json alone decides. The class that transformers names after BERT would replace its
normalizer by the settings in tokenizer_config.json, so a class is named that takes the file as it
is; our own reader does the same.
https://huggingface.co/docs/transformers/main_classes/tokenizer
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from embedsvc.files import atomic_write
from embedsvc.text.tokenizer import TextTokenizer

TOKENIZER, TOKENIZER_CONFIG, SPECIAL_TOKENS, VOCABULARY = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
)

# BERT's names, and those of sentencepiece vocabularies, which multilingual BERTs use.
_ROLES = {
    "unk_token": ("[UNK]", "<unk>"),
    "sep_token": ("[SEP]", "</s>"),
    "pad_token": ("[PAD]", "<pad>"),
    "cls_token": ("[CLS]", "<s>"),
    "mask_token": ("[MASK]", "<mask>"),
}
_FLAGS = ("content", "lstrip", "normalized", "rstrip", "single_word", "special")


def write_tokenizer(folder: Path, tokenizer: TextTokenizer, *, max_tokens: int) -> int:
    """Write tokenizer.json with what transformers wants beside it, and vocab.txt for WordPiece.

    Args:
        folder: exists.
        tokenizer: what to write.
        max_tokens: tokens a text, special tokens included.

    Returns:
        The id of the token that pads.
    """
    text = tokenizer.to_json()
    fields = json.loads(text)
    vocabulary = _vocabulary(fields)
    roles = _roles(fields, vocabulary)
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": max_tokens,
        "model_input_names": ["input_ids", "token_type_ids", "attention_mask"],
        "padding_side": "right",
        "truncation_side": "right",
        "clean_up_tokenization_spaces": False,
        "added_tokens_decoder": {
            str(token["id"]): {flag: token[flag] for flag in _FLAGS}
            for token in fields["added_tokens"]
        },
        **_words(fields["normalizer"]),
        **roles,
    }
    write_text(folder / TOKENIZER, text)
    write_json(folder / TOKENIZER_CONFIG, config)
    write_json(folder / SPECIAL_TOKENS, roles)
    if fields["model"]["type"] == "WordPiece" and _is_writable(vocabulary):
        write_text(folder / VOCABULARY, "".join(f"{token}\n" for token in vocabulary))
    return vocabulary[roles["pad_token"]]


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8, whole or not at all."""
    with atomic_write(path) as file:
        file.write(text.encode())


def write_json(path: Path, values: Any) -> None:
    """Write JSON as UTF-8, whole or not at all."""
    write_text(path, json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def _vocabulary(fields: dict[str, Any]) -> dict[str, int]:
    """Token ids by token, in the order of the ids, added tokens included."""
    tokens = fields["model"]["vocab"]
    if isinstance(tokens, list):  # Unigram has pairs of token and score
        tokens = {token: i for i, (token, _) in enumerate(tokens)}
    tokens |= {token["content"]: token["id"] for token in fields["added_tokens"]}
    return dict(sorted(tokens.items(), key=lambda item: item[1]))


def _roles(fields: dict[str, Any], vocabulary: dict[str, int]) -> dict[str, str]:
    """Which token does what.

    Only tokens that are special already: transformers makes those that it is told of special, and
    a text that spells one of them would get other ids.
    """
    special = {token["content"] for token in fields["added_tokens"] if token["special"]}
    roles = {
        role: next(token for token in names if token in special)
        for role, names in _ROLES.items()
        if special.intersection(names)
    }
    # Padding is masked, so any token will do; transformers cannot do without one. Where none is
    # special, it will be: best one that no text spells.
    usual = {name for names in _ROLES.values() for name in names}
    candidates = [token for token in vocabulary if token in (special or usual)]
    return {"pad_token": next(iter(candidates or vocabulary)), **roles}


def _words(normalizer: dict[str, Any] | None) -> dict[str, Any]:
    """How BERT finds words, for programs that read vocab.txt."""
    if normalizer is None or normalizer["type"] != "BertNormalizer":
        return {}
    return {
        "do_lower_case": normalizer["lowercase"],
        "strip_accents": normalizer["strip_accents"],
        "tokenize_chinese_chars": normalizer["handle_chinese_chars"],
    }


def _is_writable(vocabulary: dict[str, int]) -> bool:
    """Whether a file of one token a line, numbered from 0, says the same."""
    return list(vocabulary.values()) == list(range(len(vocabulary))) and all(
        token == token.rstrip("\r") and "\n" not in token for token in vocabulary
    )
