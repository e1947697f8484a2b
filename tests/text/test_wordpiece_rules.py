"""What is read off a tokenizer, and which tokenizers are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_folders import VOCABULARY
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import NFKC, Lowercase, Sequence
from tokenizers.pre_tokenizers import Whitespace

from embedsvc.errors import InputError
from embedsvc.text.tokenizer import lowercase_first, read_vocabulary
from embedsvc.text.wordpiece_rules import read_rules


@pytest.fixture
def tokenizer(tmp_path: Path) -> Tokenizer:
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    return read_vocabulary(path, lowercase=True, strip_accents=None, chinese_characters=True)


def test_what_is_read(tokenizer: Tokenizer):
    rules = read_rules(tokenizer.to_str())
    assert rules.vocabulary == tuple(sorted(VOCABULARY, key=VOCABULARY.index))
    assert rules.ids.tolist() == list(range(len(VOCABULARY)))
    assert (rules.prefix, rules.unknown, rules.max_characters) == ("##", "[UNK]", 100)
    assert (rules.before, rules.after) == ((2,), (3,))
    assert rules.raw_tokens.texts == ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    assert rules.raw_tokens.ids == (0, 1, 2, 3, 4)
    assert rules.normalized_tokens.texts == ()


def test_equal_settings_share_their_tables(tokenizer: Tokenizer):
    one = read_rules(tokenizer.to_str())
    tokenizer.add_tokens(["covid"])
    assert read_rules(tokenizer.to_str()).characters is one.characters


def test_lowercasing_first_is_known(tokenizer: Tokenizer):
    lowercase_first(tokenizer)
    assert read_rules(tokenizer.to_str()).characters.changes[ord("A")] > 0


def test_added_tokens(tokenizer: Tokenizer):
    tokenizer.add_tokens([AddedToken("COVID-19", normalized=True), AddedToken("\x00")])
    tokenizer.add_tokens([AddedToken("<URL>", normalized=False, lstrip=True)])
    rules = read_rules(tokenizer.to_str())
    assert rules.normalized_tokens.texts == ("covid-19",)
    assert rules.normalized_tokens.ids == (len(VOCABULARY),)
    assert rules.raw_tokens.texts[-1] == "<URL>"


def other_model(tokenizer: Tokenizer) -> None:
    tokenizer.model = WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]")  # noqa: S106


def other_normalizer(tokenizer: Tokenizer) -> None:
    tokenizer.normalizer = Sequence([Lowercase(), NFKC()])


def other_words(tokenizer: Tokenizer) -> None:
    tokenizer.pre_tokenizer = Whitespace()


def no_words(tokenizer: Tokenizer) -> None:
    tokenizer.pre_tokenizer = None


def whole_words(tokenizer: Tokenizer) -> None:
    tokenizer.add_tokens([AddedToken("covid", single_word=True)])


def nested(tokenizer: Tokenizer) -> None:
    tokenizer.add_tokens(["covid", "covid19"])


def overlapping(tokenizer: Tokenizer) -> None:
    tokenizer.add_tokens(["abc", "cde"])


def overlapping_itself(tokenizer: Tokenizer) -> None:
    tokenizer.add_tokens(["abca"])


@pytest.mark.parametrize(
    ("change", "got"),
    [
        (other_model, "the model WordLevel"),
        (other_normalizer, "the normalizer NFKC"),
        (other_words, "the pre-tokenizer Whitespace"),
        (no_words, "the pre-tokenizer None"),
        (whole_words, "the added token 'covid' for whole words"),
        (nested, "the added token 'covid' inside of 'covid19'"),
        (overlapping, "the added tokens 'abc' and 'cde', which can overlap"),
        (overlapping_itself, "the added tokens 'abca' and 'abca', which can overlap"),
    ],
)
def test_what_is_refused(tokenizer: Tokenizer, change: Callable[[Tokenizer], None], got: str):
    change(tokenizer)
    with pytest.raises(InputError, match=f"Expected a BERT tokenizer, .*, got {got}.*another fo"):
        read_rules(tokenizer.to_str())
