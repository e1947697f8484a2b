"""From pairs to a trained descriptor: first the best projection, then all of it by gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from embedsvc.errors import InputError
from embedsvc.evaluation.matching import matching_accuracy
from embedsvc.images.decode import decode_image
from embedsvc.nets.batch_training import BatchLoss, BatchModel
from embedsvc.nets.descriptor import DescriptorNetwork, build_joined, build_siamese
from embedsvc.nets.optimizing import build_optimizer
from embedsvc.nets.penalties import Penalty
from embedsvc.nets.runtime import prepare_training
from embedsvc.nets.training_loop import Measure, Outcome, run_epochs
from embedsvc.nets.training_state import Checkpoints, EpochRecord
from embedsvc.pairs.describing import PointNetwork
from embedsvc.pairs.pair import MatchedPair
from embedsvc.pairs.pipeline import CropOptions, SinglePictures, Source, batches
from embedsvc.pairs.views import ONE_VIEW
from embedsvc.pairs.whitening import MatchStatistics
from embedsvc.progress import progress_bar

_WITHIN = 5
_WARMUP = 0.05


@dataclass(frozen=True)
class FitSettings:
    """How a descriptor is trained.

    Attributes:
        losses: by name.
        activity_penalties: by path of the layer.
        crop: what examples look like.
        start_pairs: crops from which the projection is found.
        epochs: rounds.
        steps: batches a round.
        batch_size: pairs a batch.
        learning_rate: the highest one, of the projection.
        backbone_rate: that of the tower, as a share of it.
        seed: of everything random.
    """

    losses: Mapping[str, BatchLoss]
    activity_penalties: Mapping[str, Penalty]
    crop: CropOptions
    start_pairs: int
    epochs: int
    steps: int
    batch_size: int
    learning_rate: float
    backbone_rate: float
    seed: int


def fit_descriptor(
    network: DescriptorNetwork,
    source: Source,
    settings: FitSettings,
    validation: Sequence[MatchedPair],
    *,
    checkpoints: Checkpoints | None = None,
    on_epoch: Callable[[EpochRecord], None] = lambda record: None,
    show_progress: bool = False,
) -> Outcome:
    """Train a network, which changes in place and ends with its best weights.

    Args:
        network: with the weights to begin with; its projection is found anew.
        source: of the pairs to learn from.
        settings: how.
        validation: pairs which choose the best epoch.
        checkpoints: where the state after each epoch is kept, and found again.
        on_epoch: called after each epoch.
        show_progress: whether progress bars are drawn on stderr.

    Raises:
        InputError: a source without examples, or a penalized layer that does not exist.
        EmbedsvcError: the loss was not finite in the first epoch.
    """
    if not source.sequences:
        raise InputError("Expected pairs or pictures to learn from, got none.")
    prepare_training()
    network.tower.trainable = settings.backbone_rate > 0
    siamese = build_siamese(network)
    model = BatchModel(siamese, settings.losses, activity_penalties=settings.activity_penalties)
    model.optimizer = build_optimizer(
        siamese.trainable_variables,
        learning_rate=settings.learning_rate,
        warmup=_WARMUP,
        total_steps=max(settings.epochs * settings.steps, 1),
        weight_decay=0.0,
        clip_norm=None,
        rates={one.path: settings.backbone_rate for one in network.tower.trainable_variables},
    )
    state = None if checkpoints is None else checkpoints.load()
    if state is None:
        _start(network, source, settings, show_progress=show_progress)
    total = settings.epochs * settings.steps * settings.batch_size
    with progress_bar("Training", total=total, unit="pairs", show=show_progress) as advance:
        return run_epochs(
            model,
            _Epochs(source, settings),
            epochs=settings.epochs,
            measure=_measure(network, validation) if validation else None,
            measure_first=True,
            state=state,
            save=None if checkpoints is None else checkpoints.save,
            on_epoch=on_epoch,
            advance=advance,
        )


def warped_pairs(files: Sequence[Path], n: int, *, size: int, seed: int) -> list[MatchedPair]:
    """Pairs to measure with, for whoever has pictures without annotations.

    Args:
        files: pictures; taken in turn.
        n: pairs made.
        size: side of both pictures of a pair.
        seed: of the views.

    Returns:
        Pairs whose pictures are two views of one file, in light of their own.
    """
    source = SinglePictures(files)
    options = CropOptions(size=size)
    made = batches(source, options, n_batches=n, batch_size=1, seed=seed, epoch=0)
    pairs = []
    for one in made.as_numpy_iterator():
        real = one["mask"][0] > 0
        name = source.sequences[int(one["scene"][0])]
        pairs.append(
            MatchedPair(
                name=f"two views of {name}",
                image_a=_png(one["image_a"][0]),
                image_b=_png(one["image_b"][0]),
                points_a=one["points_a"][0][real],
                points_b=one["points_b"][0][real],
                sequence=name,
            )
        )
    # Views that share too little measure nothing.
    return [pair for pair in pairs if len(pair.points_a) >= 2]


@dataclass(frozen=True)
class _Epochs:
    """The batches of each epoch."""

    source: Source
    settings: FitSettings

    @property
    def n_examples(self) -> int:
        return self.settings.steps * self.settings.batch_size

    def signature(self) -> dict[str, tf.TensorSpec]:
        size, points = self.settings.crop.size, self.settings.crop.points
        return {
            "image_a": tf.TensorSpec([None, size, size, 3], tf.float32),
            "image_b": tf.TensorSpec([None, size, size, 3], tf.float32),
            "points_a": tf.TensorSpec([None, points, 2], tf.float32),
            "points_b": tf.TensorSpec([None, points, 2], tf.float32),
            "mask": tf.TensorSpec([None, points], tf.float32),
            "scene": tf.TensorSpec([None], tf.int64),
        }

    def epoch(self, number: int) -> Iterator[Mapping[str, Any]]:
        settings = self.settings
        return iter(
            batches(
                self.source,
                settings.crop,
                n_batches=settings.steps,
                batch_size=settings.batch_size,
                seed=settings.seed,
                epoch=number,
            )
        )


def _start(
    network: DescriptorNetwork, source: Source, settings: FitSettings, *, show_progress: bool
) -> None:
    """Find the best projection of what the maps hold; see `whitening`."""
    joined = build_joined(network)
    compute = tf.function(
        lambda image, points: joined({"image": image, "points": points}, training=False),
        reduce_retracing=True,
    )
    statistics = MatchStatistics(int(joined.output.shape[-1]))
    n = settings.start_pairs
    made = batches(source, settings.crop, n_batches=n, batch_size=1, seed=settings.seed, epoch=0)
    with progress_bar("Starting", total=n, unit="pairs", show=show_progress) as advance:
        for batch in made:
            real = batch["mask"].numpy() > 0
            first, second = (
                compute(batch[f"image_{side}"], batch[f"points_{side}"]).numpy()[real]
                for side in "ab"
            )
            statistics.add(first, second)
            advance(1)
    if not statistics.n:
        raise InputError(
            "Expected pairs with matching points in sight, got none in "
            f"{n} crops. Weaken the warps, or take larger crops."
        )
    project = network.head.get_layer("project")
    found = statistics.projection(network.dim)
    project.set_weights([found.kernel, found.bias])


def _measure(network: DescriptorNetwork, validation: Sequence[MatchedPair]) -> Measure:
    """Share of points found within 5 pixels, over held-out pairs; each sequence counts alike."""
    points = PointNetwork(network.describe, ONE_VIEW)

    def measure() -> tuple[tuple[float, ...], dict[str, float]]:
        found: dict[str, list[float]] = {}
        for pair in validation:
            first = points.describe(decode_image(pair.image_a), pair.points_a)
            second = points.describe(decode_image(pair.image_b), pair.points_b)
            if not (np.isfinite(first).all() and np.isfinite(second).all()):
                return (-np.inf,), {}
            share = matching_accuracy(first, second, pair.points_b, thresholds=(_WITHIN,))
            found.setdefault(pair.sequence, []).append(share[_WITHIN])
        accuracy = float(np.mean([np.mean(shares) for shares in found.values()]))
        return (accuracy,), {f"accuracy_{_WITHIN}px": accuracy}

    return measure


def _png(image: Any) -> bytes:
    file = BytesIO()
    Image.fromarray(np.asarray(np.rint(image), np.uint8)).save(file, "PNG")
    return file.getvalue()
