"""What the page on a descriptor of points is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from embedsvc.nets.training_state import EpochRecord
from embedsvc.pairs.pairs_evaluation import PairsEvaluation


@dataclass(frozen=True, eq=False)
class PairsReport:
    """All that the page shows.

    Attributes:
        title: what was measured on, or what was learned from.
        evaluation: all figures.
        main: which of `evaluation.models` the page is about.
        untrained: which of them has a network that was not trained on pairs; None where none was
            measured.
        baselines: those that have learned nothing at all; None takes the names of `BASELINES`.
        history: one record an epoch; empty where nothing was trained here.
        best_epoch: whose weights were kept; 0 is the state before the first.
        settings: name to value, in the order shown.
        notes: what was chosen or done on its own.
        match_picture: PNG of the matches before and after; None for none.
        match_caption: what that picture shows, in words.
    """

    title: str
    evaluation: PairsEvaluation
    main: str
    untrained: str | None = None
    baselines: Sequence[str] | None = None
    history: Sequence[EpochRecord] = ()
    best_epoch: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    match_picture: bytes | None = None
    match_caption: str = ""
