"""What a run over texts will be like, before it is run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from embedsvc.extract.kinds import Inputs
from embedsvc.extract.rows import Reject
from embedsvc.extract.windows import Window, windows_of

_SAMPLE_SIZE = 256
HISTOGRAM_EDGES = (8, 16, 32, 64, 128, 256, 512)


class Measurable(Protocol):
    """What a dry run needs of an encoder of texts."""

    @property
    def dim(self) -> int:
        """Components of a vector."""
        ...

    def describe(self) -> dict[str, Any]:
        """What the vectors depend on, `max_tokens` among it."""
        ...

    def token_counts(self, texts: list[str]) -> NDArray[np.int32]:
        """Tokens of each whole text."""
        ...

    def encode_windows(self, windows: Iterable[list[str]]) -> Iterator[Any]:
        """Encode windows of texts."""
        ...


@dataclass
class DryRun:
    """What a run would do.

    Attributes:
        rows: what would be encoded.
        rejects: how many defects there are.
        examples: the first few of them.
        histogram: rows by length or size, upper bound to count; the last bound is None.
        seconds: expected time to encode, from a sample of these very rows.
        vector_bytes: size of the vectors as float32.
    """

    rows: int = 0
    rejects: int = 0
    examples: list[Reject] = field(default_factory=list)
    histogram: dict[int | None, int] = field(default_factory=dict)
    seconds: float = 0.0
    vector_bytes: int = 0

    def add(self, window: Window) -> None:
        """Count the rows and defects of a window."""
        self.rows += len(window.rows)
        self.rejects += len(window.rejects)
        self.examples += window.rejects[: 5 - len(self.examples)]


@dataclass
class TextDryRun(DryRun):
    """What a run over texts would do.

    Attributes:
        tokens: tokens of all texts.
        too_long: texts longer than the model takes.
        longest: tokens of the longest text.
    """

    tokens: int = 0
    too_long: int = 0
    longest: int = 0


class Sample:
    """Inputs from everywhere, so that a sorted file does not mislead, but never more than fit."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._stride = 1
        self._items: list[Any] = []

    def add(self, window: Window) -> None:
        """Take some of a window."""
        if window.index % self._stride == 0:
            step = max(1, len(window.inputs) // 16)
            self._items += islice(window.inputs, 0, None, step)
        if len(self._items) >= 16 * self._size:
            self._items, self._stride = self._items[::2], self._stride * 2

    def items(self) -> list[Any]:
        """Fewer than twice as many as asked for, evenly spread."""
        return self._items[:: max(1, len(self._items) // self._size)]


def dry_run(sources: Inputs, encoder: Measurable) -> TextDryRun:
    """Read and tokenize everything and encode a sample, but write nothing."""
    result = TextDryRun()
    max_tokens = encoder.describe()["max_tokens"]
    bins: Counter[int] = Counter()
    sample = Sample(_SAMPLE_SIZE)
    for window in windows_of(sources):
        result.add(window)
        lengths = encoder.token_counts(window.inputs)
        result.tokens += int(lengths.sum())
        result.too_long += int((lengths > max_tokens).sum())
        result.longest = max(result.longest, int(lengths.max(initial=0)))
        bins.update(np.searchsorted(HISTOGRAM_EDGES, lengths).tolist())
        sample.add(window)
    result.histogram = histogram(bins, HISTOGRAM_EDGES)
    result.seconds = _seconds(encoder, sample.items(), result.tokens)
    result.vector_bytes = result.rows * encoder.dim * 4
    return result


def histogram(bins: Counter[int], edges: tuple[int, ...]) -> dict[int | None, int]:
    """Counts by upper bound, without empty bins; the last bound is None."""
    return {edge: bins[i] for i, edge in enumerate((*edges, None)) if bins[i]}


def _seconds(encoder: Measurable, sample: list[str], tokens: int) -> float:
    if not sample:
        return 0.0
    # The first call pays for kernels that are made once.
    list(encoder.encode_windows([sample[:16]]))
    start = time.perf_counter()
    list(encoder.encode_windows([sample]))
    elapsed = time.perf_counter() - start
    return elapsed * tokens / max(1, int(encoder.token_counts(sample).sum()))
