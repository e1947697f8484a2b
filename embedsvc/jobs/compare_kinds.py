"""Which detectors can be compared, by name, and what a comparison is asked to do."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from embedsvc.errors import InputError

if TYPE_CHECKING:
    from embedsvc.detectors.base import AnomalyDetector

KINDS = ("hog", "ocsvm", "gaussian", "patchcore", "autoencoder", "regressor")
BASELINE = "hog"
SUPERVISED = "regressor"
LIGHTINGS = ("keep", "normalize", "both")
FEWEST_LABELLED = 5
"""Labelled anomalies that a supervised detector needs: one for each part it is checked on."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """One detector under one lighting.

    Attributes:
        kind: one of `KINDS`.
        lighting: "keep" or "normalize".
        name: how the table calls it.
    """

    kind: str
    lighting: str
    name: str

    @property
    def file_name(self) -> str:
        """How its files begin; it does not depend on what else is compared."""
        return f"{self.kind}-{self.lighting}"


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """What is compared, and how.

    Attributes:
        kinds: of detectors, out of `KINDS`; None takes all that the labels allow.
        size: height and width that images are brought to; None leaves it to each detector.
        resize: "stretch", "fit" or "crop", see `Preparation`.
        lighting: "keep", "normalize", or "both" for every detector with and without.
        n_labelled: so many test anomalies are given to the supervised detector to learn from, and
            are left out of the test of all.
        false_alarm_rate: the share of normal images that may be reported; None for 0.05.
        on_error: "skip" leaves unusable images out, "error" refuses them.
        seed: of everything that is drawn.
        overwrite: replace what another comparison left in the output folder.

    Raises:
        InputError: a value is not one of these.
    """

    kinds: tuple[str, ...] | None = None
    size: int | tuple[int, int] | None = None
    resize: str = "stretch"
    lighting: str = "keep"
    n_labelled: int = 0
    false_alarm_rate: float | None = None
    on_error: str = "error"
    seed: int = 0
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.kinds is not None:
            check_kinds(self.kinds)
        for name, value, allowed in (
            ("resize", self.resize, ("stretch", "fit", "crop")),
            ("lighting", self.lighting, LIGHTINGS),
            ("on_error", self.on_error, ("error", "skip")),
        ):
            if value not in allowed:
                raise InputError(
                    f"Expected {name} to be one of {', '.join(allowed)}, got {value!r}."
                )
        if self.n_labelled < 0 or self.seed < 0:
            raise InputError(
                f"Expected n_labelled and seed to be at least 0, got {self.n_labelled} and "
                f"{self.seed}."
            )
        if self.false_alarm_rate is not None and not 0 < self.false_alarm_rate < 1:
            raise InputError(
                "Expected a false_alarm_rate of more than 0 and less than 1, got "
                f"{self.false_alarm_rate}. Write 5 % as 0.05."
            )

    def contestants(self, kinds: Sequence[str]) -> tuple[Contestant, ...]:
        """Each kind under each lighting, the baseline first."""
        both = self.lighting == "both"
        lightings = ("keep", "normalize") if both else (self.lighting,)
        return tuple(
            Contestant(
                kind,
                lighting,
                f"{kind}, gain-normalized" if both and lighting == "normalize" else kind,
            )
            for kind in KINDS
            if kind in kinds
            for lighting in lightings
        )


def check_kinds(kinds: Sequence[str]) -> None:
    """Raise InputError unless there are kinds, all of them known."""
    if not kinds:
        raise InputError(f"Expected detectors to compare, got none. Choose of {', '.join(KINDS)}.")
    for kind in kinds:
        if kind not in KINDS:
            close = difflib.get_close_matches(kind, KINDS, n=1)
            hint = f"Did you mean {close[0]!r}? " if close else ""
            raise InputError(
                f"Expected detectors out of {', '.join(KINDS)}, got {kind!r}. {hint}"
                "Write several as ocsvm,gaussian."
            )


def make_detector(contestant: Contestant, options: CompareOptions) -> AnomalyDetector:
    """A detector that has learned nothing yet; this is where TensorFlow is imported.

    Raises:
        InputError: a setting that this detector refuses.
    """
    from embedsvc.detectors.registry import make_detector as make

    settings: dict[str, Any] = {
        "resize": options.resize,
        "lighting": contestant.lighting,
        "false_alarm_rate": options.false_alarm_rate,
        "seed": options.seed,
    }
    if options.size is not None:
        settings["size"] = options.size
    return make(contestant.kind, **settings)
