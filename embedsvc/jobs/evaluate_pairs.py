"""`pairs evaluate`: packed pairs, measured with several describers, to a folder of figures.

OUTPUT/
  metrics.json   all figures, for programs
  pairs.csv      a row a pair and model
  report.html    the same to look at

OUTPUT appears as a whole, by one rename.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from embedsvc import __version__
from embedsvc.errors import InputError
from embedsvc.files import atomic_write
from embedsvc.pairs.measuring import evaluate as evaluate
from embedsvc.pairs.packed import PackedPairs
from embedsvc.pairs.pair import MatchedPair
from embedsvc.pairs.pairs_evaluation import PairsEvaluation as PairsEvaluation
from embedsvc.report.page import PAGE_NAME
from embedsvc.report.pairs_report import PairsReport, write_pairs_report
from embedsvc.store.places import write_folder

METRICS, ROWS = "metrics.json", "pairs.csv"
NAMES = (METRICS, ROWS, PAGE_NAME)
WHAT = "pairs-evaluation"


def chosen_sequences(about: PackedPairs, names: Collection[str] | None) -> dict[str, int]:
    """How many pairs each wanted sequence has.

    Args:
        about: what is packed.
        names: of the sequences; None for all.

    Raises:
        InputError: there is no such sequence.
    """
    if names is None:
        return about.sequences
    unknown = [name for name in names if name not in about.sequences]
    if unknown or not names:
        known = ", ".join(list(about.sequences)[:20])
        more = f" and {len(about.sequences) - 20:,} more" if len(about.sequences) > 20 else ""
        got = repr(unknown[0]) if unknown else "none"
        raise InputError(f"Expected sequences of {about.folder}, got {got}. It has {known}{more}.")
    return {name: n for name, n in about.sequences.items() if name in names}


def pairs_of(about: PackedPairs, sequences: Collection[str]) -> Iterator[MatchedPair]:
    """The packed pairs of some sequences, one at a time.

    Raises:
        ArtifactError: a record is damaged.
    """
    # TensorFlow reads the records.
    from embedsvc.pairs.records import read_pairs

    return (pair for pair in read_pairs(about.folder) if pair.sequence in sequences)


def write_evaluation(
    report: PairsReport, output: Path, *, about: Mapping[str, Any], overwrite: bool
) -> None:
    """Write a folder of figures and their page.

    Args:
        report: the page.
        output: the folder; new or empty, or an evaluation that may be replaced.
        about: what else `metrics.json` says first.
        overwrite: whether an evaluation may be replaced.

    Raises:
        OutputError: the folder is in use or cannot be written.
    """

    def write(folder: Path) -> None:
        figures = {"what": WHAT, "embedsvc": __version__, **about, **report.evaluation.to_json()}
        text = json.dumps(figures, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        for name, content in ((METRICS, text), (ROWS, rows_csv(report.evaluation))):
            with atomic_write(folder / name) as file:
                file.write(content.encode("utf-8", "replace"))
        write_pairs_report(report, folder)

    write_folder(output, write, what=WHAT, names=NAMES, overwrite=overwrite)


def rows_csv(evaluation: PairsEvaluation) -> str:
    """A row a pair and model, with a header."""
    rows = list(evaluation.table())
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
