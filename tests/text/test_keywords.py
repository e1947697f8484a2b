"""Words and names of groups of texts."""

import numpy as np
import pytest
from scipy import sparse

from embedsvc.errors import InputError
from embedsvc.text.keywords import Keyword, class_tf_idf, group_keywords, name_of
from embedsvc.text.words import words_and_pairs


@pytest.mark.golden
def test_class_tf_idf_by_hand():
    # Two groups of 4 and 2 words: A = 3; the words are there 2, 3 and 1 times.
    found = class_tf_idf(sparse.csr_matrix([[2, 1, 1], [0, 2, 0]])).toarray()
    expected = [
        [2 / 4 * np.log(1 + 3 / 2), 1 / 4 * np.log(1 + 3 / 3), 1 / 4 * np.log(1 + 3 / 1)],
        [0, 2 / 2 * np.log(1 + 3 / 3), 0],
    ]
    np.testing.assert_allclose(found, expected)


def test_groups_are_named_by_what_sets_them_apart():
    texts = [
        "What is the exchange rate?",
        "The exchange rate was wrong",
        "Exchange rate for foreign currency",
        "My card is lost",
        "I lost my cards",
        "The card was lost in 2024",
        "",
    ]
    found = group_keywords(texts, np.array([0, 0, 0, 1, 1, 1, -1]))
    assert name_of(found[0]).split(", ")[0] == "exchange rate"
    named = [one.text for one in found[1]]
    assert {"lost"} <= set(named)
    assert not {"my", "is", "2024"} & set(named)
    assert sum("card" in one for one in named) == 1
    assert all(isinstance(one, Keyword) and one.weight > 0 for one in found[0])


def test_what_all_groups_say_is_left_out():
    words = ["haus", "auto", "hund", "katze", "baum", "fluss"]
    texts = [f"das ist der {word} {word}garten" for word in words for _ in range(4)]
    found = group_keywords(texts, np.repeat(np.arange(6), 4))
    for word, keywords in zip(words, found, strict=True):
        named = " ".join(one.text for one in keywords)
        assert word in named
        assert "der" not in named.split()


@pytest.mark.parametrize(
    ("texts", "labels"),
    [([], []), (["", "12 34", "the of"], [0, 0, 1]), (["a text", "another"], [-1, -1])],
)
def test_without_words_there_are_no_keywords(texts, labels):
    numbers = np.array(labels, np.int64)
    found = group_keywords(texts, numbers)
    assert found == [[] for _ in range(numbers.max(initial=-1) + 1)]
    assert all(name_of(one) == "" for one in found)


def test_one_label_a_text_is_expected():
    with pytest.raises(InputError, match="one label a text"):
        group_keywords(["a"], np.array([0, 1]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What's the exchange rate of 2024?", ["exchange", "rate", "exchange rate"]),
        ("Customer’s top-up, failed!", ["customer", "top-up", "failed", "customer top-up"]),
        ("don't won't 3d", ["3d"]),
        ("Größe ÉCOLE", ["größe", "école", "größe école"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा", "हिन्दी भाषा"]),
        ("信用卡", ["信用卡"]),
        ("信用卡丢失了", ["信用", "用卡", "卡丢", "丢失", "失了"]),
        ("card 信用卡 lost", ["card", "lost", "信用卡"]),
        ("\x00 \ud800 ...", []),
    ],
)
def test_words_of_any_script(text, expected):
    assert words_and_pairs(text) == expected


def test_texts_without_spaces_have_keywords():
    texts = ["信用卡丢失了怎么办", "我的信用卡丢失了", "汇率是多少", "今天的汇率是多少"]
    found = group_keywords(texts, np.array([0, 0, 1, 1]))
    assert "信用" in {one.text for one in found[0]}
    assert "汇率" in {one.text for one in found[1]}
