"""The folder that `pairs evaluate` leaves.

OUTPUT/
  metrics.json   all figures, for programs
  pairs.csv      a row a pair and model
  matches.png    of one pair before and after training; only of a trained descriptor
  report.html    the same to look at

OUTPUT appears as a whole, by one rename.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

from embedsvc import __version__
from embedsvc.errors import ArtifactError
from embedsvc.files import atomic_write, read_json
from embedsvc.jobs.evaluate_pairs import pairs_of
from embedsvc.jobs.output_folder import check_output_folder
from embedsvc.pairs.measuring import drawn_points
from embedsvc.pairs.packed import PackedPairs
from embedsvc.pairs.pair import Describer
from embedsvc.pairs.pairs_evaluation import PairsEvaluation
from embedsvc.report.page import PAGE_NAME
from embedsvc.report.pairs_report import PairsReport, write_pairs_report
from embedsvc.report.pairs_tables import short_names
from embedsvc.store.places import write_folder

METRICS, ROWS, MATCHES = "metrics.json", "pairs.csv", "matches.png"
NAMES = (METRICS, ROWS, MATCHES, PAGE_NAME)
WHAT = "pairs-evaluation"
_MOST_BYTES = 1 << 26


def check_evaluation_output(output: Path, *, overwrite: bool) -> None:
    """Refuse an output that stands, before anything is measured.

    Raises:
        OutputError: it is a file, a folder of something else, or may not be replaced.
    """
    check_output_folder(
        output,
        names=NAMES,
        is_own=_is_evaluation,
        what="an evaluation of pairs",
        overwrite=overwrite,
    )


def matches_of(
    report: PairsReport, about: PackedPairs, describers: Mapping[str, Describer]
) -> Callable[[Path], str] | None:
    """What draws the matches of one pair before and after training.

    Args:
        report: the page.
        about: what was measured on.
        describers: those measured.

    Returns:
        A function that draws into a file and says what it drew; None where the page is not about
        a trained descriptor, or untrained features were not measured.
    """
    evaluation, before = report.evaluation, report.untrained
    if before in (None, report.main) or not Path(report.main).is_dir():
        return None

    def draw(path: Path) -> str:
        # It loads TensorFlow and Matplotlib.
        from embedsvc.jobs.train_pairs_measures import Measured, draw_before_and_after

        at = evaluation.median_gain(report.main, before)
        pair = next(islice(pairs_of(about, evaluation.sequences), at, None))
        drawn = drawn_points(pair, evaluation.max_points, seed=evaluation.seed)
        name = short_names([row.pair for row in evaluation.of(report.main)])[at]
        measured = Measured(evaluation, describers[before], replace(drawn, name=name))
        return draw_before_and_after(measured, describers[report.main], path)

    return draw


def write_evaluation(
    report: PairsReport,
    output: Path,
    *,
    data: Path,
    draw_matches: Callable[[Path], str] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a folder of figures and their page.

    Args:
        report: the page.
        output: the folder; new or empty, or an evaluation that may be replaced.
        data: what was measured on, for `metrics.json`.
        draw_matches: draws matches into a file, and says what it drew; None for no such picture.
        overwrite: whether an evaluation may be replaced.

    Raises:
        OutputError: the folder is in use or cannot be written.
    """

    def write(folder: Path) -> None:
        page, about = report, {"what": WHAT, "embedsvc": __version__, "data": str(data)}
        if draw_matches is not None:
            caption = draw_matches(folder / MATCHES)
            picture = (folder / MATCHES).read_bytes()
            page = replace(report, match_picture=picture, match_caption=caption)
        figures = {**about, **report.evaluation.to_json()}
        text = json.dumps(figures, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        for name, content in ((METRICS, text), (ROWS, rows_csv(report.evaluation))):
            with atomic_write(folder / name) as file:
                file.write(content.encode("utf-8", "replace"))
        write_pairs_report(page, folder)

    write_folder(output, write, what=WHAT, names=NAMES, overwrite=overwrite)


def rows_csv(evaluation: PairsEvaluation) -> str:
    """A row a pair and model, with a header."""
    rows = list(evaluation.table())
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _is_evaluation(folder: Path) -> bool:
    try:
        return read_json(folder / METRICS, max_bytes=_MOST_BYTES).get("what") == WHAT
    except ArtifactError:
        return False
