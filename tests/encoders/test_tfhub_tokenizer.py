"""The tokenizer of a preprocess SavedModel: its own ids, whole lengths, nothing cut in silence."""

import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tiny_folders import VOCABULARY
from tiny_savedmodels import LENGTH, write_encoder, write_preprocess

from embedsvc.encoders.savedmodel import load_saved_model
from embedsvc.encoders.tfhub_tokenizer import SavedModelTokenizer, read_preprocess_tokenizer
from embedsvc.errors import ArtifactError, InputError

# 12 tokens with the special ones fill the model's own length; the last text has 26.
TEXTS = ["the abc", "", "Thé D!", "x" * 10, "a b c d e f g h i j", "half … ½ ß", "abcd " * 6]
CLS, SEP = VOCABULARY.index("[CLS]"), VOCABULARY.index("[SEP]")
OURS = {
    "input_word_ids": "token_ids",
    "input_mask": "attention_mask",
    "input_type_ids": "segment_ids",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return write_preprocess(tmp_path_factory.mktemp("tokenizer") / "preprocess")


@pytest.fixture(scope="module")
def fixed_folder(tmp_path_factory) -> Path:
    """One that can only be called."""
    return write_preprocess(tmp_path_factory.mktemp("fixed") / "preprocess", with_tokenize=False)


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> SavedModelTokenizer:
    return read_preprocess_tokenizer(folder)


def with_length(tokenizer: SavedModelTokenizer, max_tokens: int) -> SavedModelTokenizer:
    return SavedModelTokenizer(tokenizer.folder, tokenizer.module, max_tokens=max_tokens)


def test_what_it_says_of_itself(tokenizer: SavedModelTokenizer, folder: Path):
    assert tokenizer.folder == folder
    assert tokenizer.max_tokens == tokenizer.own_length == LENGTH
    assert tokenizer.vocabulary_size == len(VOCABULARY)


def test_the_ids_are_those_of_the_pair(tokenizer: SavedModelTokenizer):
    packed = tokenizer.module(tf.constant(TEXTS))
    ids, lengths = packed["input_word_ids"].numpy(), packed["input_mask"].numpy().sum(axis=1)
    for text, row, length in zip(tokenizer.encode(TEXTS), ids, lengths, strict=True):
        assert text.chunks[0] == row[:length].tolist()


def test_lengths_are_those_of_the_whole_text(tokenizer: SavedModelTokenizer):
    found = tokenizer.encode(TEXTS)
    assert [text.n_tokens for text in found] == [6, 2, 5, 12, 12, 12, 26]
    assert [len(text.chunks) for text in found] == [1, 1, 1, 1, 1, 1, 3]


@pytest.mark.parametrize("max_tokens", [3, 4, 7, 26, 30])
def test_chunks_hold_the_whole_text(tokenizer: SavedModelTokenizer, max_tokens: int):
    whole = tokenizer.module.tokenize(tf.constant(TEXTS)).merge_dims(1, 2).to_list()
    for text, pieces in zip(with_length(tokenizer, max_tokens).encode(TEXTS), whole, strict=True):
        assert text.n_tokens == len(pieces) + 2
        assert all(len(chunk) <= max_tokens for chunk in text.chunks)
        assert all(chunk[0] == CLS and chunk[-1] == SEP for chunk in text.chunks)
        assert [piece for chunk in text.chunks for piece in chunk[1:-1]] == pieces


@pytest.mark.parametrize("max_tokens", [3, 5, LENGTH, 20])
def test_packing_inside_a_graph(tokenizer: SavedModelTokenizer, max_tokens: int):
    short = with_length(tokenizer, max_tokens)
    pack = tf.function(short.pack, input_signature=[tf.TensorSpec([None], tf.string)])
    found = {name: value.numpy() for name, value in pack(tf.constant(TEXTS)).items()}
    tokens = tokenizer.module.tokenize(tf.constant(TEXTS))
    expected = tokenizer.module.bert_pack_inputs([tokens], seq_length=max_tokens)
    for theirs, ours in OURS.items():
        width = found[ours].shape[1]
        assert found[ours].dtype == np.int32
        np.testing.assert_array_equal(found[ours], expected[theirs].numpy()[:, :width])
        assert not expected[theirs].numpy()[:, width:].any()
    chunks = [text.chunks[0] for text in short.encode(TEXTS)]
    np.testing.assert_array_equal(found["attention_mask"].sum(axis=1), list(map(len, chunks)))
    assert found["token_ids"].shape[1] == max(map(len, chunks))


def test_packing_no_texts(tokenizer: SavedModelTokenizer):
    assert tokenizer.pack(tf.constant([], tf.string))["token_ids"].shape[0] == 0


def test_an_exported_graph_has_the_vocabulary_with_it(
    tokenizer: SavedModelTokenizer, tmp_path: Path
):
    class Exported(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.preprocess = tokenizer.module

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def ids(self, texts):
            return tokenizer.pack(texts)["token_ids"]

    tf.saved_model.save(Exported(), str(tmp_path / "exported"))
    found = tf.saved_model.load(str(tmp_path / "exported")).ids(tf.constant(TEXTS))
    np.testing.assert_array_equal(found, tokenizer.pack(tf.constant(TEXTS))["token_ids"])


def test_no_texts(tokenizer: SavedModelTokenizer):
    assert tokenizer.encode([]) == []


def test_many_threads(tokenizer: SavedModelTokenizer):
    expected = [tokenizer.encode([text])[0] for text in TEXTS]
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: tokenizer.encode(TEXTS), range(40)):
            assert found == expected


def test_no_character(tokenizer: SavedModelTokenizer):
    with pytest.raises(InputError, match=r"text 1 .* lone surrogate U\+D800 at character 2"):
        tokenizer.encode(["fine", "ab\ud800"])


def test_no_room(tokenizer: SavedModelTokenizer):
    with pytest.raises(InputError, match="room beside the 2 special tokens, got 2"):
        with_length(tokenizer, 2)


def test_an_encoder_is_no_preprocess_model(tmp_path: Path):
    encoder = write_encoder(tmp_path / "encoder")
    with pytest.raises(ArtifactError, match="Check that it is a preprocess model, not an encoder"):
        read_preprocess_tokenizer(encoder)


class Packs:
    """What a loaded SavedModel is to the tokenizer, with ids of its own."""

    def __init__(self, ids, segments=None):
        self.ids, self.segments = ids, segments or [0] * len(ids)

    def __call__(self, texts):
        mask = [int(token > 0) for token in self.ids]
        rows = {"input_word_ids": self.ids, "input_mask": mask, "input_type_ids": self.segments}
        return {name: tf.constant([row] * len(texts)) for name, row in rows.items()}


@pytest.mark.parametrize(
    "module", [Packs([5, 0, 0]), Packs([5, 6, 7]), Packs([5, 6, 0], [0, 1, 0])]
)
def test_other_forms_than_berts_are_refused(module: Packs, tmp_path: Path):
    with pytest.raises(ArtifactError, match="one token before and one behind a text"):
        SavedModelTokenizer(tmp_path, module, max_tokens=None)


# Preprocess models that can only be called


def test_without_tokenize_it_is_called(tokenizer, fixed_folder: Path, caplog):
    with caplog.at_level(logging.WARNING):
        fixed = read_preprocess_tokenizer(fixed_folder)
    assert "they are refused instead of cut" in caplog.text
    assert fixed.vocabulary_size == len(VOCABULARY)
    texts = ["the abc", "", "Thé D!", "x" * 9]
    assert fixed.encode(texts) == tokenizer.encode(texts)
    short, expected = with_length(fixed, 5), with_length(tokenizer, 5)
    assert short.encode(texts) == expected.encode(texts)
    for name, value in expected.pack(tf.constant(texts)).items():
        np.testing.assert_array_equal(short.pack(tf.constant(texts))[name], value)


@pytest.mark.parametrize("text", ["x" * 10, "abcd " * 6])
def test_without_tokenize_nothing_is_cut_in_silence(fixed_folder: Path, text: str):
    fixed = read_preprocess_tokenizer(fixed_folder)
    with pytest.raises(InputError, match=f"of fewer than {LENGTH} tokens, got text 1 with as many"):
        fixed.encode(["x" * 9, text])


def test_without_tokenize_there_is_no_longer_length(fixed_folder: Path):
    with pytest.raises(InputError, match=f"at most {LENGTH}, got {LENGTH + 1}"):
        read_preprocess_tokenizer(fixed_folder, max_tokens=LENGTH + 1)


def test_a_tokenizer_that_does_not_tell_its_size(fixed_folder: Path, tmp_path: Path):
    module = load_saved_model(fixed_folder)
    nowhere = SavedModelTokenizer(tmp_path, module, max_tokens=None)
    assert nowhere.vocabulary_size == max(CLS, SEP) + 1
