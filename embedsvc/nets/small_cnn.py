"""A small fully-convolutional network to learn from scratch, where no pretrained one suits."""

from __future__ import annotations

from collections.abc import Iterable

import keras

from embedsvc.nets.layers import Tensor

# Channels by stride; two convolutions each.
_STAGES = ((2, 24), (4, 48), (8, 96), (16, 128))
_GROUPS = 8
SMALL_TAPS = tuple(f"stride{stride}" for stride, _ in _STAGES)
"""Outputs by name: the last map of each stride."""


def build_small_cnn(taps: Iterable[str] = SMALL_TAPS, *, seed: int = 0) -> keras.Model:
    """Build the network, its weights drawn from the seed (He et al. 2015, arXiv:1502.01852).

    Activations are normalized by groups of channels over one picture (Wu & He 2018,
    arXiv:1803.08494): what a picture gives does not depend on its neighbours in the batch.

    Args:
        taps: names out of `SMALL_TAPS`.
        seed: of the weights.

    Returns:
        A model from pixels, float32 of shape (n_images, height, width, 3) with values 0 to 255, to
        a dict of float32 maps of shape (n_images, height', width', channels) by name.
    """
    taps = tuple(taps)
    if not taps or not set(taps) <= set(SMALL_TAPS):
        raise ValueError(f"Expected taps out of {', '.join(SMALL_TAPS)}, got {list(taps)}.")
    pixels = keras.Input((None, None, 3), dtype="float32", name="pixels")
    x = keras.layers.Rescaling(1 / 64, offset=-127 / 64, name="scale")(pixels)
    found: dict[str, Tensor] = {}
    for stage, (stride, channels) in enumerate(_STAGES):
        name = f"stride{stride}"
        x = _convolution(f"{name}_down", x, channels, stride=2, seed=seed + 2 * stage)
        x = found[name] = _convolution(name, x, channels, stride=1, seed=seed + 2 * stage + 1)
    return keras.Model(pixels, {tap: found[tap] for tap in taps}, name="small_cnn")


def _convolution(name: str, x: Tensor, channels: int, *, stride: int, seed: int) -> Tensor:
    start = keras.initializers.HeNormal(seed=seed)
    convolution = keras.layers.Conv2D(
        channels, 3, strides=stride, padding="same", kernel_initializer=start, name=name
    )
    x = keras.layers.GroupNormalization(_GROUPS, name=f"{name}_norm")(convolution(x))
    return keras.layers.ReLU(name=f"{name}_relu")(x)
