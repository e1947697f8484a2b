"""Token counts, chunks, bad texts and bad files."""

import json

import pytest
from tiny_folders import VOCABULARY
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.processors import TemplateProcessing

from embedsvc.errors import ArtifactError, InputError
from embedsvc.text.tokenizer import (
    TextTokenizer,
    lowercase_first,
    read_tokenizer_json,
    read_vocabulary,
)

CLS, SEP, UNK = (VOCABULARY.index(token) for token in ("[CLS]", "[SEP]", "[UNK]"))


def ids(*tokens):
    return [VOCABULARY.index(token) for token in tokens]


@pytest.fixture
def vocabulary(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def make(vocabulary):
    def make(*, max_tokens=16, lowercase=True, strip_accents=None, chinese_characters=True):
        tokenizer = read_vocabulary(
            vocabulary,
            lowercase=lowercase,
            strip_accents=strip_accents,
            chinese_characters=chinese_characters,
        )
        return TextTokenizer(tokenizer, max_tokens=max_tokens)

    return make


def one(tokenizer, text):
    (tokenized,) = tokenizer.encode([text])
    return tokenized


def test_words_and_pieces(make):
    tokenized = one(make(), "The bad!")
    assert tokenized.chunks == [[CLS, *ids("the", "b", "##a", "##d", "!"), SEP]]
    assert tokenized.n_tokens == 7


def test_to_json_and_back(make, tmp_path):
    tokenizer = make(max_tokens=5, lowercase=False)
    path = tmp_path / "tokenizer.json"
    path.write_text(tokenizer.to_json(), encoding="utf-8")
    fields = json.loads(path.read_text(encoding="utf-8"))
    assert fields["truncation"] is None
    assert fields["padding"] is None
    read = read_tokenizer_json(path)
    text = "The bad thé, too long for five [MASK]"
    assert one(TextTokenizer(read, max_tokens=5), text) == one(tokenizer, text)
    assert len(one(tokenizer, text).chunks) > 1  # the tokenizer itself still cuts
    assert len(one(TextTokenizer(read, max_tokens=64), text).chunks) == 1
    assert TextTokenizer(read, max_tokens=9).to_json() == tokenizer.to_json()


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\x00", "\u200b"])
def test_nothing_to_see_is_two_tokens(make, text):
    assert one(make(), text).chunks == [[CLS, SEP]]


def test_no_texts(make):
    assert make().encode([]) == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["é"]),
        ({"strip_accents": True}, ["e"]),
        ({"strip_accents": False}, ["é"]),
    ],
)
def test_accents_go_with_lower_case_unless_told(make, options, expected):
    cased = one(make(lowercase=False, **options), "é").chunks[0]
    assert cased == [CLS, *ids(*expected), SEP]


def test_lower_case(make):
    assert one(make(), "É").chunks == [[CLS, *ids("e"), SEP]]
    assert one(make(strip_accents=False), "É").chunks == [[CLS, *ids("é"), SEP]]
    assert one(make(lowercase=False), "A").chunks == [[CLS, *ids("A"), SEP]]


def test_chinese_characters(make):
    assert one(make(), "中文").chunks == [[CLS, UNK, UNK, SEP]]
    assert one(make(chinese_characters=False), "中文").chunks == [[CLS, UNK, SEP]]


def test_lowercase_first(vocabulary):
    tokenizer = read_vocabulary(
        vocabulary, lowercase=False, strip_accents=None, chinese_characters=True
    )
    lowercase_first(tokenizer)
    assert tokenizer.encode("AB").ids == [CLS, *ids("a", "##b"), SEP]
    bare = Tokenizer(WordLevel({"a": 0, "?": 1}, unk_token="?"))  # noqa: S106 - no password
    lowercase_first(bare)
    assert bare.encode("A").ids == [0]


@pytest.mark.parametrize("n_words", range(30))
@pytest.mark.parametrize("max_tokens", [3, 4, 7, 16])
def test_chunks_hold_every_token_once(make, n_words, max_tokens):
    words = [VOCABULARY[5 + i % 26] for i in range(n_words)]
    tokenized = one(make(max_tokens=max_tokens), " ".join(words))
    assert tokenized.n_tokens == n_words + 2
    room = max_tokens - 2
    expected = [words[start : start + room] for start in range(0, n_words, room)] or [[]]
    assert tokenized.chunks == [[CLS, *ids(*chunk), SEP] for chunk in expected]


def test_padding_and_truncation_of_the_file_are_replaced(vocabulary):
    tokenizer = read_vocabulary(
        vocabulary, lowercase=True, strip_accents=None, chinese_characters=True
    )
    tokenizer.enable_truncation(4, stride=1)
    tokenizer.enable_padding(length=50)
    tokenized = TextTokenizer(tokenizer, max_tokens=5).encode(["a b c d e", "a"])
    assert [text.n_tokens for text in tokenized] == [7, 3]
    assert [len(chunk) for text in tokenized for chunk in text.chunks] == [5, 4, 3]


@pytest.mark.parametrize("max_tokens", [-1, 0, 2])
def test_no_room_for_text(make, max_tokens):
    with pytest.raises(InputError, match=f"beside the 2 special tokens, got {max_tokens}"):
        make(max_tokens=max_tokens)


def test_lone_surrogates_name_the_text(make):
    message = r"text 1 .* surrogate U\+D800 at character 2\. .*errors='replace'"
    with pytest.raises(InputError, match=message):
        make().encode(["fine 😀", "ab\ud800c"])


def test_what_the_tokenizer_refuses(make):
    with pytest.raises(InputError, match="text 1 to be a string, got tuple"):
        make().encode(["a", ("b", "c", "d")])


def test_vocabulary_size_counts_special_tokens_too(make):
    assert make().vocabulary_size == len(VOCABULARY)
    tokenizer = Tokenizer(WordLevel({"a": 0}, unk_token="a"))  # noqa: S106 - no password
    tokenizer.post_processor = TemplateProcessing(single="[X] $A", special_tokens=[("[X]", 99)])
    assert TextTokenizer(tokenizer, max_tokens=5).vocabulary_size == 100


def test_vocabulary_of_nothing():
    assert TextTokenizer(Tokenizer(WordLevel({})), max_tokens=5).vocabulary_size == 0


# Files


def test_windows_line_ends(tmp_path, vocabulary):
    path = tmp_path / "windows.txt"
    path.write_bytes("\r\n".join(VOCABULARY).encode())
    settings = {"lowercase": True, "strip_accents": None, "chinese_characters": True}
    for text in ("the b-a?", "éa"):
        ours, theirs = read_vocabulary(path, **settings), read_vocabulary(vocabulary, **settings)
        assert ours.encode(text).ids == theirs.encode(text).ids


@pytest.mark.parametrize("content", ["a\nb\n", "", "[PAD]\n[UNK]\n[CLS]\n"])
def test_a_vocabulary_without_special_tokens(tmp_path, content):
    path = tmp_path / "vocab.txt"
    path.write_text(content)
    with pytest.raises(ArtifactError, match=r"special tokens, got no .*\[SEP\]"):
        read_vocabulary(path, lowercase=True, strip_accents=None, chinese_characters=True)


def test_a_vocabulary_in_another_encoding(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ArtifactError, match="UTF-8 vocabulary"):
        read_vocabulary(path, lowercase=True, strip_accents=None, chinese_characters=True)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b'{"model": 5}',
        b"[" * 100_000,
        json.dumps({"version": "1.0", "model": {"type": "Nothing", "vocab": {}}}).encode(),
    ],
)
def test_garbage_for_a_tokenizer(tmp_path, content):
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="Expected a Hugging Face tokenizer in"):
        read_tokenizer_json(path)


@pytest.mark.parametrize("name", ["tokenizer.json", "vocab.txt"])
def test_huge_files_are_not_read(tmp_path, name):
    path = tmp_path / name
    with path.open("wb") as file:
        file.truncate((64 << 20) + 1)
    with pytest.raises(ArtifactError, match="at most 67,108,864 bytes, got 67,108,865"):
        if name == "tokenizer.json":
            read_tokenizer_json(path)
        else:
            read_vocabulary(path, lowercase=True, strip_accents=None, chinese_characters=True)
