"""From rows to windows with their vectors, leaving out what an earlier run has done."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from embedsvc.errors import InputError, ResumeError
from embedsvc.extract.journal import Journal
from embedsvc.extract.parts import Encoded, PartRecord
from embedsvc.extract.rejects import defect
from embedsvc.extract.sources import Sources
from embedsvc.extract.windows import Window, cut_windows

ON_ERROR = ("error", "skip")


class Encoder(Protocol):
    """What `extract` needs of an encoder."""

    @property
    def dim(self) -> int:
        """Components of a vector."""
        ...

    def describe(self) -> dict[str, Any]:
        """What the vectors depend on."""
        ...

    def encode_windows(
        self, windows: Iterable[list[str]], *, advance: Callable[[int], None] = ...
    ) -> Iterator[Encoded]:
        """Encode windows of items, in order."""
        ...


@dataclass(frozen=True)
class EncodeOptions:
    """What is encoded, and what is a defect.

    Attributes:
        unique_ids: whether a repeated id is a defect.
        on_error: "error" stops at the first defect, "skip" leaves it out.
        refuse_long: whether a text longer than the model takes is a defect.
        overwrite: drop parts of another input instead of refusing them.
    """

    unique_ids: bool
    on_error: str
    refuse_long: bool
    overwrite: bool


def encode_missing(
    sources: Sources,
    encoder: Encoder,
    journal: Journal | None,
    options: EncodeOptions,
    advance: Callable[[int], None],
) -> Generator[tuple[Window, Encoded], None, None]:
    """Windows that are still to do, each with its vectors.

    A defect stops the reading, not the encoding: what was read before it is yielded first.

    Args:
        sources: the inputs.
        encoder: turns texts into vectors.
        journal: what is done; None for nothing.
        options: what is encoded.
        advance: called with the number of rows just done, those of an earlier run included.

    Raises:
        InputError: a defect, unless they are skipped.
        ResumeError: the input is not the one the earlier parts were made of.
    """
    waiting: deque[Window] = deque()
    stopped: list[InputError] = []

    def texts() -> Iterator[list[str]]:
        for window in _missing(sources, journal, options, advance):
            if window.rejects and options.on_error == "error":
                stopped.append(defect(window.rejects[0]))
                return
            waiting.append(window)
            yield window.texts

    for encoded in encoder.encode_windows(texts(), advance=advance):
        window = waiting.popleft()
        yield _without_long(window, encoded, options) if options.refuse_long else (window, encoded)
    if stopped:
        raise stopped[0]


def _missing(
    sources: Sources,
    journal: Journal | None,
    options: EncodeOptions,
    advance: Callable[[int], None],
) -> Iterator[Window]:
    """Windows no part stands for."""
    earlier = deque(journal.records if journal else ())
    for window in cut_windows(sources.rows(), unique_ids=options.unique_ids):
        if journal and earlier:
            record = earlier.popleft()
            if window.digest == record.digest:
                _check_defects(window, record, options)
                advance(record.rows)
                continue
            where = f"rows near {window.items[0].where} have changed"
            _drop_others(journal, window.index, where, options)
            earlier.clear()
        yield window
    if journal and earlier:
        n_same = len(journal.records) - len(earlier)
        _drop_others(journal, n_same, "it has fewer rows now", options)


def _drop_others(journal: Journal, n_same: int, changed: str, options: EncodeOptions) -> None:
    if not options.overwrite:
        raise ResumeError(
            f"Expected the input that left {journal.folder}, but {changed}. "
            "Restore the input to continue, or add --overwrite to start again."
        )
    journal.cut(n_same)


def _check_defects(window: Window, record: PartRecord, options: EncodeOptions) -> None:
    """An earlier run may have skipped what this one must not."""
    if options.on_error == "skip" or not record.rejects:
        return
    if window.rejects:
        raise defect(window.rejects[0])
    raise InputError(
        f"Expected no defects, but the run before skipped {record.rejects} texts that are too "
        f"long near {window.items[0].where}. Add --on-error skip, as before, to continue."
    )


@dataclass(frozen=True)
class _Chosen:
    """The encoded rows that are kept."""

    vectors: NDArray[np.float32]
    n_tokens: NDArray[np.int32]
    truncated: NDArray[np.bool_]


def _without_long(
    window: Window, encoded: Encoded, options: EncodeOptions
) -> tuple[Window, Encoded]:
    """Turn rows whose text was truncated into defects."""
    long = np.flatnonzero(encoded.truncated)
    if not long.size:
        return window, encoded
    kept_window = window.without(
        {
            i: f"Expected a text that the model takes whole, got {encoded.n_tokens[i]:,} tokens. "
            "Shorten it, or choose --on-long truncate or split."
            for i in long.tolist()
        }
    )
    if options.on_error == "error":
        raise defect(kept_window.rejects[0])
    keep = ~encoded.truncated
    return kept_window, _Chosen(
        encoded.vectors[keep], encoded.n_tokens[keep], encoded.truncated[keep]
    )
