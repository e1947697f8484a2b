"""Descriptors of points, learned from pairs of images with matching points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from embedsvc.encoders.image_network import load_backbone
from embedsvc.errors import InputError, NotFittedError
from embedsvc.nets.batch_training import BatchLoss
from embedsvc.nets.descriptor import (
    DEFAULT_TAPS,
    LITE0,
    TOWERS,
    DescriptorNetwork,
    build_descriptor,
)
from embedsvc.nets.pair_losses import PAIR_LOSSES
from embedsvc.nets.penalties import Penalty, parse_penalty
from embedsvc.nets.small_cnn import build_small_cnn
from embedsvc.nets.training_loop import Outcome
from embedsvc.nets.training_state import Checkpoints, EpochRecord
from embedsvc.pairs.describing import PointNetwork, dense_describer
from embedsvc.pairs.fitting import FitSettings, fit_descriptor
from embedsvc.pairs.pair import MatchedPair, Points
from embedsvc.pairs.patches import check_places
from embedsvc.pairs.pipeline import CropOptions, Source
from embedsvc.pairs.views import ONE_VIEW, Views
from embedsvc.settings import fits, in_words, setting_types

DENSE_STRIDE = 8
"""Pixels a position of a dense map, unless asked otherwise."""


class PointDescriptor(BaseEstimator):
    """A siamese network that gives points of pictures vectors to compare them by.

    It starts from the maps of a pretrained network and the best linear projection of them, which
    is found from matches in closed form, and then learns all of it from matches by gradient.
    Descriptors do not depend on other pictures or points.

    Args:
        backbone: "efficientnet-lite0", pretrained on ImageNet, or "small", learned from scratch.
        taps: names of its maps; None takes those that were tried.
        dim: components of a descriptor.
        loss: "infonce", "triplet" (hardest in the batch) or "contrastive"; or a function from a
            batch and the network's outputs to a scalar, see `pair_losses`.
        temperature: of "infonce".
        margin: of "triplet" and "contrastive"; distances go from 0 to 2.
        safe_radius: pixels around a true match within which nothing is a negative.
        start_pairs: crops from which the projection to start with is found.
        epochs: the most rounds; the best by validation is kept.
        steps_per_epoch: batches a round.
        batch_size: pairs a batch.
        crop: what is cut out of pictures, how it is warped, and how its light is changed.
        learning_rate: of the projection.
        backbone_rate: that of the backbone, as a share of it; 0 leaves the backbone as it is.
        activity_penalties: by path of the layer whose output is penalized, such as
            "block10_project"; see `penalize`.
        views: what `describe` looks at.
        seed: of everything random.

    Attributes:
        history_: an `EpochRecord` an epoch.
        best_epoch_: the one whose weights are kept; 0 where the start was best.
        notes_: what was odd.

    Example:
        >>> source = SinglePictures(sorted(Path("photos").glob("*.jpg")))
        >>> descriptor = PointDescriptor().fit(source)
        >>> descriptor.describe(image, [[120.5, 33.0], [60.0, 80.0]]).shape
        (2, 384)
    """

    def __init__(
        self,
        backbone: str = LITE0,
        *,
        taps: Sequence[str] | None = None,
        dim: int = 384,
        loss: str | Callable[..., Any] = "infonce",
        temperature: float = 0.02,
        margin: float = 1.0,
        safe_radius: float = 32.0,
        start_pairs: int = 240,
        epochs: int = 4,
        steps_per_epoch: int = 100,
        batch_size: int = 2,
        crop: CropOptions | None = None,
        learning_rate: float = 3e-4,
        backbone_rate: float = 0.1,
        activity_penalties: Mapping[str, str | Callable[..., Any]] | None = None,
        views: Views | None = None,
        seed: int = 0,
    ) -> None:
        self.backbone = backbone
        self.taps = taps
        self.dim = dim
        self.loss = loss
        self.temperature = temperature
        self.margin = margin
        self.safe_radius = safe_radius
        self.start_pairs = start_pairs
        self.epochs = epochs
        self.steps_per_epoch = steps_per_epoch
        self.batch_size = batch_size
        self.crop = crop
        self.learning_rate = learning_rate
        self.backbone_rate = backbone_rate
        self.activity_penalties = activity_penalties
        self.views = views
        self.seed = seed

    # Learning

    def fit(
        self,
        source: Source,
        y: Any = None,
        *,
        validation: Sequence[MatchedPair] = (),
        checkpoints: Checkpoints | None = None,
        on_epoch: Callable[[EpochRecord], None] = lambda record: None,
        show_progress: bool = False,
    ) -> PointDescriptor:
        """Learn from pairs; what was learned before is forgotten.

        Args:
            source: of the pairs, such as `SinglePictures` or `PackedPairsSource`.
            y: nothing; there for scikit-learn.
            validation: pairs of other scenes, which choose the best epoch; without them the last
                one is kept.
            checkpoints: where the state after each epoch is kept, and found again.
            on_epoch: called after each epoch.
            show_progress: whether progress bars are drawn on stderr.

        Raises:
            InputError: a setting that cannot be, or a source without examples.
            EmbedsvcError: the loss was not finite in the first epoch.
            WeightsError: the pretrained weights could not be fetched.
        """
        del y
        self.check_settings()
        network = self._pretrained()
        outcome = fit_descriptor(
            network,
            source,
            self._fit_settings(),
            validation,
            checkpoints=checkpoints,
            on_epoch=on_epoch,
            show_progress=show_progress,
        )
        self.history_, self.best_epoch_ = outcome.history, outcome.best_epoch
        self.notes_ = tuple(_notes(outcome, has_validation=len(validation) > 0))
        self.set_network(network)
        return self

    def set_network(self, network: DescriptorNetwork) -> None:
        """Describe with a network that was learned before, as a saved one is."""
        self.network_ = network
        self._points = PointNetwork(network.describe, self.views or Views())
        self._dense: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.float32]]] = {}

    # Describing

    @property
    def name(self) -> str:
        """What people call it."""
        return getattr(self, "name_", "trained descriptor")

    def describe(self, image: NDArray[np.uint8], points: Points) -> NDArray[np.float32]:
        """Vectors of points, of length 1, so that their products are cosines.

        Args:
            image: uint8 array of shape (height, width, 3), RGB. Pictures with a side above 1,024
                pixels are made smaller first.
            points: numbers of shape (n_points, 2): x and y in pixels.

        Returns:
            Float32 array of shape (n_points, dim).

        Raises:
            NotFittedError: nothing was learned yet.
            InputError: no picture, or points outside of it.
        """
        self._check_fitted()
        return self._points.describe(image, points)

    def dense(self, image: NDArray[np.uint8], *, stride: int = DENSE_STRIDE) -> NDArray[np.float32]:
        """Descriptors of a whole picture as it is, without other views.

        Args:
            image: uint8 array of shape (height, width, 3), RGB.
            stride: side in pixels of the cells, of whose middles the descriptors are.

        Returns:
            Float32 array of shape (ceil(height / stride), ceil(width / stride), dim).

        Raises:
            NotFittedError: nothing was learned yet.
            InputError: no picture, or a stride below 1.
        """
        self._check_fitted()
        if type(stride) is not int or stride < 1:
            raise InputError(f"Expected a stride of at least 1 pixel, got {stride!r}.")
        check_places(image, np.empty((0, 2)))
        if stride not in self._dense:
            self._dense[stride] = dense_describer(self.network_, stride=stride)
        return self._dense[stride](image)

    # Settings

    def check_settings(self) -> None:
        """Check all settings, as fitting does first.

        Raises:
            InputError: a setting has another type or value than it may; the message names it.
        """
        for name, hint in setting_types(type(self)).items():
            value = getattr(self, name)
            if name not in _OBJECTS and not fits(value, hint):
                raise InputError(f"Expected {name} to be {in_words(hint)}, got {value!r}.")
        for name, low in _AT_LEAST.items():
            if getattr(self, name) < low:
                raise InputError(
                    f"Expected {name} to be at least {low}, got {getattr(self, name)!r}."
                )
        for name, kind in _OBJECTS.items():
            if getattr(self, name) is not None and not isinstance(getattr(self, name), kind):
                raise InputError(
                    f"Expected {name} to be None or {kind.__name__}(...), got "
                    f"{getattr(self, name)!r}."
                )
        if self.learning_rate <= 0:
            raise InputError(f"Expected learning_rate above 0, got {self.learning_rate!r}.")
        if self.backbone not in TOWERS:
            raise InputError(
                f"Expected backbone to be one of {', '.join(TOWERS)}, got {self.backbone!r}."
            )
        unknown = set(self._taps()) - set(TOWERS[self.backbone])
        if unknown or not self._taps() or len(set(self._taps())) != len(self._taps()):
            raise InputError(
                f"Expected different taps out of {', '.join(TOWERS[self.backbone])}, got "
                f"{list(self._taps())}."
            )
        self._loss()
        self._penalties()

    def build(self) -> DescriptorNetwork:
        """The network of these settings, with weights of no meaning."""
        return build_descriptor(self.backbone, self._taps(), dim=self.dim)

    def _taps(self) -> tuple[str, ...]:
        return DEFAULT_TAPS[self.backbone] if self.taps is None else tuple(self.taps)

    def _pretrained(self) -> DescriptorNetwork:
        network = self.build()
        if self.backbone == LITE0:
            network.tower.set_weights(load_backbone(LITE0, self._taps()).network.get_weights())
        else:
            network.tower.set_weights(build_small_cnn(self._taps(), seed=self.seed).get_weights())
        return network

    def _loss(self) -> tuple[str, BatchLoss]:
        """The loss and its name.

        Raises:
            InputError: there is none of that name, or a setting of it cannot be.
        """
        if callable(self.loss):
            return "loss", self.loss
        if self.loss not in PAIR_LOSSES:
            raise InputError(
                f"Expected loss to be one of {', '.join(PAIR_LOSSES)} or a function, got "
                f"{self.loss!r}."
            )
        sharpness = self.temperature if self.loss == "infonce" else self.margin
        return self.loss, PAIR_LOSSES[self.loss](sharpness, safe_radius=self.safe_radius)

    def _penalties(self) -> dict[str, Penalty]:
        penalties = dict(self.activity_penalties or {})
        return {
            layer: parse_penalty(one) if isinstance(one, str) else one
            for layer, one in penalties.items()
        }

    def _fit_settings(self) -> FitSettings:
        name, loss = self._loss()
        return FitSettings(
            losses={name: loss},
            activity_penalties=self._penalties(),
            crop=self.crop or CropOptions(),
            start_pairs=self.start_pairs,
            epochs=self.epochs,
            steps=self.steps_per_epoch,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            backbone_rate=self.backbone_rate,
            seed=self.seed,
        )

    def _check_fitted(self) -> None:
        if not hasattr(self, "network_"):
            raise NotFittedError(
                "Expected a fitted PointDescriptor, got one that has learned nothing yet. Call "
                "fit first, or load one with load_descriptor."
            )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")


class UntrainedDescriptor:
    """The maps of a network pretrained on ImageNet, joined: what training begins with.

    Args:
        views: what `describe` looks at; None takes the picture as it is.
    """

    def __init__(self, *, views: Views | None = None) -> None:
        taps = DEFAULT_TAPS[LITE0]
        network = build_descriptor(LITE0, taps, dim=None)
        network.tower.set_weights(load_backbone(LITE0, taps).network.get_weights())
        self._points = PointNetwork(network.describe, views or ONE_VIEW)
        self.name = f"untrained {LITE0}" + (f", {views.n} views" if views else "")

    def describe(self, image: NDArray[np.uint8], points: Points) -> NDArray[np.float32]:
        """See `Describer.describe`."""
        return self._points.describe(image, points)


def untrained_descriptor(model: str = LITE0) -> UntrainedDescriptor:
    """What a pretrained network gives without any training here.

    Raises:
        InputError: another model than "efficientnet-lite0".
        WeightsError: its weights could not be fetched.
    """
    if model != LITE0:
        raise InputError(
            f"Expected {LITE0}, the network whose maps describe points, got {model!r}."
        )
    return UntrainedDescriptor()


_OBJECTS: dict[str, type] = {"crop": CropOptions, "views": Views}
_AT_LEAST = {
    "dim": 2,
    "start_pairs": 1,
    "epochs": 0,
    "steps_per_epoch": 1,
    "batch_size": 1,
    "backbone_rate": 0,
    "seed": 0,
}


def _notes(outcome: Outcome, *, has_validation: bool) -> Iterator[str]:
    if outcome.diverged:
        yield (
            f"The loss was not finite in epoch {len(outcome.history)}; training stopped, and epoch "
            f"{outcome.best_epoch} is kept. Lower the learning rate."
        )
    if has_validation and outcome.best_epoch == 0 and outcome.history:
        yield (
            "No epoch was better on the held-out pairs than the projection found in closed form, "
            "which is kept."
        )
    if not has_validation:
        yield "No pairs were held out: the last epoch is kept, and nothing chose it."
