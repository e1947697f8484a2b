"""What a search for anomalies is asked to do, checked before anything is loaded."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Any

from embedsvc.detectors.registry import DEFAULT_METHOD
from embedsvc.errors import InputError
from embedsvc.evaluation.checks import check_share

_MAPS = re.compile(r"top:([1-9]\d{0,5})|all|none")
_DEFAULT_TOP, _MOST_TOP = 50, 20_000
_LARGEST_SIDE = 16_384


@dataclass(frozen=True, slots=True)
class Method:
    """What is known of a detector without loading it.

    Attributes:
        about: how it works, in one plain sentence.
        has_backbone: whether it looks at pictures through a pretrained network.
        has_maps: whether it shows where the anomaly is.
        smallest: pixels a side that it takes at least.
    """

    about: str
    has_backbone: bool = False
    has_maps: bool = False
    smallest: int = 1


METHODS = {
    "ocsvm": Method(
        "A one-class SVM draws a border around features of the normal images that a pretrained "
        "network sees; the score is how far outside an image lies.",
        has_backbone=True,
        has_maps=True,
        smallest=64,
    ),
    "gaussian": Method(
        "A pretrained network describes each image; the score is its distance from the normal "
        "ones, measured in the spread they have themselves.",
        has_backbone=True,
        has_maps=True,
        smallest=64,
    ),
    "patchcore": Method(
        "It remembers small patches of the normal images as a pretrained network sees them; the "
        "score is how far the most unusual patches of an image are from all of them.",
        has_backbone=True,
        has_maps=True,
    ),
    "autoencoder": Method(
        "A network learned to redraw normal images from a few numbers; what it cannot redraw is "
        "unusual.",
        has_maps=True,
        smallest=16,
    ),
    "hog": Method(
        "Histograms of the directions of edges, with a one-class SVM: the simple baseline, "
        "without deep learning.",
        smallest=32,
    ),
    "regressor": Method(
        "It combines the distance from the normal images with the likeness to labelled anomalies, "
        "both as a pretrained network sees them; the score is between 0 and 1.",
        has_backbone=True,
        has_maps=True,
        smallest=64,
    ),
}
SUPERVISED = "regressor"
BASELINE = "hog"


@dataclass(frozen=True, kw_only=True)
class DetectOptions:
    """How anomalies are searched for. None leaves a setting to the method.

    Attributes:
        method: one of `METHODS`; None for the default one.
        model: the pretrained network, for the methods that have one.
        size: pixels that images are brought to, (height, width) or one number for both.
        resize: "stretch", "fit" or "crop".
        lighting: "keep", or "normalize" where brightness must not tell anything.
        tiles: large images are cut into tiles x tiles pieces.
        false_alarm_rate: the share of normal images that may be reported; None means 0.05, or the
            threshold of the best F1 where labelled anomalies can choose it.
        baseline: whether HOG judges the same images for comparison.
        maps: overlays of anomaly maps: "top:50" for the 50 highest scores, "all", "none"; None is
            "top:50" for the methods that have maps.
        seed: equal seeds give equal results; None for 0.
        on_error: "error" stops at the first unusable image, "skip" lists it and goes on.
        overwrite: replace what another search left in the output.

    Raises:
        InputError: a value is not one of these, or goes with another method; the message names it.
    """

    method: str | None = None
    model: str | None = None
    size: int | tuple[int, int] | None = None
    resize: str | None = None
    lighting: str | None = None
    tiles: int | None = None
    false_alarm_rate: float | None = None
    baseline: bool = True
    maps: str | None = None
    seed: int | None = None
    on_error: str = "error"
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.method is not None and self.method not in METHODS:
            close = difflib.get_close_matches(self.method, METHODS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise InputError(
                f"Expected a method out of {', '.join(METHODS)}, got {self.method!r}.{hint}"
            )
        for name, allowed in (
            ("resize", ("stretch", "fit", "crop", None)),
            ("lighting", ("keep", "normalize", None)),
            ("on_error", ("error", "skip")),
        ):
            if getattr(self, name) not in allowed:
                shown = ", ".join(filter(None, allowed))
                raise InputError(
                    f"Expected {name} to be one of {shown}, got {getattr(self, name)!r}."
                )
        self._check_numbers()
        match = _MAPS.fullmatch(self.maps or "none")
        if match is None or int(match[1] or 0) > _MOST_TOP:
            raise InputError(
                f"Expected maps to be all, none or top:N such as top:50, with N up to "
                f"{_MOST_TOP:,}, got {self.maps!r}."
            )

    def _check_numbers(self) -> None:
        if self.false_alarm_rate is not None:
            check_share(self.false_alarm_rate, name="false_alarm_rate")
        for name, least in (("tiles", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"Expected {name} to be at least {least}, got {value}.")
        sides = (self.size,) if isinstance(self.size, int) else self.size or ()
        if any(not 1 <= side <= _LARGEST_SIDE for side in sides):
            raise InputError(
                f"Expected a size of 1 to {_LARGEST_SIDE:,} pixels a side, got {self.size}."
            )

    def for_new(self) -> str:
        """The method of a detector that is to be fitted.

        Raises:
            InputError: an option is for other methods.
        """
        method = self.method or DEFAULT_METHOD
        if self.model is not None and not METHODS[method].has_backbone:
            raise self._unsuited(method, "model", "has_backbone")
        sides = (self.size,) if isinstance(self.size, int) else self.size or ()
        least = METHODS[method].smallest
        if any(side < least for side in sides):
            raise InputError(
                f"Expected a size of at least {least} for the method {method}, got {self.size}. "
                "Small images are enlarged: leave size as it is."
            )
        self._check_maps(method)
        return method

    def for_saved(self, method: str) -> None:
        """Check what can be asked of a saved detector.

        Args:
            method: its kind.

        Raises:
            InputError: an option that belongs to fitting is given; the message names it.
        """
        of_fitting = ("method", "model", "size", "resize", "lighting", "tiles", "false_alarm_rate")
        for name in (*of_fitting, "seed"):
            if getattr(self, name) is not None:
                raise InputError(
                    f"Expected no {name} with a saved detector, which keeps what it was fitted "
                    f"with, got {getattr(self, name)!r}. Leave it out, or fit a new detector."
                )
        self._check_maps(method)

    def _check_maps(self, method: str) -> None:
        if self.maps not in (None, "none") and not METHODS[method].has_maps:
            raise self._unsuited(method, "maps", "has_maps")

    def _unsuited(self, method: str, option: str, needs: str) -> InputError:
        suited = ", ".join(name for name, about in METHODS.items() if getattr(about, needs))
        return InputError(
            f"Expected no {option} with the method {method}, got {getattr(self, option)!r}: it is "
            f"for {suited}. Leave it out, or choose one of these."
        )

    def n_maps(self, method: str) -> int | None:
        """For how many images overlays are written; None for all."""
        if not METHODS[method].has_maps or self.maps == "none":
            return 0
        if self.maps == "all":
            return None
        match = _MAPS.fullmatch(self.maps or "")
        return int(match[1]) if match else _DEFAULT_TOP

    def settings(self, method: str) -> dict[str, Any]:
        """The settings of a detector that is to be fitted; what is left to it is not among them."""
        names = ["size", "resize", "lighting", "tiles", "false_alarm_rate"]
        names += ["model"] if METHODS[method].has_backbone else []
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return {**given, "seed": self.seed or 0}

    def baseline_settings(self) -> dict[str, Any]:
        """The same of the baseline, which keeps its own size and looks at whole images."""
        settings = self.settings(BASELINE)
        return {name: value for name, value in settings.items() if name not in ("size", "tiles")}
