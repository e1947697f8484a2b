"""`pairs evaluate`: which packed pairs are measured, with which describers, and what is said of it.

names -> describers \
                         evaluate -> PairsEvaluation -> report_on -> evaluate_pairs_output
folder -> pairs     /
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from embedsvc.errors import InputError
from embedsvc.extract.rows import printable
from embedsvc.jobs.describers import find_describer
from embedsvc.pairs.baselines import BASELINES
from embedsvc.pairs.measuring import evaluate as evaluate
from embedsvc.pairs.packed import PackedPairs
from embedsvc.pairs.pair import Describer, MatchedPair
from embedsvc.pairs.pairs_evaluation import PairsEvaluation
from embedsvc.report.pairs_data import PairsReport

_SHOWN = 20  # sequences that a message names


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
        known = ", ".join(list(about.sequences)[:_SHOWN])
        more = f" and {n - _SHOWN:,} more" if (n := len(about.sequences)) > _SHOWN else ""
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


def _key(name: str) -> str:
    """What a model is called in the result: a folder without the slash that shells add."""
    return name.rstrip("/") or name
