"""What a run will be like, before it is run."""

from __future__ import annotations

import gzip
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from embedsvc.extract.rows import Reject
from embedsvc.extract.sources import Sources
from embedsvc.extract.windows import cut_windows

_CHUNK = 1 << 20
_SAMPLE_SIZE = 256
HISTOGRAM_EDGES = (8, 16, 32, 64, 128, 256, 512)


class Measurable(Protocol):
    """What a dry run needs of an encoder."""

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
        rows: texts that would be encoded.
        rejects: how many defects there are.
        examples: the first few of them.
        tokens: tokens of all texts.
        too_long: texts longer than the model takes.
        longest: tokens of the longest text.
        histogram: texts by token length, upper bound to count; the last bound is None.
        seconds: expected time to encode, from a sample of these very texts.
        vector_bytes: size of the vectors as float32.
    """

    rows: int = 0
    rejects: int = 0
    examples: list[Reject] = field(default_factory=list)
    tokens: int = 0
    too_long: int = 0
    longest: int = 0
    histogram: dict[int | None, int] = field(default_factory=dict)
    seconds: float = 0.0
    vector_bytes: int = 0


def dry_run(sources: Sources, encoder: Measurable, *, unique_ids: bool) -> DryRun:
    """Read and tokenize everything and encode a sample, but write nothing."""
    result = DryRun()
    max_tokens = encoder.describe()["max_tokens"]
    bins: Counter[int] = Counter()
    sample: list[str] = []
    stride = 1
    for window in cut_windows(sources.rows(), unique_ids=unique_ids):
        result.rejects += len(window.rejects)
        result.examples += window.rejects[: 5 - len(result.examples)]
        lengths = encoder.token_counts(window.texts)
        result.rows += len(lengths)
        result.tokens += int(lengths.sum())
        result.too_long += int((lengths > max_tokens).sum())
        result.longest = max(result.longest, int(lengths.max(initial=0)))
        bins.update(np.searchsorted(HISTOGRAM_EDGES, lengths).tolist())
        # From everywhere, so that a sorted file does not mislead, but never more than fits.
        if window.index % stride == 0:
            sample += islice(window.texts, 0, None, max(1, len(window.texts) // 16))
        if len(sample) >= 16 * _SAMPLE_SIZE:
            sample, stride = sample[::2], stride * 2
    edges = (*HISTOGRAM_EDGES, None)
    result.histogram = {edge: bins[i] for i, edge in enumerate(edges) if bins[i]}
    step = max(1, len(sample) // _SAMPLE_SIZE)
    result.seconds = _seconds(encoder, sample[::step], result.tokens)
    result.vector_bytes = result.rows * encoder.dim * 4
    return result


def estimate_rows(sources: Sources) -> int | None:
    """About how many rows there are, for a progress bar; None where that is not known.

    Lines are counted, so a quoted line break counts as a row.
    """
    if sources.from_stdin:
        return None
    try:
        return sum(map(_count_rows, sources.files))
    except (OSError, EOFError, zlib.error, pa.ArrowException):
        # A broken file gets its own message when it is read.
        return None


def _count_rows(path: Path) -> int:
    name = path.name.lower()
    if name.endswith(".parquet"):
        return int(pq.read_metadata(path).num_rows)
    header = 1 if name.removesuffix(".gz").endswith((".csv", ".tsv")) else 0
    with gzip.open(path) if name.endswith(".gz") else path.open("rb") as file:
        lines, last = 0, b"\n"
        while chunk := file.read(_CHUNK):
            lines, last = lines + chunk.count(b"\n"), chunk[-1:]
    return max(0, lines + (last != b"\n") - header)


def _seconds(encoder: Measurable, sample: list[str], tokens: int) -> float:
    if not sample:
        return 0.0
    # The first call pays for kernels that are made once.
    list(encoder.encode_windows([sample[:16]]))
    start = time.perf_counter()
    list(encoder.encode_windows([sample]))
    elapsed = time.perf_counter() - start
    return elapsed * tokens / max(1, int(encoder.token_counts(sample).sum()))
