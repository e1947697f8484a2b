"""What a training says of its data before it begins: a line or two for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from embedsvc.jobs.label_columns import Labels
from embedsvc.report.numbers import format_percent, plural

_LISTED = 6
_UNBALANCED = 5
_NAMED = 3
_CHARS = 40


def balance_line(labels: Sequence[str], counts: NDArray[np.int64], n_texts: int) -> str:
    """How often each label occurs: all of a few, or the extremes of many.

    Args:
        labels: their names.
        counts: texts with each, int64 of shape (n_labels,).
        n_texts: how many texts there are.

    Example:
        >>> balance_line(["ham", "spam"], np.array([90, 10]), 100)
        'Labels: ham 90 (90 %), spam 10 (10 %)'
    """
    order = np.argsort(-counts, kind="stable").tolist()

    def told(k: int) -> str:
        share = format_percent(counts[k] / max(n_texts, 1))
        return f"{_short(labels[k])} {counts[k]:,} ({share})"

    if len(labels) <= _LISTED:
        return "Labels: " + ", ".join(map(told, order))
    return (
        f"{len(labels):,} labels: the most frequent is {told(order[0])}, the rarest "
        f"{told(order[-1])}, median {int(np.median(counts)):,}"
    )


def balance_notes(
    labels: Sequence[str], counts: NDArray[np.int64], *, weighted: bool, task: str
) -> list[str]:
    """What to know about labels that are rare.

    Args:
        labels: their names.
        counts: texts with each.
        weighted: whether classes have weights.
        task: of the classifier.
    """
    notes = []
    alone = [labels[k] for k in np.flatnonzero(counts == 1).tolist()]
    if alone:
        notes.append(
            f"{plural(len(alone), 'label')} with a single text ({_some(alone)}): learned from, but "
            "not measured."
        )
    rarest, most = int(counts.min()), int(counts.max())
    if task != "multilabel" and not weighted and most >= _UNBALANCED * rarest > 0:
        notes.append(
            f"The most frequent label has {most / rarest:,.0f} times as many texts as the rarest. "
            "--class-weight balanced makes them count the same."
        )
    return notes


def several_meant(labels: Sequence[Labels]) -> str | None:
    """A sentence where labels look like several in one cell, such as "anger,joy"; else None."""
    single = Counter(one for one in labels if isinstance(one, str))
    for separator in (",", ";", "|"):
        joined = [one for one in single if separator in one]
        parts = Counter(part.strip() for one in joined for part in one.split(separator))
        known = all(part in single or count > 1 for part, count in parts.items())
        if joined and known:
            option = "" if separator == "," else f" --label-separator '{separator}'"
            return (
                f"Labels such as {_short(joined[0])!r} look like several labels at once. If they "
                f"are, add --task multilabel{option}."
            )
    return None


def shared_note(texts: Iterable[str], learned: set[str], what: str) -> str | None:
    """A sentence where texts to measure on are also learned from; else None."""
    n_shared = sum(text in learned for text in texts)
    if not n_shared:
        return None
    return (
        f"{plural(n_shared, f'{what} text')} {'is' if n_shared == 1 else 'are'} also among those "
        "learned from: what is measured there looks better than it is."
    )


def unlabelled_note(labels: Sequence[Labels]) -> str | None:
    """A sentence on texts to which no label applies; else None."""
    count = sum(one == () for one in labels)
    if not count:
        return None
    verb, teaches = ("has", "it teaches") if count == 1 else ("have", "they teach")
    return f"{plural(count, 'text')} {verb} no label: {teaches} that none applies."


def empty_note(texts: Sequence[str]) -> str | None:
    """A sentence on texts of nothing but white space; else None."""
    count = sum(not text.strip() for text in texts)
    return f"{plural(count, 'text')} of nothing but white space." if count else None


def _some(names: Sequence[str]) -> str:
    more = ", ..." if len(names) > _NAMED else ""
    return ", ".join(map(_short, names[:_NAMED])) + more


def _short(name: str) -> str:
    return name if len(name) <= _CHARS else f"{name[: _CHARS - 3]}..."
