"""Names for groups of texts: the words that are frequent in one group and rare in the others.

Source: class-based tf-idf as in BERTopic (Grootendorst, 2022, arXiv:2203.05794).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from embedsvc.errors import InputError
from embedsvc.text.words import ENGLISH_STOP_WORDS, words_and_pairs

_MOST_WORDS = 50_000
# In larger collections a word that is there once names nothing.
_TWICE_FROM = 100
# Common is a word in a twentieth of the texts of four fifths of the groups.
_COMMON_TEXTS = 0.05
_COMMON_GROUPS = 0.8
_FEWEST_GROUPS = 5
# A pair takes the place of one of its words where it is half of what that word is there.
_PAIR_SHARE = 0.5
_CANDIDATES = 8
_NAMED = 3


@dataclass(frozen=True)
class Keyword:
    """A word or a pair of words, and how much it says of its group.

    Attributes:
        text: in lower case.
        weight: its class-based tf-idf; larger says more.
    """

    text: str
    weight: float


def group_keywords(
    texts: Sequence[str],
    labels: NDArray[np.int64],
    *,
    n_keywords: int = 10,
    stop_words: Sequence[str] | None = None,
) -> list[list[Keyword]]:
    """Find the words that set groups of texts apart.

    Words of one and two, in lower case and any script; without spaces between words, a whole
    phrase or pairs of letters are words. English words such as "the" are left out, and so is what
    is common in nearly all groups, as the same words of other languages are.

    Args:
        texts: of n rows; "" says nothing.
        labels: the group of each row, int64 of shape (n,), from 0; rows of -1 are passed over.
        n_keywords: at most so many for each group.
        stop_words: words to leave out instead of the English ones.

    Returns:
        For each group its keywords, best first; none where its texts hold no words.

    Raises:
        InputError: texts and labels differ in number.

    Example:
        >>> texts = ["late parcel", "parcel lost", "great food"]
        >>> found = group_keywords(texts, np.array([0, 0, 1]))
        >>> [words[0].text for words in found]
        ['parcel', 'food']
    """
    if len(texts) != len(labels):
        raise InputError(
            f"Expected one label a text, got {len(labels):,} labels for {len(texts):,} texts. "
            "Pass the labels of these very texts."
        )
    n_groups = int(labels.max(initial=-1)) + 1
    names, counts, documents = _count(texts, labels, n_groups, stop_words)
    if not names:
        return [[] for _ in range(n_groups)]
    common = _common_words(names, documents, np.bincount(labels[labels >= 0], minlength=n_groups))
    weights = class_tf_idf(counts)
    found = []
    for group in range(n_groups):
        weight = weights[group].toarray().ravel()
        weight[common] = 0
        found.append(_best(names, weight, counts[group].toarray().ravel(), n_keywords))
    return found


def class_tf_idf(counts: Any) -> Any:
    """Weigh words by how frequent they are in a group and how rare in all.

    Args:
        counts: how often each word is in each group, sparse of shape (n_groups, n_words).

    Returns:
        Sparse float64 of the same shape: the share of the word in its group, times
        log(1 + A / f), with A the mean number of words of a group and f that of the word in all.
    """
    matrix = sparse.csr_matrix(counts, dtype=np.float64)
    in_groups = np.asarray(matrix.sum(axis=1)).ravel()
    in_all = np.asarray(matrix.sum(axis=0)).ravel()
    rarity = np.log1p(np.divide(in_groups.mean(), in_all, where=in_all > 0, out=in_all * 0))
    shares = sparse.diags(np.divide(1, in_groups, where=in_groups > 0, out=in_groups * 0))
    return (shares @ matrix @ sparse.diags(rarity)).tocsr()


def name_of(keywords: Sequence[Keyword]) -> str:
    """Up to three keywords: "exchange rate, foreign currency"; "" where there are none."""
    return ", ".join(keyword.text for keyword in keywords[:_NAMED])


def _count(
    texts: Sequence[str],
    labels: NDArray[np.int64],
    n_groups: int,
    stop_words: Sequence[str] | None,
) -> tuple[list[str], Any, Any]:
    """Words, how often each is in a group, and in how many of its texts."""
    from sklearn.feature_extraction.text import CountVectorizer

    used = np.flatnonzero(labels >= 0)
    stops = ENGLISH_STOP_WORDS if stop_words is None else frozenset(stop_words)
    vectorizer = CountVectorizer(
        analyzer=partial(words_and_pairs, stop_words=stops),
        min_df=2 if len(used) >= _TWICE_FROM else 1,
        max_features=_MOST_WORDS,
        dtype=np.int64,
    )
    try:
        found = vectorizer.fit_transform([texts[row] for row in used.tolist()])
    except ValueError:  # Not one word is left.
        return [], None, None
    ones = np.ones(len(used), np.int64)
    members = sparse.csr_matrix(
        (ones, (labels[used], np.arange(len(used)))), shape=(n_groups, len(used))
    )
    names: list[str] = vectorizer.get_feature_names_out().tolist()
    return names, (members @ found).tocsr(), (members @ (found > 0).astype(np.int64)).tocsr()


def _common_words(names: list[str], documents: Any, sizes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which words are frequent in nearly all groups, and pairs with them, shape (n_words,)."""
    if len(sizes) < _FEWEST_GROUPS:
        return np.zeros(len(names), bool)
    shares = (sparse.diags(1 / np.maximum(sizes, 1)) @ documents).tocsr()
    shares.data = (shares.data >= _COMMON_TEXTS).astype(float)
    common = np.asarray(shares.sum(axis=0)).ravel() >= _COMMON_GROUPS * len(sizes)
    words = {names[at] for at in np.flatnonzero(common).tolist()}
    return np.array([not words.isdisjoint((name, *name.split())) for name in names])


def _best(
    names: list[str], weights: NDArray[np.float64], counts: NDArray[np.int64], n: int
) -> list[Keyword]:
    """The n words of the largest weights, none of which repeats another."""
    order = np.lexsort((np.arange(len(names)), -weights))
    order = order[weights[order] > 0][: _CANDIDATES * n]
    chosen: list[int] = []
    for at in order.tolist():
        same = [one for one in chosen if _overlap(names[at], names[one])]
        if not same:
            if len(chosen) < n:
                chosen.append(at)
        elif " " in names[at] and all(
            " " not in names[one] and counts[at] >= _PAIR_SHARE * counts[one] for one in same
        ):
            # More is said by "exchange rate" than by "exchange"; it stands where that stood.
            chosen[chosen.index(same[0])] = at
            for one in same[1:]:
                chosen.remove(one)
    return [Keyword(names[at], float(weights[at])) for at in chosen]


def _overlap(a: str, b: str) -> bool:
    """Whether two keywords share a word, singular or plural."""
    return bool({_singular(one) for one in a.split()} & {_singular(one) for one in b.split()})


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
