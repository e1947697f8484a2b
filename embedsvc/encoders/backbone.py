"""A pretrained CNN as its loader hands it over, and the names of its maps."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from embedsvc.errors import InputError
from embedsvc.nets.feature_maps import MapShape

Tensor = Any


def keep(pixels: Tensor) -> Tensor:
    """The preparation of a network that prepares its pixels itself."""
    return pixels


@dataclass(frozen=True)
class Backbone:
    """A loaded network, up to the maps asked for.

    Attributes:
        name: what the user calls the model; no folder of this machine is in it.
        sha256: of the weights.
        network: from prepared pixels to a dict of maps by the names asked for.
        shapes: stride and channels of each map by the same names.
        prepare: from float32 pixels, RGB, 0 to 255, to what the network takes.
        input_size: height and width in pixels that the weights were learned with.
        any_size: whether pictures of another size are taken too.
        pooling: how a map becomes a vector, unless another way is asked for.
        normalize: whether that vector has length 1, unless otherwise asked for.
    """

    name: str
    sha256: str
    network: keras.Model
    shapes: dict[str, MapShape]
    prepare: Callable[[Tensor], Tensor] = keep
    input_size: int = 224
    any_size: bool = True
    pooling: str = "mean"
    normalize: bool = False


def choose_taps(
    model: str, taps: Sequence[str], *, generic: Mapping[str, str], own: Sequence[str]
) -> dict[str, str]:
    """The layers that are meant.

    Args:
        model: for messages.
        taps: generic names such as "stride8", or the network's own layer names.
        generic: the network's own name for each generic one.
        own: all of its own names.

    Returns:
        Own names by the names asked for, in their order.

    Raises:
        InputError: no taps, a repeated one, or one that the network does not have.
    """
    if isinstance(taps, str) or not taps or len(set(taps)) != len(taps):
        raise InputError(
            f"Expected one or more different taps in a list, such as {list(generic)[-1:]}, "
            f"got {taps!r}."
        )
    for tap in taps:
        if tap not in generic and tap not in own:
            close = difflib.get_close_matches(tap, [*generic, *own], n=3)
            hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
            raise InputError(
                f"Expected a tap of {model}: {', '.join(generic)}, or the name of one of its "
                f"layers with a map; got {tap!r}.{hint}"
            )
    return {tap: generic.get(tap, tap) for tap in taps}
