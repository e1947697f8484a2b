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
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from embedsvc import __version__
from embedsvc.errors import ArtifactError, InputError
from embedsvc.extract.rows import printable
from embedsvc.files import atomic_write, read_json
from embedsvc.jobs.describers import find_describer
from embedsvc.jobs.output_folder import check_output_folder
from embedsvc.pairs.baselines import BASELINES
from embedsvc.pairs.measuring import evaluate as evaluate
from embedsvc.pairs.packed import PackedPairs
from embedsvc.pairs.pair import Describer, MatchedPair
from embedsvc.pairs.pairs_evaluation import PairsEvaluation as PairsEvaluation
from embedsvc.report.page import PAGE_NAME
from embedsvc.report.pairs_report import PairsReport, write_pairs_report
from embedsvc.store.places import write_folder

METRICS, ROWS = "metrics.json", "pairs.csv"
NAMES = (METRICS, ROWS, PAGE_NAME)
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


def choose_describers(
    models: Sequence[str], untrained: str | None, baselines: Sequence[str]
) -> dict[str, Callable[[], Describer]]:
    """What is measured, in the order it was named, each once; nothing is loaded yet.

    Args:
        models: whatever `find_describer` takes.
        untrained: another one of these, to compare with; None for none.
        baselines: names of `BASELINES`.

    Returns:
        By name a function that loads it.

    Raises:
        InputError: there is no such thing, or nothing at all.
        ArtifactError: a folder holds no saved model.
    """
    for name in baselines:
        if name not in BASELINES:
            raise InputError(
                f"Expected baselines out of {', '.join(BASELINES)}, or none, got "
                f"{printable(name)!r}. Separate them by commas."
            )
    named = [*models, *([] if untrained is None else [untrained]), *baselines]
    if not named:
        raise InputError("Expected something to measure, got nothing. Name a --model.")
    return {_key(name): find_describer(name) for name in dict.fromkeys(named)}


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


def report_on(
    evaluation: PairsEvaluation, about: PackedPairs, *, untrained: str | None
) -> PairsReport:
    """What the page says of an evaluation; it is about the first model.

    Args:
        evaluation: all figures.
        about: what was measured on.
        untrained: as `choose_describers` had it.
    """
    settings = {
        "Pairs": str(about.folder),
        "Sequences": ", ".join(evaluation.sequences),
        "Points of a pair": f"at most {evaluation.max_points:,}",
        "Seed": str(evaluation.seed),
    }
    return PairsReport(
        title=about.folder.resolve().name,
        evaluation=evaluation,
        main=evaluation.models[0],
        untrained=None if untrained is None else _key(untrained),
        settings=settings,
    )


def write_evaluation(
    report: PairsReport, output: Path, *, data: Path, overwrite: bool = False
) -> None:
    """Write a folder of figures and their page.

    Args:
        report: the page.
        output: the folder; new or empty, or an evaluation that may be replaced.
        data: what was measured on, for `metrics.json`.
        overwrite: whether an evaluation may be replaced.

    Raises:
        OutputError: the folder is in use or cannot be written.
    """

    def write(folder: Path) -> None:
        about = {"what": WHAT, "embedsvc": __version__, "data": str(data)}
        figures = {**about, **report.evaluation.to_json()}
        text = json.dumps(figures, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        for name, content in ((METRICS, text), (ROWS, rows_csv(report.evaluation))):
            with atomic_write(folder / name) as file:
                file.write(content.encode("utf-8", "replace"))
        write_pairs_report(report, folder)

    write_folder(output, write, what=WHAT, names=NAMES, overwrite=overwrite)


def _key(name: str) -> str:
    """What a model is called in the result: a folder without the slash that shells add."""
    return name.rstrip("/") or name


def _is_evaluation(folder: Path) -> bool:
    try:
        return read_json(folder / METRICS, max_bytes=_MOST_BYTES).get("what") == WHAT
    except ArtifactError:
        return False


def rows_csv(evaluation: PairsEvaluation) -> str:
    """A row a pair and model, with a header."""
    rows = list(evaluation.table())
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
