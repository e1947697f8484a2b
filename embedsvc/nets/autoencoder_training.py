"""Training of the autoencoder on normal pictures alone.

The loss is `0.5 (1 - SSIM) + L1`, the optimizer Adam at 1e-3, decayed to nothing over the last
30 %. Everything random comes from one seed; no global seed and no thread setting is touched.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from embedsvc.errors import InputError
from embedsvc.nets.autoencoder import (
    AutoencoderConfig,
    Weights,
    build_autoencoder,
    check_pixels,
    read_weights,
)
from embedsvc.nets.ssim import ssim_loss
from embedsvc.progress import Advance

Tensor = Any
Step = Callable[[Tensor, Tensor], Tensor]
Measure = Callable[[Tensor], Tensor]

logger = logging.getLogger(__name__)

_STEPS = 1000  # up to 128 x 128 pixels; larger pictures take longer a step, and fewer of them
_FEWEST_STEPS = 250
_RATE, _DECAY = 1e-3, 0.3
_WINDOW = 11  # of the SSIM, in pixels
_PATCHES = 8  # patches a side for the masks of denoising
_VALIDATION_FROM = 20  # fewer pictures are all needed to learn from


@dataclass(frozen=True)
class TrainingOptions:
    """How the autoencoder is trained.

    Attributes:
        epochs: passes over the pictures; None makes about 1,000 steps of them, and of pictures
            above 128 pixels fewer, about 500 at 256.
        batch_size: pictures a step.
        denoising: share of each picture, in square patches, that is hidden from the network but
            has to be drawn; 0 hides nothing.
        validation_share: share of the pictures kept aside to know when to stop; below 20
            pictures, none are.
        patience: epochs without a lower validation loss before training stops early; None is a
            fifth of the planned ones, at least 5.
        time_limit: seconds, or None. Training is planned to end within it; where it is the limit,
            results depend on the speed of the machine.

    Raises:
        InputError: a number is not usable.
    """

    epochs: int | None = None
    batch_size: int = 8
    denoising: float = 0.0
    validation_share: float = 0.1
    patience: int | None = None
    time_limit: float | None = None

    def __post_init__(self) -> None:
        counts = (self.epochs, self.batch_size, self.patience)
        if min(count for count in counts if count is not None) < 1:
            raise InputError(
                f"Expected epochs, batch_size and patience of at least 1, got {self}. "
                "Leave them out for the defaults."
            )
        if not (0 <= self.denoising < 1 and 0 <= self.validation_share < 1):
            raise InputError(
                "Expected denoising and validation_share from 0 to below 1, got "
                f"{self.denoising} and {self.validation_share}. They are shares, not percents."
            )
        if self.time_limit is not None and not self.time_limit > 0:
            raise InputError(
                f"Expected a time_limit above 0 seconds, got {self.time_limit}. "
                "Use None for no limit."
            )

    def planned_epochs(self, n_images: int, config: AutoencoderConfig) -> int:
        """The most epochs that training on so many pictures takes."""
        if self.epochs is not None:
            return self.epochs
        side = math.sqrt(config.height * config.width)
        steps = max(_FEWEST_STEPS, round(_STEPS * min(1.0, 128 / side)))
        n_training = max(1, n_images - self.validation_count(n_images))
        return math.ceil(steps / math.ceil(n_training / self.batch_size))

    def validation_count(self, n_images: int) -> int:
        """How many of so many pictures are kept aside."""
        return int(n_images * self.validation_share) if n_images >= _VALIDATION_FROM else 0


def train_autoencoder(
    pixels: NDArray[np.uint8],
    config: AutoencoderConfig,
    *,
    seed: int,
    options: TrainingOptions | None = None,
    advance: Advance | None = None,
) -> Weights:
    """Train on normal pictures, and return the weights with the lowest validation loss.

    Args:
        pixels: normal pictures, uint8 of shape (n_images, height, width, channels).
        config: the network.
        seed: the same seed on the same machine gives the same weights.
        options: how to train.
        advance: called with 1 after every epoch, at most `options.planned_epochs` times.

    Returns:
        Float32 arrays by name, for `load_weights` and `reconstruct`.

    Raises:
        InputError: there is no picture, or they do not fit the configuration.

    Example:
        >>> weights = train_autoencoder(pixels, AutoencoderConfig(128, 128), seed=0)
    """
    options = options or TrainingOptions()
    check_pixels(pixels, config)
    if len(pixels) == 0:
        raise InputError("Expected at least one normal picture, got none. Give some to learn from.")
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(pixels))
    n_validation = options.validation_count(len(pixels))
    validation, training = order[:n_validation], order[n_validation:]
    network = build_autoencoder(config, seed=seed)
    learn, rate = _learning_step(network)
    measure = _measuring_step(network)
    best, lowest, waited = read_weights(network), math.inf, 0
    epochs = options.planned_epochs(len(pixels), config)
    patience = max(5, epochs // 5) if options.patience is None else options.patience
    for _ in _paced(options, epochs, rate):
        losses = [
            learn(_hide(rng, clean, options.denoising), clean)
            for clean in _batches(pixels, rng.permutation(training), options.batch_size)
        ]
        if n_validation:
            batches = _batches(pixels, validation, options.batch_size)
            loss = sum(float(measure(clean)) for clean in batches) / n_validation
        else:
            loss = -math.inf  # nothing to compare by: the last epoch is the best
        logger.debug("Training loss %.5f, validation %.5f.", np.mean(losses), loss)
        waited += 1
        if loss < lowest or not n_validation:
            best, lowest, waited = read_weights(network), loss, 0
        if advance is not None:
            advance(1)
        if waited >= patience:
            break
    return best


def _paced(options: TrainingOptions, epochs: int, rate: keras.Variable) -> Iterator[int]:
    """Count epochs until their number or the time is used up, and lower the rate on the way."""
    start = time.monotonic()
    for epoch in range(epochs):
        done = epoch / epochs
        if options.time_limit is not None:
            done = max(done, (time.monotonic() - start) / options.time_limit)
        if done >= 1:
            return
        rate.assign(_RATE * min(1.0, (1 - done) / _DECAY))
        yield epoch


def _batches(
    pixels: NDArray[np.uint8], order: NDArray[np.int64], size: int
) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(order), size):
        yield pixels[order[start : start + size]].astype(np.float32) / np.float32(255)


def _hide(
    rng: np.random.Generator, clean: NDArray[np.float32], share: float
) -> NDArray[np.float32]:
    """Paint random patches of each picture in its mean colour; `clean` stays as it is."""
    if share == 0:
        return clean
    n_images, height, width, _ = clean.shape
    chosen = rng.random((n_images, _PATCHES, _PATCHES)) < share
    rows, columns = np.arange(height) * _PATCHES // height, np.arange(width) * _PATCHES // width
    hidden = chosen[:, rows][:, :, columns, np.newaxis]  # (n_images, height, width, 1)
    return np.where(hidden, clean.mean(axis=(1, 2), keepdims=True), clean)


def _learning_step(network: keras.Model) -> tuple[Step, keras.Variable]:
    optimizer = keras.optimizers.Adam(_RATE)
    optimizer.build(network.trainable_variables)
    signature = tf.TensorSpec([None, *network.input_shape[1:]], tf.float32)

    def learn(corrupted: Tensor, clean: Tensor) -> Tensor:
        with tf.GradientTape() as tape:
            drawn = network(corrupted, training=True)
            loss = tf.reduce_mean(_losses(clean, drawn))
            total = tf.add_n([loss, *network.losses])
        optimizer.apply(
            tape.gradient(total, network.trainable_variables), network.trainable_variables
        )
        return loss

    step = tf.function(learn, input_signature=[signature, signature], autograph=False)
    return step, optimizer.learning_rate


def _measuring_step(network: keras.Model) -> Measure:
    signature = tf.TensorSpec([None, *network.input_shape[1:]], tf.float32)

    def measure(clean: Tensor) -> Tensor:
        return tf.reduce_sum(_losses(clean, network(clean, training=False)))

    step: Measure = tf.function(measure, input_signature=[signature], autograph=False)
    return step


def _losses(clean: Tensor, drawn: Tensor) -> Tensor:
    """Loss of each picture, (n_images,)."""
    window = min(_WINDOW, (min(clean.shape[1:3]) - 1) // 2 * 2 + 1)
    absolute = tf.reduce_mean(tf.abs(clean - drawn), axis=[1, 2, 3])
    # Every second window is enough for a mean over all of them.
    return ssim_loss(clean, drawn, window=window, stride=2) + absolute
