"""What training brought: the descriptor beside what it began with, and what has learned nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from embedsvc.images.decode import decode_image
from embedsvc.jobs.train_pairs_model import untrained_features
from embedsvc.jobs.train_pairs_plan import PairTrainPlan
from embedsvc.jobs.train_pairs_result import TRAINED
from embedsvc.pairs.baselines import BASELINES
from embedsvc.pairs.matching import match_points
from embedsvc.pairs.measuring import MAX_POINTS, drawn_points, evaluate
from embedsvc.pairs.pair import Describer, MatchedPair
from embedsvc.pairs.pairs_evaluation import PairsEvaluation
from embedsvc.pairs.point_descriptor import PointDescriptor
from embedsvc.pairs.records import read_pairs
from embedsvc.progress import progress_bar
from embedsvc.report.match_picture import Check, MatchRow, write_match_picture
from embedsvc.report.pairs_tables import short_names
from embedsvc.report.shown_text import shown_label

WITHIN = 5
"""Pixels within which a match is right."""

_TRUTH = Check(f"right, within {WITHIN} px", "wrong", f"none right, within {WITHIN} px")


@dataclass(frozen=True)
class Measured:
    """What was measured.

    Attributes:
        evaluation: all figures, by `TRAINED`, the backbone, and the names of `BASELINES`.
        untrained: what the descriptor began with.
        pair: the one whose gain by training is the median, with the points that were measured.
    """

    evaluation: PairsEvaluation
    untrained: Describer
    pair: MatchedPair


def measure_training(
    plan: PairTrainPlan,
    descriptor: PointDescriptor,
    validation: Sequence[MatchedPair],
    *,
    show_progress: bool = False,
) -> Measured | None:
    """Measure on the test pairs; without any, on those that chose the epoch.

    Args:
        plan: the training.
        descriptor: trained.
        validation: the pairs that chose the epoch.
        show_progress: whether a progress bar is drawn on stderr.

    Returns:
        None where there is nothing to measure on.

    Raises:
        EmbedsvcError: as `evaluate` and `read_pairs`.
    """
    test = plan.test
    if test is None and not validation:
        return None
    return compare(
        (lambda: validation) if test is None else (lambda: read_pairs(test.folder)),
        descriptor,
        untrained_features(descriptor.backbone, seed=descriptor.seed),
        network=descriptor.backbone,
        n_pairs=len(validation) if test is None else test.n_pairs,
        show_progress=show_progress,
    )


def compare(
    pairs: Callable[[], Iterable[MatchedPair]],
    trained: Describer,
    untrained: Describer,
    *,
    network: str,
    n_pairs: int,
    show_progress: bool = False,
) -> Measured:
    """Measure a describer beside what it began with and the baselines.

    Args:
        pairs: gives them, the same ones each time.
        trained: the descriptor.
        untrained: what it began with.
        network: what that is called.
        n_pairs: how many pairs there are.
        show_progress: whether a progress bar is drawn on stderr.

    Raises:
        EmbedsvcError: as `evaluate`.
    """
    describers = {TRAINED: trained, network: untrained}
    describers |= {name: make() for name, make in BASELINES.items()}
    total = n_pairs * len(describers)
    with progress_bar("Measuring", total=total, unit="times", show=show_progress) as advance:
        evaluation = evaluate(pairs(), describers, advance=advance)
    at = evaluation.median_gain(TRAINED, network)
    pair = next(islice(pairs(), at, None))
    return Measured(evaluation, untrained, drawn_points(pair, MAX_POINTS, seed=evaluation.seed))


def draw_before_and_after(measured: Measured, trained: Describer, path: Path) -> str:
    """Draw the matches of a pair before and after training.

    Each point of the first picture is matched as it is measured: with the most similar one of the
    second. Where that lies near the true place, the match is right.

    Args:
        measured: the pair, and what describes it before.
        trained: the descriptor.
        path: of the picture.

    Returns:
        What it shows, in words.

    Raises:
        OutputError: it cannot be written.
    """
    pair, untrained = measured.pair, measured.untrained
    images = decode_image(pair.image_a), decode_image(pair.image_b)
    rows = []
    for title, describer in ((f"Before: {untrained.name}", untrained), ("After training", trained)):
        vectors = (
            describer.describe(images[0], pair.points_a),
            describer.describe(images[1], pair.points_b),
        )
        found = match_points(*vectors, mutual=False)
        matched = pair.points_b[found.rows_b]
        right = np.hypot(*(matched - pair.points_b[found.rows_a]).T) <= WITHIN
        rows.append(MatchRow(title, pair.points_a[found.rows_a], matched, right, _TRUTH))
    write_match_picture(*images, rows, path)
    names = [row.pair for row in measured.evaluation.of(measured.evaluation.models[0])]
    name = dict(zip(names, short_names(names), strict=True))[pair.name]
    return (
        f"Of {shown_label(name)}: each point of the first picture with that point of the "
        "second one which is most like it. By training, this pair gained as much as half of all "
        "pairs."
    )
