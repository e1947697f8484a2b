"""EfficientNet-Lite0, with a named output at every block.

EfficientNet (Tan & Le 2019, https://arxiv.org/abs/1905.11946) without squeeze-and-excitation and
with ReLU6, as https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite has
it. Batch normalization is folded into the convolutions when weights are loaded: with statistics
that stay as they are, the two are one affine map, and one convolution with a bias is faster.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import keras

Tensor = Any

STEM_CHANNELS = 32
HEAD_CHANNELS = 1280
N_CLASSES = 1000


@dataclass(frozen=True)
class BlockConfig:
    """One inverted-residual block.

    Attributes:
        kernel: height and width of the depthwise convolution.
        stride: of the depthwise convolution.
        expand: channels inside the block, as a multiple of those of its input.
        inputs: channels of its input.
        outputs: channels of its output.
    """

    kernel: int
    stride: int
    expand: int
    inputs: int
    outputs: int

    @property
    def has_shortcut(self) -> bool:
        """Whether the input is added to the output."""
        return self.stride == 1 and self.inputs == self.outputs


# Repeats, kernel, stride of the first, expansion, output channels.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def _blocks() -> tuple[BlockConfig, ...]:
    blocks: list[BlockConfig] = []
    channels = STEM_CHANNELS
    for repeats, kernel, stride, expand, outputs in _STAGES:
        for repeat in range(repeats):
            blocks.append(
                BlockConfig(kernel, stride if repeat == 0 else 1, expand, channels, outputs)
            )
            channels = outputs
    return tuple(blocks)


BLOCKS = _blocks()
TAPS = (
    "stem",
    *(f"block{i}" for i in range(len(BLOCKS))),
    *(f"block{i}_expand" for i, block in enumerate(BLOCKS) if block.expand > 1),
    "head",
    "logits",
)
"""Outputs by name: a block's result, the activation inside it after its expansion, the ReLU6 of the
last convolution (1,280 channels at stride 32), and the ImageNet logits."""


def build_efficientnet_lite0(taps: Iterable[str]) -> keras.Model:
    """Build the network up to the last of the outputs asked for.

    Args:
        taps: names out of `TAPS`.

    Returns:
        A model from pixels, float32 of shape (n_images, height, width, 3) with values 0 to 255 in
        RGB, to a dict of float32 maps of shape (n_images, height', width', channels) by name;
        "logits" has shape (n_images, 1000).
    """
    taps = list(taps)
    unknown = sorted(set(taps) - set(TAPS))
    if unknown or not taps:
        raise ValueError(f"Expected taps out of {', '.join(TAPS)}, got {taps}.")

    # Layers
    pixels = keras.Input((None, None, 3), dtype="float32", name="pixels")
    scale = keras.layers.Rescaling(1 / 128, offset=-127 / 128, name="scale")
    found: dict[str, Tensor] = {}

    # Wiring
    x = found["stem"] = _conv("stem", scale(pixels), STEM_CHANNELS, kernel=3, stride=2)
    for i, block in enumerate(BLOCKS):
        if set(taps) <= set(found):
            break
        x, expanded = _inverted_residual(f"block{i}", x, block)
        found[f"block{i}"] = x
        if expanded is not None:
            found[f"block{i}_expand"] = expanded
    if not set(taps) <= set(found):
        found["head"] = x = _conv("head", x, HEAD_CHANNELS, kernel=1)
        mean = keras.layers.GlobalAveragePooling2D(name="mean")(x)
        found["logits"] = keras.layers.Dense(N_CLASSES, name="logits")(mean)
    return keras.Model(pixels, {name: found[name] for name in taps}, name="efficientnet_lite0")


def _inverted_residual(name: str, x: Tensor, block: BlockConfig) -> tuple[Tensor, Tensor | None]:
    """Expand the channels, filter each in space, project them; returns output and expansion."""
    expanded = None
    inside = x
    if block.expand > 1:
        inside = expanded = _conv(f"{name}_expand", x, block.inputs * block.expand, kernel=1)
    inside = keras.layers.DepthwiseConv2D(
        block.kernel, strides=block.stride, padding="same", name=f"{name}_depthwise"
    )(inside)
    inside = keras.layers.ReLU(max_value=6.0, name=f"{name}_depthwise_relu6")(inside)
    output = keras.layers.Conv2D(block.outputs, 1, padding="same", name=f"{name}_project")(inside)
    if block.has_shortcut:
        output = keras.layers.Add(name=f"{name}_add")([x, output])
    return output, expanded


def _conv(name: str, x: Tensor, channels: int, *, kernel: int, stride: int = 1) -> Tensor:
    x = keras.layers.Conv2D(channels, kernel, strides=stride, padding="same", name=name)(x)
    return keras.layers.ReLU(max_value=6.0, name=f"{name}_relu6")(x)
