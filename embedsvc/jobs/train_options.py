"""How a classifier is trained: settings that are checked before TensorFlow is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from embedsvc.errors import InputError
from embedsvc.evaluation import decisions
from embedsvc.jobs.training_checks import (
    check_continuing,
    check_known_settings,
    check_on_error,
)
from embedsvc.nets.penalty_names import penalty_factors

# Of TextClassifier; those of the other constructor's settings that JSON cannot hold are missing.
SETTINGS = (
    "unfreeze",
    "pooling",
    "normalize",
    "max_tokens",
    "hidden",
    "dropout",
    "loss",
    "focal_gamma",
    "activity_penalties",
    "weight_penalty",
    "weight_decay",
    "epochs",
    "batch_size",
    "learning_rate",
    "warmup",
    "clip_norm",
    "validation_fraction",
    "patience",
    "seed",
)
TASKS = ("auto", *decisions.TASKS)
NO_WEIGHTS, BALANCED = "none", "balanced"


@dataclass(frozen=True)
class TrainOptions:
    """How a classifier is trained.

    Attributes:
        model: the pretrained model, as `TextClassifier` takes its encoder.
        task: "auto", "binary", "multiclass" or "multilabel".
        class_weight: "none", "balanced", or a JSON or CSV file of weights by label.
        settings: of `TextClassifier`, out of `SETTINGS` and as JSON values; what is not named is
            as its constructor has it.
        resume: whether there has to be something to continue.
        overwrite: replace a classifier of another run, and forget checkpoints of one.
        on_error: "error" stops at the first defect, "skip" leaves such rows out.
    """

    model: str = "minilm"
    task: str = "auto"
    class_weight: str = NO_WEIGHTS
    settings: Mapping[str, Any] = field(default_factory=dict)
    resume: bool = False
    overwrite: bool = False
    on_error: str = "error"

    def __post_init__(self) -> None:
        """Check what needs neither a file nor TensorFlow; `TextClassifier` checks the rest."""
        if self.task not in TASKS:
            raise InputError(f"Expected task to be one of {', '.join(TASKS)}, got {self.task!r}.")
        check_on_error(self.on_error)
        check_continuing(resume=self.resume, overwrite=self.overwrite)
        self._check_settings()

    def _check_settings(self) -> None:
        check_known_settings(
            self.settings,
            SETTINGS,
            functions="Functions as penalties work with embedsvc.TextClassifier.",
        )
        if "focal_gamma" in self.settings and self.settings.get("loss") != "focal":
            raise InputError(
                "Expected --focal-gamma with the focal loss, got it with another. Add --loss "
                "focal, or leave it out."
            )
        for text in (self.settings.get("activity_penalties") or {}).values():
            penalty_factors(text)
        if self.settings.get("weight_penalty") is not None:
            penalty_factors(self.settings["weight_penalty"])


def parse_activity_penalties(texts: Iterable[str]) -> dict[str, str]:
    """Penalties by layer out of texts such as "layer_3=l2:1e-4".

    Raises:
        InputError: a text of another form, or one layer twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        layer, _, penalty = text.rpartition("=")
        layer = layer.strip()
        if not layer:
            raise InputError(
                f"Expected an activity penalty such as embedding=l2:1e-4, got {text!r}. Name a "
                "layer, then = and the penalty."
            )
        if layer in found:
            raise InputError(
                f"Expected one activity penalty a layer, got two for {layer!r}. l1l2:1e-5,1e-4 "
                "has both kinds."
            )
        penalty_factors(penalty)
        found[layer] = penalty.strip()
    return found


def parse_hidden(text: str) -> list[int]:
    """Widths of hidden layers out of "256,128"; "" is none.

    Raises:
        InputError: something else.
    """
    try:
        widths = [int(part) for part in text.split(",")] if text.strip() else []
    except ValueError:
        widths = [0]
    if any(width < 1 for width in widths):
        raise InputError(
            f"Expected widths of hidden layers such as 256 or 256,128, got {text!r}. Leave "
            "--hidden out for none."
        )
    return widths


def parse_unfreeze(text: str) -> str | int:
    """How many layers to train out of "all" or a number.

    Raises:
        InputError: something else.
    """
    if text.strip().lower() == "all":
        return "all"
    try:
        count = int(text)
    except ValueError:
        count = -1
    if count < 0:
        raise InputError(
            f"Expected --unfreeze all, or the number of top layers to train, got {text!r}. "
            "--freeze encoder trains none of them."
        )
    return count
