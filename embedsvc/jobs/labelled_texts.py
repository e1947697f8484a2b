"""Texts with their labels, read to the end and checked: what a classifier learns from."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from embedsvc.errors import InputError
from embedsvc.extract.columns import missing_column, quoted
from embedsvc.extract.rejects import defect, to_line
from embedsvc.extract.rows import Reject, Row, printable
from embedsvc.extract.sources import Sources, open_sources
from embedsvc.jobs.json_keys import keys_of_row
from embedsvc.jobs.label_columns import Labels
from embedsvc.jobs.labelled_reading import LabelledReading

_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, eq=False)
class LabelledTexts:
    """Texts and what is known of each, in the order of the input.

    Attributes:
        texts: the texts.
        labels: a label each, or a tuple of labels each.
        weights: float32 array of shape (n_texts,), or None.
        where: for people, where each stands: "reviews.csv, line 12".
        digest: a sha256 over texts, labels and weights.
        rejects: the defects that were left out, as JSON values.
        name: what messages call the input.
    """

    texts: list[str]
    labels: list[str] | list[tuple[str, ...]]
    weights: NDArray[np.float32] | None
    where: list[str]
    digest: str
    rejects: list[dict[str, Any]] = field(default_factory=list)
    name: str = "the input"

    @property
    def several(self) -> bool:
        """Whether a text may have several labels, or none."""
        return bool(self.labels) and isinstance(self.labels[0], tuple)

    def only(self, kept: Sequence[int], rejects: list[dict[str, Any]]) -> LabelledTexts:
        """Some of the texts.

        Args:
            kept: their positions.
            rejects: what is wrong with the others, as JSON values.
        """
        return replace(
            self,
            texts=[self.texts[i] for i in kept],
            labels=_alike([self.labels[i] for i in kept]),
            weights=None if self.weights is None else self.weights[list(kept)],
            where=[self.where[i] for i in kept],
            rejects=[*self.rejects, *rejects],
        )


def read_labelled(
    inputs: Sequence[str],
    reading: LabelledReading,
    *,
    advance: Callable[[int], None] = lambda count: None,
) -> LabelledTexts:
    """Read labelled texts into memory.

    Args:
        inputs: files, globs, or "-" for standard input, as `open_sources` takes them.
        reading: how.
        advance: called with the number of rows just read.

    Raises:
        InputError: a file, a column or a row that cannot be used, named with its line; or no row.

    Example:
        >>> reading = LabelledReading(LabelColumns(("label",)))
        >>> found = read_labelled(["reviews.csv"], reading)  # doctest: +SKIP
        >>> found.texts[0], found.labels[0]  # doctest: +SKIP
        ('Where is my parcel?', 'delivery')
    """
    sources = open_sources(inputs, reading.source_options)
    digest = hashlib.sha256()
    texts: list[str] = []
    labels: list[Labels] = []
    weights: list[float] = []
    where: list[str] = []
    rejects: list[dict[str, Any]] = []
    with closing(_rows(sources, reading)) as rows:
        for found in rows:
            advance(1)
            if isinstance(found, Reject):
                if reading.on_error == "error":
                    raise defect(found)
                rejects.append(to_line(found))
                continue
            texts.append(found.row.text)
            labels.append(found.labels)
            weights.append(found.weight)
            where.append(found.row.where)
            digest.update(orjson.dumps([found.row.text, found.labels, found.weight]))
    if not texts:
        raise InputError(_no_rows(sources, rejects))
    return LabelledTexts(
        texts,
        _alike(labels),
        None if reading.sample_weight is None else np.array(weights, np.float32),
        where,
        digest.hexdigest(),
        rejects,
        sources.label,
    )


@dataclass(frozen=True, slots=True)
class _Labelled:
    row: Row
    labels: Labels
    weight: float


def _rows(sources: Sources, reading: LabelledReading) -> Generator[_Labelled | Reject, None, None]:
    hinted = False
    with closing(sources.rows_with_files()) as rows:
        for path, row in rows:
            if isinstance(row, Reject):
                yield _of_labels(row, reading)
                continue
            try:
                labels = reading.labels.read(row.columns)
                weight = _weight(row.columns, reading.sample_weight)
            except InputError as err:
                # One look at the file is enough: the next rows lack the same key.
                hint = None if hinted else _absent(path, row, reading)
                hinted = True
                yield row.rejected(hint or str(err))
                continue
            yield _Labelled(row, labels, weight)


def _weight(columns: dict[str, Any], name: str | None) -> float:
    if name is None:
        return 1.0
    value = columns.get(name)
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError
        weight = float(value)
    except (ValueError, OverflowError):
        weight = math.nan
    if not 0 <= weight <= _LARGEST:
        shown = "null or nothing" if value in (None, "") else printable(repr(value), limit=40)
        raise InputError(
            f"Expected a weight of 0 or more in the column {quoted(name)}, got {shown}. Correct "
            "it, or leave the row out."
        )
    return weight


def _of_labels(reject: Reject, reading: LabelledReading) -> Reject:
    """The readers know the columns as columns to include; the user gave them other names."""
    weight = [] if reading.sample_weight is None else [("--sample-weight", reading.sample_weight)]
    for option, name in [*(("--label", one) for one in reading.labels.names), *weight]:
        if reject.reason.startswith(f"Expected a column {quoted(name)}"):
            return replace(reject, reason=reject.reason.replace("--include-columns", option))
    return reject


def _absent(path: Path | None, row: Row, reading: LabelledReading) -> str | None:
    """A sentence about a column that a JSON object lacks; the readers take that for null."""
    options = reading.source_options
    absent = [name for name in options.include_columns if row.columns.get(name) is None]
    keys = keys_of_row(path, row.line, options) if absent and path is not None else None
    for name in absent:
        if keys is not None and name not in keys:
            option = "--sample-weight" if name == reading.sample_weight else "--label"
            return missing_column(name, keys, option=option).replace("a column ", "a key ", 1)
    return None


def _alike(labels: list[Labels]) -> list[str] | list[tuple[str, ...]]:
    """Labels of one kind: where any row has a list of them, all have."""
    single = [one for one in labels if isinstance(one, str)]
    if len(single) == len(labels):
        return single
    return [(one,) if isinstance(one, str) else one for one in labels]


def _no_rows(sources: Sources, rejects: list[dict[str, Any]]) -> str:
    if not rejects:
        return f"Expected labelled texts in {sources.label}, got none. Check the input."
    first = rejects[0]
    return (
        f"Expected labelled texts in {sources.label}, got {len(rejects):,} defects and no text. "
        f"The first: {first['where']}: {first['reason']}"
    )
