"""Compute the windows that no earlier run has done."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from embedsvc.errors import InputError, ResumeError
from embedsvc.extract.journal import Journal, Part
from embedsvc.extract.kinds import Inputs
from embedsvc.extract.pairing import paired
from embedsvc.extract.rejects import defect
from embedsvc.extract.windows import Window, windows_of

ON_ERROR = ("error", "skip")


class Outcome(Protocol):
    """What came of one window."""

    @property
    def failures(self) -> Mapping[int, str]:
        """What is wrong with the inputs that came to nothing, by their number in the window."""
        ...


Result = TypeVar("Result", bound=Outcome)


@dataclass(frozen=True)
class MissingOptions:
    """What to do with defects and with other people's parts.

    Attributes:
        on_error: "error" stops at the first defect, "skip" leaves it out.
        overwrite: drop parts of another input instead of refusing them.
    """

    on_error: str
    overwrite: bool


def compute_missing(
    inputs: Inputs,
    compute: Callable[[Iterator[list[Any]]], Iterator[Result]],
    journal: Journal[Any] | None,
    options: MissingOptions,
    advance: Callable[[int], None],
) -> Generator[tuple[Window, Result], None, None]:
    """Windows that are still to do, each with what was computed of it.

    A defect stops the reading, not the computing: what was read before it is yielded first.

    Args:
        inputs: what is read.
        compute: called once, with the inputs of one window after the other; gives a result a
            window, in order, and may read some windows ahead. What it cannot use it reports as
            `failures`, and goes on.
        journal: what is done; None for nothing.
        options: what to do with defects and other parts.
        advance: called with the number of rows of each window that an earlier run has done.

    Yields:
        A window and its result. Failures are defects of the window then, and no longer among its
        `rows`, so that these are in step with what the result tells of each.

    Raises:
        InputError: a defect, unless they are skipped.
        ResumeError: the input is not the one the earlier parts were made of.
    """
    stopped: list[InputError] = []

    def readable() -> Iterator[Window]:
        try:
            for window in _missing(inputs, journal, options, advance):
                if window.rejects and options.on_error == "error":
                    raise defect(window.rejects[0])
                yield window
        except InputError as err:
            stopped.append(err)

    work = paired(readable(), lambda windows: compute(one.inputs for one in windows))
    with closing(work) as results:
        for window, result in results:
            left = window.without(result.failures) if result.failures else window
            if left.rejects and options.on_error == "error":
                raise defect(left.rejects[0])
            yield left, result
    if stopped:
        raise stopped[0]


def _missing(
    inputs: Inputs,
    journal: Journal[Any] | None,
    options: MissingOptions,
    advance: Callable[[int], None],
) -> Iterator[Window]:
    """Windows no part stands for."""
    earlier: deque[Part] = deque(journal.records if journal else ())
    for window in windows_of(inputs):
        if journal and earlier:
            record = earlier.popleft()
            if window.digest == record.digest:
                _check_defects(window, record, inputs, options)
                advance(record.rows)
                continue
            where = f"rows near {window.items[0].where} have changed"
            _drop_others(journal, window.index, where, options)
            earlier.clear()
        yield window
    if journal and earlier:
        n_same = len(journal.records) - len(earlier)
        _drop_others(journal, n_same, "it has fewer rows now", options)


def _drop_others(journal: Journal[Any], n_same: int, changed: str, options: MissingOptions) -> None:
    if not options.overwrite:
        raise ResumeError(
            f"Expected the input that left {journal.folder}, but {changed}. "
            "Restore the input to continue, or add --overwrite to start again."
        )
    journal.cut(n_same)


def _check_defects(window: Window, record: Part, inputs: Inputs, options: MissingOptions) -> None:
    """An earlier run may have skipped what this one must not."""
    if options.on_error == "skip" or not record.rejects:
        return
    if window.rejects:
        raise defect(window.rejects[0])
    raise InputError(
        f"Expected no defects, but the run before skipped {record.rejects} {inputs.kind.failing} "
        f"near {window.items[0].where}. Add --on-error skip, as before, to continue."
    )
