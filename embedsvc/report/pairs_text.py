"""How well points are found again, as aligned text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from embedsvc.pairs.pairs_evaluation import PairsEvaluation
from embedsvc.report.numbers import plural
from embedsvc.report.pairs_tables import Cell, means_table, ranked, sequence_cells
from embedsvc.report.shown_text import shown_label

_MOST_SEQUENCES = 6  # columns beside each other in a terminal
_MOST_CHARS = 14


def format_means(evaluation: PairsEvaluation) -> str:
    """The means of all describers, the best first, and those of each sequence.

    A star follows the best figure of a column. Of many sequences the first few are shown.

    Example:
        >>> print(format_means(evaluation))  # doctest: +SKIP
        mean of 2 sequences    1 px    3 px    5 px   10 px      AP  ms an image
        upright-rootsift     0.683*  0.741*  0.754*  0.770*  0.722*          210
        raw                  0.540   0.541   0.542   0.543   0.527            28*
    """
    head, rows = means_table(evaluation)
    n = plural(evaluation.n_pairs, "pair")
    sequences = evaluation.sequences
    whole = f"mean of {len(sequences)} sequences" if len(sequences) > 1 else f"mean of {n}"
    tables = [_aligned([whole, *head], rows)]
    if len(sequences) > 1:
        shown = list(sequences)[:_MOST_SEQUENCES]
        names = [f"{shown_label(one, _MOST_CHARS)} ({sequences[one]})" for one in shown]
        models = ranked(evaluation)
        columns = [sequence_cells(evaluation, models, one) for one in shown]
        title = f"within {evaluation.main_threshold:g} px"
        by_model = list(zip(models, zip(*columns, strict=True), strict=True))
        tables.append(_aligned([title, *names], by_model))
        more = len(sequences) - len(shown)
        if more:
            tables[-1] += f"\nand {plural(more, 'sequence')} more"
    return "\n\n".join(tables)


def _aligned(head: Sequence[str], rows: Sequence[tuple[str, Sequence[Cell]]]) -> str:
    lines = [[head[0], *(f"{name} " for name in head[1:])]]
    for model, cells in rows:
        lines.append([model, *(f"{cell.text}{'*' if cell.is_best else ' '}" for cell in cells)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
        for line in lines
    )
