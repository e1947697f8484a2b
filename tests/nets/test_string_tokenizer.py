"""The tokenizer in the graph gives the ids of the Hugging Face tokenizer."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from goldens.texts import golden_texts
from tiny_folders import VOCABULARY
from tokenizers import AddedToken, Tokenizer

from embedsvc.errors import InputError
from embedsvc.nets.string_tokenizer import StringTokenizer
from embedsvc.text.tokenizer import TextTokenizer, read_tokenizer_json, read_vocabulary
from embedsvc.text.wordpiece_rules import read_rules

InGraph = Callable[[list[str]], list[list[int]]]

NASTY = [
    *("", " ", "\x00", "\ufeff", "\ufffd", "|", "a|b", "\u0301", "e\u0301", "##s", "[", "[SEP"),
    *("[SEP]", "[SEP][CLS]", "a[SEP]b", "[ SEP ]", "[sep]", "[[SEP]]", "[UNK]s", "x [MASK] [MASK]"),
    *("wait… ½ ﬁne ２０２４ ＡＢＣ ß ẞ ﬆ ℃ Ω ² ㎏", "İSTANBUL ıspanak I i", "ΟΔΥΣΣΕΥΣ ς Σ σ"),
    *(
        "한국어 각 \u1100\u1161\u11a8 ㄱ",
        "العَرَبِيَّةُ لا",
        "ｶﾞ ガ か\u3099",
        "豈 更 車",
        "𠀀 𝐀𝒷 🇩🇪 👩\u200d🚀",
    ),
    *("word" * 25, "word" * 25 + "x", "é" * 100, "é" * 101, "中" * 101, "🚀" * 101, "\u0301" * 101),
    *(
        "a\u200b" * 101,
        "Ǆ ǅ ǆ ŉ ǰ ΐ",
        "\u00ad soft\u00adhyphen",
        "tab\tnew\nline\r\x0b\x0c\x1c\x85x",
    ),
    *("$+<=>^`|~ €", "‘quotes’ “here” «there»", "x\u2028y\u2029z\u202e", "\U0010ffff\ue000\ufdd0"),
]


def our_and_their_ids(tokenizer: Tokenizer, *, max_tokens: int) -> tuple[InGraph, InGraph]:
    """Our ids and those of the library, padding left out."""
    theirs = TextTokenizer(tokenizer, max_tokens=max_tokens)
    ours = StringTokenizer(read_rules(theirs.to_json()), max_tokens=max_tokens)
    compiled = tf.function(
        ours.pack, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False
    )

    def our_ids(texts: list[str]) -> list[list[int]]:
        outputs = compiled(tf.constant([text.encode() for text in texts], tf.string))
        outputs = {name: values.numpy() for name, values in outputs.items()}
        lengths = outputs["attention_mask"].sum(axis=1)
        assert not outputs["segment_ids"].any()
        assert {values.shape for values in outputs.values()} == {(len(texts), max(lengths))}
        assert {values.dtype for values in outputs.values()} == {np.dtype(np.int32)}
        assert not (outputs["token_ids"] * (1 - outputs["attention_mask"])).any()
        return [row[:n].tolist() for row, n in zip(outputs["token_ids"], lengths, strict=True)]

    return our_ids, lambda texts: [text.chunks[0] for text in theirs.encode(texts)]


@pytest.fixture(scope="module")
def minilm_ids(minilm_folder: Path) -> tuple[InGraph, InGraph]:
    return our_and_their_ids(read_tokenizer_json(minilm_folder / "tokenizer.json"), max_tokens=256)


@pytest.fixture
def tiny_ids(tmp_path: Path) -> Callable[..., tuple[InGraph, InGraph]]:
    def make(*, max_tokens=16, lowercase=True, strip_accents=None, added=()):
        path = tmp_path / "vocab.txt"
        path.write_text("\n".join([*VOCABULARY, "\u1b44", "##\u302e", "##\u1b44"]), "utf-8")
        tokenizer = read_vocabulary(
            path, lowercase=lowercase, strip_accents=strip_accents, chinese_characters=lowercase
        )
        tokenizer.add_tokens(list(added))
        return our_and_their_ids(tokenizer, max_tokens=max_tokens)

    return make


def test_odd_texts(minilm_ids: tuple[InGraph, InGraph]):
    ours, theirs = minilm_ids
    assert ours(NASTY) == theirs(NASTY)


def test_more_than_five_hundred_texts(minilm_ids: tuple[InGraph, InGraph]):
    ours, theirs = minilm_ids
    texts = golden_texts()
    for text, our, their in zip(texts, ours(texts), theirs(texts), strict=True):
        assert our == their, ascii(text)


def test_characters_from_anywhere(minilm_ids: tuple[InGraph, InGraph]):
    ours, theirs = minilm_ids
    draw = random.Random(7)
    # Whatever is in a word with an unknown character is unknown, so most words are short.
    texts = [
        "".join(draw.choice([chr(code), f" {chr(code)} ", f"a{chr(code)}"]) for code in codes)
        for codes in ([draw.randrange(0x20, 0xD800) for _ in range(60)] for _ in range(1500))
    ]
    for text, our, their in zip(texts, ours(texts), theirs(texts), strict=True):
        assert our == their, ascii(text)


def test_every_character_between_letters(minilm_ids: tuple[InGraph, InGraph]):
    ours, theirs = minilm_ids
    codes = [code for code in range(0x20000) if not 0xD800 <= code < 0xE000]
    texts = ["".join(f"a{chr(c)}b " for c in codes[i : i + 60]) for i in range(0, len(codes), 60)]
    for i in range(0, len(texts), 500):
        assert ours(texts[i : i + 500]) == theirs(texts[i : i + 500])


@pytest.mark.parametrize(
    ("lowercase", "strip_accents"), [(True, None), (True, False), (False, None), (False, True)]
)
def test_settings(
    tiny_ids: Callable[..., tuple[InGraph, InGraph]], lowercase: bool, strip_accents: bool | None
):
    ours, theirs = tiny_ids(lowercase=lowercase, strip_accents=strip_accents, max_tokens=40)
    texts = [*NASTY, "The thé THÉ", "é e\u0301 É"]
    assert ours(texts) == theirs(texts)


def test_without_a_normalizer(tmp_path: Path):
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(VOCABULARY), "utf-8")
    tokenizer = read_vocabulary(path, lowercase=True, strip_accents=None, chinese_characters=True)
    tokenizer.normalizer = None
    ours, theirs = our_and_their_ids(tokenizer, max_tokens=40)
    texts = [*NASTY, "The th\u00e9 \u00e9 e\u0301"]
    assert ours(texts) == theirs(texts)


@pytest.mark.parametrize("max_tokens", [3, 4, 7])
def test_long_texts_are_cut(tiny_ids: Callable[..., tuple[InGraph, InGraph]], max_tokens: int):
    ours, theirs = tiny_ids(max_tokens=max_tokens)
    texts = [" ".join("abcdefgh"[:n]) for n in range(8)]
    assert ours(texts) == theirs(texts)
    assert max(map(len, ours(texts))) == max_tokens


def test_added_tokens(tiny_ids: Callable[..., tuple[InGraph, InGraph]]):
    added = [
        AddedToken("Café", normalized=True),
        AddedToken("<URL>", normalized=False, lstrip=True, rstrip=True),
        AddedToken("Q", normalized=False),
    ]
    ours, theirs = tiny_ids(added=added, max_tokens=30)
    texts = [
        *("café CAFE\u0301 xcafes caf\u00e9<URL>cafe", "a <URL> b<url>", "qQq QQ <URL", "caf", "Q"),
        *("cafecafe", "caf[SEP]e", ""),
    ]
    assert ours(texts) == theirs(texts)
    assert ours(["cafe"]) == [[2, len(VOCABULARY) + 3, 3]]


@pytest.fixture
def tiny_graph(tmp_path: Path) -> Callable[..., StringTokenizer]:
    def make(*, max_tokens=9):
        path = tmp_path / "vocab.txt"
        path.write_text("\n".join(VOCABULARY), "utf-8")
        tokenizer = read_vocabulary(
            path, lowercase=True, strip_accents=None, chinese_characters=True
        )
        return StringTokenizer(read_rules(tokenizer.to_str()), max_tokens=max_tokens)

    return make


def test_no_texts(tiny_graph: Callable[..., StringTokenizer]):
    outputs = tiny_graph().pack(tf.constant([], tf.string))
    assert {name: values.shape for name, values in outputs.items()} == dict.fromkeys(
        ("token_ids", "segment_ids", "attention_mask"), (0, 0)
    )


def test_broken_bytes_count_as_replacement_characters(tiny_graph: Callable[..., StringTokenizer]):
    pack = tiny_graph().pack
    broken = tf.constant([b"a\xffb\xed\xa0\x80", b"\xc3"])
    whole = tf.constant(["a\ufffdb\ufffd", "\ufffd"])
    np.testing.assert_array_equal(pack(broken)["token_ids"], pack(whole)["token_ids"])


def test_no_room_for_text(tiny_graph: Callable[..., StringTokenizer]):
    with pytest.raises(InputError, match="room beside the 2 special tokens, got 2"):
        tiny_graph(max_tokens=2)


# The one difference: the order of two marks that stay in a text, one behind the other.


def staying_marks(tokenizer: Tokenizer) -> list[str]:
    """Characters that have a combining class and are not dropped as accents."""
    characters = (chr(c) for c in range(0x110000) if unicodedata.combining(chr(c)))
    return [c for c in characters if tokenizer.normalizer.normalize_str(c)]


def test_the_order_of_marks_is_the_one_difference(
    tiny_ids: Callable[..., tuple[InGraph, InGraph]],
):
    ours, theirs = tiny_ids()
    in_order, out_of_order = "a\u1b44\u302e", "a\u302e\u1b44"
    assert ours([in_order]) == theirs([in_order])
    assert theirs([out_of_order]) == theirs([in_order]) != ours([out_of_order])


def test_the_order_of_marks_makes_no_difference_to_minilm(
    minilm_folder: Path, minilm_ids: tuple[InGraph, InGraph]
):
    ours, theirs = minilm_ids
    marks = staying_marks(read_tokenizer_json(minilm_folder / "tokenizer.json"))
    assert len(marks) > 100
    pairs = [f"a{one}{other} {one}{other}" for one, other in product(marks, marks)]
    assert ours(pairs) == theirs(pairs)
