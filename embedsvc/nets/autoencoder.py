"""A convolutional autoencoder: pictures through a narrow bottleneck and back.

What it has learned to draw comes back; what it has never seen comes back wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from embedsvc.errors import ArtifactError, InputError

Tensor = Any
Weights = dict[str, NDArray[np.float32]]
"""Arrays by "layer/variable", all that is needed to fill a network of the same configuration."""


@dataclass(frozen=True)
class AutoencoderConfig:
    """The whole description of an autoencoder.

    Attributes:
        height: of the pictures, in pixels.
        width: of the pictures, in pixels.
        channels: of the pictures.
        filters: channels of each level; a level halves height and width.
        latent: channels of the bottleneck.
        activity_penalty: weight of an L1 penalty on the bottleneck's activations, summed over an
            image's bottleneck; 0 for none. Few active units describe normal pictures, and fewer
            ways are left to draw an anomaly.

    Raises:
        InputError: a number is not usable.
    """

    height: int
    width: int
    channels: int = 3
    filters: tuple[int, ...] = (16, 32, 64, 64)
    latent: int = 32
    activity_penalty: float = 0.0

    def __post_init__(self) -> None:
        counts = (self.height, self.width, self.channels, self.latent, *self.filters)
        if not self.filters or min(counts) < 1:
            raise InputError(
                "Expected height, width, channels, latent and at least one of filters to be 1 or "
                f"more, got {self}. Correct the numbers."
            )
        if min(self.height, self.width) < 2 ** len(self.filters):
            raise InputError(
                f"Expected pictures of at least {2 ** len(self.filters)} pixels for "
                f"{len(self.filters)} levels, got {self.height} x {self.width}. Use larger "
                "pictures or fewer filters."
            )
        if not 0 <= self.activity_penalty < float("inf"):
            raise InputError(
                f"Expected activity_penalty to be 0 or more, got {self.activity_penalty}. "
                "Use 0 for none, or start with 1e-5."
            )


def build_autoencoder(config: AutoencoderConfig, *, seed: int = 0) -> keras.Model:
    """Build the network with random weights.

    Args:
        config: what to build.
        seed: the same seed gives the same weights.

    Returns:
        A model from pictures with values 0 to 1, float32 of shape (n_images, height, width,
        channels), to pictures of the same shape and range. The bottleneck is its layer "latent".

    Example:
        >>> build_autoencoder(AutoencoderConfig(64, 64)).output_shape
        (None, 64, 64, 3)
    """
    seeds = iter(np.random.SeedSequence(seed).generate_state(2 * len(config.filters) + 2).tolist())
    penalty = keras.regularizers.L1(config.activity_penalty) if config.activity_penalty else None

    # Wiring
    pictures = keras.Input((config.height, config.width, config.channels), name="pictures")
    x = pictures
    for level, filters in enumerate(config.filters):
        x = _conv(x, filters, kernel=4, stride=2, seed=next(seeds), name=f"down{level}")
        x = _norm(x, name=f"down{level}")
    x = _conv(
        x, config.latent, kernel=1, seed=next(seeds), name="latent", activity_regularizer=penalty
    )
    # Bilinear enlarging leaves no checkerboard, as strided transposed convolutions do; and the
    # last level has no convolution block of its own, which would cost as much as all others.
    for level, filters in reversed(list(enumerate(config.filters))[1:]):
        x = _enlarge(x, name=f"enlarge{level}")
        x = _conv(x, filters, kernel=3, seed=next(seeds), name=f"up{level}")
        x = _norm(x, name=f"up{level}")
    x = _enlarge(x, name="enlarge0")
    x = _conv(x, config.channels, kernel=3, seed=next(seeds), name="output", activation="sigmoid")
    return keras.Model(pictures, _crop(x, config), name="autoencoder")


def check_pixels(pixels: NDArray[np.uint8], config: AutoencoderConfig) -> None:
    """Refuse pictures that do not fit the network.

    Raises:
        InputError: wrong type or shape; no picture at all is fine.
    """
    shape = (config.height, config.width, config.channels)
    if pixels.dtype != np.uint8 or pixels.shape[1:] != shape:
        raise InputError(
            f"Expected pictures as uint8 of shape (n_images, {shape[0]}, {shape[1]}, {shape[2]}), "
            f"got {pixels.dtype} of shape {pixels.shape}. Resize them, or change the "
            "configuration."
        )


def read_weights(network: keras.Model) -> Weights:
    """Copy the weights out of a network, moving statistics included."""
    return {name: variable.numpy() for name, variable in _variables(network).items()}


def load_weights(network: keras.Model, weights: Mapping[str, NDArray[np.float32]]) -> None:
    """Fill a network with weights of `read_weights`; its variables change in place.

    Raises:
        ArtifactError: an array is missing, unknown or has another shape.
    """
    variables = _variables(network)
    odd = sorted(set(variables) ^ set(weights))
    if odd:
        raise ArtifactError(
            f"Expected the autoencoder's arrays {', '.join(sorted(variables))}, got a difference "
            f"in {', '.join(odd)}. Use the weights with the configuration they were trained with."
        )
    for name, variable in variables.items():
        if tuple(variable.shape) != weights[name].shape:
            raise ArtifactError(
                f"Expected {name} of shape {tuple(variable.shape)}, got {weights[name].shape}. "
                "Use the weights with the configuration they were trained with."
            )
        variable.assign(weights[name])


def _variables(network: keras.Model) -> dict[str, Any]:
    return {
        f"{layer.name}/{variable.name}": variable
        for layer in network.layers
        for variable in layer.weights
        if "seed_generator" not in variable.name
    }


def _conv(
    x: Tensor,
    filters: int,
    *,
    kernel: int,
    seed: int,
    name: str,
    stride: int = 1,
    activation: str | None = None,
    activity_regularizer: keras.regularizers.Regularizer | None = None,
) -> Tensor:
    return keras.layers.Conv2D(
        filters,
        kernel,
        strides=stride,
        padding="same",
        activation=activation,
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
        activity_regularizer=activity_regularizer,
        name=name,
    )(x)


def _norm(x: Tensor, *, name: str) -> Tensor:
    # Training is short: with the usual momentum of 0.99 the moving statistics would lag behind.
    x = keras.layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    return keras.layers.LeakyReLU(0.2, name=f"{name}_relu")(x)


def _enlarge(x: Tensor, *, name: str) -> Tensor:
    return keras.layers.UpSampling2D(2, interpolation="bilinear", name=name)(x)


def _crop(x: Tensor, config: AutoencoderConfig) -> Tensor:
    """Cut off what rounding up at each level has added."""
    surplus = x.shape[1] - config.height, x.shape[2] - config.width
    margins = tuple((more // 2, more - more // 2) for more in surplus)
    return keras.layers.Cropping2D(margins, name="crop")(x)
