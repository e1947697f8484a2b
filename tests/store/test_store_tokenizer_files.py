"""Tokenizer folders: transformers and we get the same ids from them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_folders import VOCABULARY, write_tiny_bert
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import Unigram, WordLevel, WordPiece
from tokenizers.pre_tokenizers import Metaspace, Whitespace
from tokenizers.processors import TemplateProcessing

from embedsvc.encoders.huggingface import read_spec, read_tokenizer
from embedsvc.store.tokenizer_files import write_tokenizer
from embedsvc.text.tokenizer import TextTokenizer, read_tokenizer_json

TEXTS = [
    "The bad thé, É!",
    "",
    " [MASK] a [PAD] [ [CLS]",
    "\u4e2d\u6587 a<mask>b <mask> <s>",
    "\uff11 e\u0301 [brand] \u00a0 x",
    "a " * 40,
]


def ids(tokenizer: TextTokenizer) -> list[list[int]]:
    return [text.chunks[0] for text in tokenizer.encode(TEXTS)]


def of_bert(folder: Path, *, change: Any = None, **options: Any) -> TextTokenizer:
    write_tiny_bert(folder, **options)
    tokenizer = read_tokenizer(read_spec(folder))
    if change is not None:
        change(tokenizer)
    return TextTokenizer(tokenizer, max_tokens=16)


def of_sentencepiece(folder: Path) -> TextTokenizer:
    """As the multilingual BERTs have it."""
    del folder
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    pieces = [*special, "\u2581", *"abcdefxThs!,[]", "\u2581a", "\u2581the", "<mask>"]
    tokenizer = Tokenizer(Unigram([(piece, -float(i)) for i, piece in enumerate(pieces)], unk_id=3))
    tokenizer.pre_tokenizer = Metaspace()
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.add_special_tokens([AddedToken(one, normalized=False) for one in special])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=True)])
    return TextTokenizer(tokenizer, max_tokens=16)


def of_words(folder: Path) -> TextTokenizer:
    """None is special by itself, and there are gaps between the ids."""
    del folder
    tokenizer = Tokenizer(WordLevel({"a": 3, "?": 9, "</s>": 5}, unk_token="?"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="a $A </s>", special_tokens=[("a", 3), ("</s>", 5)]
    )
    return TextTokenizer(tokenizer, max_tokens=16)


MADE = {
    "bert": of_bert,
    "vocab": lambda folder: of_bert(folder, tokenizer="vocab"),
    "cased": lambda folder: of_bert(folder, tokenizer_config={"do_lower_case": False}),
    "accents": lambda folder: of_bert(folder, tokenizer_config={"strip_accents": False}),
    "chinese": lambda folder: of_bert(folder, tokenizer_config={"tokenize_chinese_chars": False}),
    "lowercased first": lambda folder: of_bert(
        folder,
        tokenizer_config={"do_lower_case": False, "strip_accents": False},
        sentence_bert={"do_lower_case": True},
    ),
    "more tokens": lambda folder: of_bert(
        folder, change=lambda made: made.add_tokens([AddedToken("[brand]", single_word=True)])
    ),
    "sentencepiece": of_sentencepiece,
    "words": of_words,
}


@pytest.mark.parametrize("kind", MADE)
def test_we_read_the_same_ids(kind: str, tmp_path: Path):
    made = MADE[kind](tmp_path / "made")
    write_tokenizer(write_tiny_bert(tmp_path / "saved"), made, max_tokens=16)
    read = TextTokenizer(read_tokenizer(read_spec(tmp_path / "saved")), max_tokens=16)
    assert ids(read) == ids(made)


@pytest.mark.parametrize("kind", MADE)
def test_transformers_reads_the_same_ids(kind: str, tmp_path: Path):
    auto = pytest.importorskip("transformers").AutoTokenizer
    made = MADE[kind](tmp_path / "made")
    # The class is looked for in config.json too.
    pad = write_tokenizer(write_tiny_bert(tmp_path / "saved"), made, max_tokens=16)
    tokenizer = auto.from_pretrained(tmp_path / "saved")
    assert tokenizer(TEXTS, truncation=True)["input_ids"] == ids(made)
    assert tokenizer.model_max_length == 16
    assert tokenizer.pad_token_id == pad
    padded = tokenizer(TEXTS, truncation=True, padding=True)
    for row, mask, wanted in zip(
        padded["input_ids"], padded["attention_mask"], ids(made), strict=True
    ):
        assert row == wanted + [pad] * (16 - len(wanted))
        assert mask == [1] * len(wanted) + [0] * (16 - len(wanted))
    assert {type for row in padded["token_type_ids"] for type in row} == {0}


def test_the_files(tmp_path: Path):
    made = of_bert(tmp_path / "made", tokenizer_config={"do_lower_case": False})
    folder = tmp_path / "saved"
    folder.mkdir()
    assert write_tokenizer(folder, made, max_tokens=12) == 0
    assert (folder / "vocab.txt").read_text(encoding="utf-8").splitlines() == VOCABULARY
    config = json.loads((folder / "tokenizer_config.json").read_text())
    roles = {
        "unk_token": "[UNK]",
        "sep_token": "[SEP]",
        "pad_token": "[PAD]",
        "cls_token": "[CLS]",
        "mask_token": "[MASK]",
    }
    assert json.loads((folder / "special_tokens_map.json").read_text()) == roles
    assert roles.items() <= config.items()
    assert config["model_max_length"] == 12
    assert (config["do_lower_case"], config["strip_accents"]) == (False, None)
    assert config["added_tokens_decoder"]["4"]["content"] == "[MASK]"
    # The tokenizer itself is as it was.
    assert len(ids(made)[-1]) == 16
    read_tokenizer_json(folder / "tokenizer.json")


@pytest.mark.parametrize("more", ["new\nline", "return\r"])
def test_no_vocabulary_that_would_be_read_otherwise(more: str, tmp_path: Path):
    vocabulary = {"[UNK]": 0, "[CLS]": 1, more: 2}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 1)])
    write_tokenizer(tmp_path, TextTokenizer(tokenizer, max_tokens=9), max_tokens=9)
    assert not (tmp_path / "vocab.txt").exists()
