"""A pretrained CNN, ready to compute: from pixels to feature maps by name."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from embedsvc.catalogue.cards import ModelCard, get_model, list_models
from embedsvc.catalogue.pull import pull
from embedsvc.encoders.backbone import Backbone, Tensor, choose_taps
from embedsvc.encoders.descriptor_folder import load_descriptor_backbone
from embedsvc.encoders.descriptor_layout import WEIGHTS_FILE, is_descriptor_folder
from embedsvc.encoders.huggingface import read_tensors
from embedsvc.encoders.keras_applications import PREFIX, load_keras_backbone, parse
from embedsvc.errors import InputError
from embedsvc.files import sha256_of
from embedsvc.nets.efficientnet_lite import TAPS, build_efficientnet_lite0
from embedsvc.nets.efficientnet_lite_weights import load_efficientnet_lite0_weights
from embedsvc.nets.feature_maps import output_shapes
from embedsvc.nets.runtime import ImageRuntime, prepare_images

# The last block at each stride that keeps its channels few, and the map that is pooled.
_LITE0_TAPS = {
    "stride2": "block0",
    "stride4": "block2",
    "stride8": "block4",
    "stride16": "block10",
    "stride32": "block14",
    "last": "head",
}
_LITE0_MAPS = tuple(tap for tap in TAPS if tap != "logits")


def load_image_network(
    model: str | Path = "efficientnet-lite0", *, taps: Sequence[str]
) -> ImageNetwork:
    """Load a CNN up to the maps asked for; the same request gives the same object again.

    Args:
        model: an image model of the catalogue, "keras:NAME" or "keras:NAME@FILE" for a network of
            keras.applications, or the folder of a trained descriptor, whose one map is "last";
            weights are fetched on first use.
        taps: names of maps. "stride4", "stride8", "stride16" and "stride32" exist for nearly every
            network: the last map of that stride. "last" is the final one. Beside them, the
            network's own names, such as "block4_expand".

    Raises:
        InputError: no such model or tap, or a model for texts.
        ArtifactError: the weights are not those of the model.
        WeightsError: the weights could not be fetched.

    Example:
        >>> network = load_image_network(taps=["stride8", "stride16"])
        >>> maps = network.maps(np.zeros((2, 256, 256, 3), np.uint8))
        >>> maps["stride8"].shape
        (2, 32, 32, 40)
    """
    name = _known(model)
    # A tuple keeps the order; a text is refused later, with the list of names.
    wanted = taps if isinstance(taps, str) else tuple(taps)
    key = (name, wanted, _stamp(name))
    # Two threads that ask for one network at once must not both load it.
    with _loading:
        network = _in_use.get(key)
        if network is None:
            network = _in_use[key] = _load(name, wanted)
        if network in _recent:
            _recent.remove(network)
        _recent.append(network)
        return network


def is_image_model(model: str | Path) -> bool:
    """Whether a model's name, without loading anything, is that of an image model."""
    if _is_descriptor(model):
        return True
    if not isinstance(model, str):
        return False
    return model.startswith(PREFIX) or any(
        card.name == model and card.kind == "image" for card in list_models()
    )


class ImageNetwork:
    """A CNN that turns pixels into maps; safe to use from several threads at once.

    Attributes:
        taps: the names of its maps.
        channels: of each map, by tap.
        strides: pixels of the picture a position of the map, by tap.
        input_size: height and width in pixels that suit it best.
        pooling: how its last map becomes a vector, unless another way is asked for.
        normalize: whether that vector has length 1, unless otherwise asked for.
        runtime: how this machine is used.
    """

    def __init__(self, backbone: Backbone) -> None:
        self.runtime: ImageRuntime = prepare_images()
        self.taps: tuple[str, ...] = tuple(backbone.shapes)
        self.channels = {tap: shape.channels for tap, shape in backbone.shapes.items()}
        self.strides = {tap: shape.stride for tap, shape in backbone.shapes.items()}
        self.input_size = backbone.input_size
        self.pooling, self.normalize = backbone.pooling, backbone.normalize
        self._name, self._sha256 = backbone.name, backbone.sha256
        self._any_size = backbone.any_size

        def compute(pixels: Tensor) -> dict[str, Tensor]:
            prepared = backbone.prepare(tf.cast(pixels, tf.float32))
            maps = backbone.network(prepared, training=False)
            return {tap: tf.cast(maps[tap], tf.float32) for tap in backbone.shapes}

        # One trace serves every batch and every size.
        self._compute = tf.function(
            compute,
            input_signature=[tf.TensorSpec(self._signature(), tf.uint8, name="pixels")],
            autograph=False,
        ).get_concrete_function()

    def maps(self, pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Compute one batch, in the calling thread.

        Args:
            pixels: uint8 array of shape (n_images, height, width, 3), RGB.

        Returns:
            By tap, a float32 array of shape (n_images, height', width', channels). A picture's
            maps do not depend on the others in the batch (to 1e-5).

        Raises:
            InputError: another shape or type, or a size that the network cannot take.
        """
        self._check(pixels)
        if len(pixels) == 0:
            return self._no_maps(pixels)
        try:
            with tf.experimental.function_executor_type(self.runtime.executor):
                maps = self._compute(tf.constant(pixels))
        except (tf.errors.InvalidArgumentError, ValueError) as err:
            height, width = pixels.shape[1:3]
            raise InputError(
                f"Expected pictures that {self._name} can take, got {height} x {width} pixels, "
                f"which are too small for it. Use about {self.input_size} x {self.input_size}."
            ) from err
        return {tap: maps[tap].numpy() for tap in self.taps}

    def describe(self) -> dict[str, Any]:
        """What the maps depend on."""
        return {"model": self._name, "model_sha256": self._sha256, "taps": list(self.taps)}

    def _signature(self) -> list[int | None]:
        side = None if self._any_size else self.input_size
        return [None, side, side, 3]

    def _check(self, pixels: NDArray[np.uint8]) -> None:
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] != 3:
            raise InputError(
                "Expected pixels of shape (n_images, height, width, 3), uint8, got "
                f"{pixels.shape}, {pixels.dtype}. Decode pictures with embedsvc.images.loading."
            )
        side = self.input_size
        if not self._any_size and pixels.shape[1:3] != (side, side):
            raise InputError(
                f"Expected pictures of {side} x {side} pixels, the only size {self._name} takes, "
                f"got {pixels.shape[1]} x {pixels.shape[2]}. Use size={side}."
            )

    def _no_maps(self, pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        one = np.zeros((1, *pixels.shape[1:]), np.uint8)
        return {tap: maps[:0] for tap, maps in self.maps(one).items()}


_loading = threading.Lock()
# What anybody still holds is shared; the last few are kept for those who come back.
_in_use: WeakValueDictionary[tuple[Any, ...], ImageNetwork] = WeakValueDictionary()
_recent: deque[ImageNetwork] = deque(maxlen=8)


def _load(model: str, taps: Sequence[str]) -> ImageNetwork:
    # Before anything is fetched, in case this Keras cannot compute at all.
    prepare_images()
    return ImageNetwork(load_backbone(model, taps))


def load_backbone(model: str, taps: Sequence[str]) -> Backbone:
    """Load a CNN up to the maps asked for, as a network of its own whose weights may be changed.

    Args:
        model: as for `load_image_network`.
        taps: names of maps.

    Raises:
        InputError: no such model or tap.
        ArtifactError: the weights are not those of the model.
        WeightsError: the weights could not be fetched.
    """
    if model.startswith(PREFIX):
        return load_keras_backbone(model, taps)
    if _is_descriptor(model):
        return load_descriptor_backbone(Path(model), tuple(taps))
    return _load_lite0(get_model(model), taps)


def _is_descriptor(model: str | Path) -> bool:
    """Whether a folder with a trained descriptor is meant; a name of the catalogue wins."""
    return model not in [card.name for card in list_models()] and is_descriptor_folder(model)


def _known(model: str | Path) -> str:
    """The model's name.

    Raises:
        InputError: it names no image model.
    """
    names = ", ".join(card.name for card in list_models() if card.kind == "image")
    if _is_descriptor(model):
        return str(model)
    if isinstance(model, Path) or (not model.startswith(PREFIX) and {"/", "\\", "."} & set(model)):
        raise InputError(
            f"Expected an image model of the catalogue ({names}) or {PREFIX}NAME, got "
            f"{str(model)!r}. Folders are taken of descriptors that embedsvc train-pairs made; "
            f"other weights of your own go with {PREFIX}NAME@FILE.weights.h5"
        )
    if not model.startswith(PREFIX):
        card = get_model(model)
        if card.kind != "image":
            raise InputError(
                f"Expected a model for images, got {card.name!r}, which is for {card.kind}s. "
                f"Use {names} or {PREFIX}NAME. See: embedsvc models list"
            )
    return model


def _stamp(model: str) -> tuple[int, ...]:
    """What tells that a weights file is no longer the one that was loaded."""
    if model.startswith(PREFIX):
        _, file = parse(model)
    else:
        file = Path(model) / WEIGHTS_FILE if _is_descriptor(model) else None
    if file is None:
        return ()
    status = file.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino


def _load_lite0(card: ModelCard, taps: Sequence[str]) -> Backbone:
    # Names are checked before weights are fetched.
    chosen = choose_taps(card.name, taps, generic=_LITE0_TAPS, own=_LITE0_MAPS)
    weights = pull(card) / "model.safetensors"
    network = build_efficientnet_lite0(dict.fromkeys(chosen.values()))
    load_efficientnet_lite0_weights(network, read_tensors(weights))
    shapes = output_shapes(network)
    return Backbone(
        name=card.name,
        sha256=sha256_of(weights),
        network=keras.Model(network.input, {tap: network.output[chosen[tap]] for tap in chosen}),
        shapes={tap: shapes[own] for tap, own in chosen.items()},
        input_size=card.input_size or 224,
        pooling=card.pooling,
        normalize=card.normalize,
    )
