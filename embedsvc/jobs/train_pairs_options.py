"""How a descriptor is trained: settings that are checked before TensorFlow is loaded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from embedsvc.errors import InputError
from embedsvc.jobs.training_checks import (
    check_continuing,
    check_known_settings,
    check_on_error,
)
from embedsvc.nets.penalty_names import penalty_factors
from embedsvc.pairs.views import Views

BACKBONES = ("efficientnet-lite0", "small")
LOSSES = ("infonce", "triplet", "contrastive")
# How strongly the views of a pair differ, and how a picture is looked at afterwards.
WARPS = ("rotation", "scale", "perspective")
CROPS = ("crop", "points", *WARPS)
VIEWS = ("rotations", "scales")
# What is not named above is a setting of PointDescriptor, under its own name.
SETTINGS = (
    "backbone",
    "dim",
    "loss",
    "temperature",
    "margin",
    "safe_radius",
    "epochs",
    "steps_per_epoch",
    "batch_size",
    *CROPS,
    "learning_rate",
    "backbone_rate",
    "start_pairs",
    "activity_penalties",
    *VIEWS,
    "seed",
)
_STRIDE, _CROPS = 32, (64, 1024)


@dataclass(frozen=True)
class PairTrainOptions:
    """How a descriptor is trained.

    Attributes:
        settings: out of `SETTINGS` and as JSON values; what is not named is as `PointDescriptor`
            has it. "crop" is the side of a crop, "points" how many it has, "rotation", "scale" and
            "perspective" how its views differ, "rotations" and "scales" those of `Views`.
        validation: share of the sequences that choose the best epoch; 0 holds none out.
        resume: whether there has to be something to continue.
        overwrite: replace a descriptor of another run, and forget checkpoints of one.
        on_error: "error" stops at the first picture that cannot be used, "skip" leaves it out.

    Raises:
        InputError: a setting that cannot be used.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    validation: float = 0.2
    resume: bool = False
    overwrite: bool = False
    on_error: str = "error"

    def __post_init__(self) -> None:
        """Check what needs neither a file nor TensorFlow; `PointDescriptor` checks the rest."""
        check_on_error(self.on_error)
        if not 0 <= self.validation < 1:
            raise InputError(
                f"Expected --validation from 0 to below 1, got {self.validation:g}. It is the "
                "share of the sequences that choose the best epoch; 0 holds none out."
            )
        check_continuing(resume=self.resume, overwrite=self.overwrite)
        self._check_settings()

    def _check_settings(self) -> None:
        check_known_settings(
            self.settings,
            SETTINGS,
            functions="Functions as losses and penalties work with embedsvc.PointDescriptor.",
        )
        backbone = self.settings.get("backbone", BACKBONES[0])
        if backbone not in BACKBONES:
            raise InputError(
                f"Expected --backbone to be one of {', '.join(BACKBONES)}, got {backbone!r}."
            )
        for text in (self.settings.get("activity_penalties") or {}).values():
            penalty_factors(text)
        self._check_loss()
        self._check_crop()
        views = {name: tuple(self.settings[name]) for name in VIEWS if name in self.settings}
        Views(**views)

    def _check_loss(self) -> None:
        """Refuse what the loss would pass over."""
        loss = self.settings.get("loss", LOSSES[0])
        if loss not in LOSSES:
            raise InputError(f"Expected --loss to be one of {', '.join(LOSSES)}, got {loss!r}.")
        for name, fitting in (("temperature", LOSSES[:1]), ("margin", LOSSES[1:])):
            if name in self.settings and loss not in fitting:
                raise InputError(
                    f"Expected --{name} with the loss {' or '.join(fitting)}, got it with {loss}. "
                    f"Add --loss {fitting[0]}, or leave it out."
                )

    def _check_crop(self) -> None:
        low, high = _CROPS
        side = self.settings.get("crop", low)
        if side % _STRIDE or not low <= side <= high:
            below = max(low, min(high, side // _STRIDE * _STRIDE))
            raise InputError(
                f"Expected --crop to be a multiple of {_STRIDE} from {low} to {high:,}, got "
                f"{side}. Take {below}, for example."
            )


def parse_numbers(text: str, *, option: str, example: str) -> list[float]:
    """Numbers separated by commas.

    Args:
        text: such as "-30,0,30".
        option: what they were given for.
        example: for the message.

    Raises:
        InputError: something else, or none.
    """
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if not values or not all(map(math.isfinite, values)):
        raise InputError(
            f"Expected numbers separated by commas for {option}, such as {example}, got {text!r}."
        )
    return values
