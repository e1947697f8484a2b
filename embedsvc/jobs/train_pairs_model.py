"""A descriptor to train, what it learns from and what it begins with; these need TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from embedsvc.errors import EmbedsvcError, InputError
from embedsvc.jobs.train_pairs_data import MOST_VALIDATION
from embedsvc.jobs.train_pairs_options import CROPS, VIEWS, WARPS
from embedsvc.jobs.train_pairs_pictures import Pictures
from embedsvc.jobs.train_pairs_plan import PairTrainPlan
from embedsvc.nets.descriptor import DEFAULT_TAPS, SMALL, build_descriptor
from embedsvc.nets.small_cnn import build_small_cnn
from embedsvc.pairs.describing import PointNetwork
from embedsvc.pairs.fitting import warped_pairs
from embedsvc.pairs.pair import Describer, MatchedPair, Points
from embedsvc.pairs.pipeline import CropOptions, PackedPairsSource, SinglePictures, Source
from embedsvc.pairs.point_descriptor import PointDescriptor, untrained_descriptor
from embedsvc.pairs.records import read_pairs
from embedsvc.pairs.views import ONE_VIEW, Views
from embedsvc.pairs.warps import WarpOptions

_MOST_CHARS = 300


def make_descriptor(settings: Mapping[str, Any]) -> PointDescriptor:
    """The descriptor of some settings, nothing learned yet.

    Args:
        settings: as `PairTrainOptions` has them.

    Raises:
        InputError: a setting is out of its range.
    """
    own = {name: value for name, value in settings.items() if name not in (*CROPS, *VIEWS)}
    views = {name: tuple(settings[name]) for name in VIEWS if name in settings}
    return PointDescriptor(
        **own,
        crop=crop_options(settings),
        views=Views(**views) if views else None,
    )


def crop_options(settings: Mapping[str, Any]) -> CropOptions:
    """What examples look like."""
    warp = WarpOptions(**{name: settings[name] for name in WARPS if name in settings})
    named = {"size": "crop", "points": "points"}
    chosen = {name: settings[own] for name, own in named.items() if own in settings}
    return CropOptions(warp=warp, **chosen)


def make_source(plan: PairTrainPlan) -> Source:
    """What is learned from."""
    if isinstance(plan.data, Pictures):
        return SinglePictures([Path(name) for name in plan.split.training])
    return PackedPairsSource(plan.data.folder, plan.split.training)


def validation_pairs(plan: PairTrainPlan) -> list[MatchedPair]:
    """The held-out pairs which choose the epoch; the same ones each time.

    Raises:
        ArtifactError: a packed pair is damaged.
    """
    if isinstance(plan.data, Pictures):
        files = [Path(name) for name in plan.split.held_out]
        if not files:
            return []
        size = crop_options(plan.options.settings).size
        seed = plan.options.settings.get("seed", 0)
        made = warped_pairs(files, MOST_VALIDATION, size=size, seed=seed)
        names = plan.names
        return [
            replace(
                pair,
                name=f"views {number} of {names[pair.sequence]}",
                sequence=names[pair.sequence],
            )
            for number, pair in enumerate(made, 1)
        ]
    if not plan.validation:
        return []
    wanted = {(name, at) for name, chosen in plan.validation.items() for at in chosen}
    met = dict.fromkeys(plan.validation, 0)
    found = []
    for pair in read_pairs(plan.data.folder):
        if pair.sequence in met:
            if (pair.sequence, met[pair.sequence]) in wanted:
                found.append(pair)
            met[pair.sequence] += 1
    return found


@contextmanager
def explaining_tensorflow() -> Iterator[None]:
    """Say what came in the way of a training that TensorFlow gave up.

    Raises:
        InputError: a file has gone or changed since it was looked at.
        EmbedsvcError: there is not enough memory.
    """
    try:
        yield
    except tf.errors.ResourceExhaustedError as err:
        raise EmbedsvcError(
            f"Expected enough memory for a batch, got: {_first_line(err)}. Lower --batch-size, "
            "--points or --crop."
        ) from err
    except tf.errors.OpError as err:
        raise InputError(
            "Expected all pictures to stay as they were when training began, got: "
            f"{_first_line(err)}. Run the same command again, which looks through them."
        ) from err


def _first_line(err: tf.errors.OpError) -> str:
    lines = str(err.message).strip().splitlines() or [type(err).__name__]
    return lines[0][:_MOST_CHARS].rstrip(".")


def untrained_features(backbone: str, *, seed: int) -> Describer:
    """What a network gives before it is trained on pairs.

    Raises:
        WeightsError: pretrained weights could not be fetched.
    """
    return _SmallFeatures(seed) if backbone == SMALL else untrained_descriptor(backbone)


class _SmallFeatures:
    """The maps of the small network with the weights it begins with."""

    def __init__(self, seed: int) -> None:
        taps = DEFAULT_TAPS[SMALL]
        network = build_descriptor(SMALL, taps, dim=None)
        network.tower.set_weights(build_small_cnn(taps, seed=seed).get_weights())
        self._points = PointNetwork(network.describe, ONE_VIEW)

    @property
    def name(self) -> str:
        return f"untrained {SMALL}"

    def describe(self, image: NDArray[np.uint8], points: Points) -> NDArray[np.float32]:
        return self._points.describe(image, points)
