"""The tables on how well points are found again, for pages and terminals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from posixpath import commonprefix

from embedsvc.pairs.pairs_evaluation import Figures, PairsEvaluation
from embedsvc.report.numbers import format_measure

_BETWEEN = " - "  # the two pictures in the name of a packed pair


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure as it is shown, its value, and whether it is the best of its kind."""

    text: str
    value: float
    is_best: bool


@dataclass(frozen=True, slots=True)
class PairRow:
    """A pair, what its points were, and the accuracy of some describers on it."""

    name: str
    sequence: str
    n_measured: int
    cells: list[Cell]


def ranked(evaluation: PairsEvaluation) -> list[str]:
    """The describers, that of the highest mean accuracy first."""
    limit = evaluation.main_threshold
    return sorted(evaluation.models, key=lambda one: -evaluation.mean(one).accuracy[limit])


def means_table(evaluation: PairsEvaluation) -> tuple[list[str], list[tuple[str, list[Cell]]]]:
    """The names of the columns, and for each describer, the best first, its mean figures."""
    models = ranked(evaluation)
    means = [evaluation.mean(model) for model in models]
    columns = [_accuracies(means, limit) for limit in evaluation.thresholds]
    columns.append(_column(means, lambda one: one.ap))
    columns.append(_column(means, lambda one: one.ms, text=format_ms, best=min))
    head = [*(f"{limit:g} px" for limit in evaluation.thresholds), "AP", "ms an image"]
    by_model = [list(cells) for cells in zip(*columns, strict=True)]
    return head, list(zip(models, by_model, strict=True))


def sequence_cells(
    evaluation: PairsEvaluation, models: Sequence[str], sequence: str | None
) -> list[Cell]:
    """The mean accuracy of each describer on a sequence, or over all, at the main threshold."""
    limit = evaluation.main_threshold
    means = [evaluation.mean(model, sequence) for model in models]
    return _accuracies(means, limit)


def worst_pairs(
    evaluation: PairsEvaluation, models: Sequence[str], *, most: int = 10
) -> list[PairRow]:
    """The pairs on which the first of some describers finds least, beside the others there."""
    limit = evaluation.main_threshold
    by_model = [evaluation.of(model) for model in models]
    names = short_names([row.pair for row in by_model[0]])
    rows = []
    for name, found in zip(names, zip(*by_model, strict=True), strict=True):
        cells = _accuracies([row.figures for row in found], limit)
        rows.append(PairRow(name, found[0].sequence, found[0].n_measured, cells))
    return sorted(rows, key=lambda row: row.cells[0].value)[:most]


def short_names(names: Sequence[str]) -> list[str]:
    """Names of pairs without the folder that all pictures are in.

    Example:
        >>> short_names(["/data/graf/1.png - /data/graf/2.png", "/data/bark/1.png - /data/x.png"])
        ['graf/1.png - graf/2.png', 'bark/1.png - x.png']
    """
    halves = [name.split(_BETWEEN) for name in names]
    shared = commonprefix([half for pair in halves for half in pair])
    n = shared.rfind("/") + 1
    return [_BETWEEN.join(half[n:] for half in pair) for pair in halves]


def format_ms(value: float) -> str:
    """Milliseconds without more digits than can be repeated."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _accuracies(figures: Sequence[Figures], limit: float) -> list[Cell]:
    return _column(figures, lambda one: one.accuracy[limit])


def _column(
    figures: Sequence[Figures],
    value: Callable[[Figures], float],
    *,
    text: Callable[[float], str] = format_measure,
    best: Callable[[list[float]], float] = max,
) -> list[Cell]:
    """A figure of each describer; all that are shown alike are the best together."""
    values = [value(one) for one in figures]
    leader = text(best(values))
    return [Cell(text(one), one, len(values) > 1 and text(one) == leader) for one in values]
