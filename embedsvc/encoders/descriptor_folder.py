"""A trained descriptor's folder, as far as it is a network: what describes whole images too.

    FOLDER/
      model.json              "network": which tower, which of its maps, how many components
      weights.safetensors     "tower/..." and "head/...", by the paths of their variables

Whatever is read is checked before it is used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from embedsvc.encoders.backbone import Backbone
from embedsvc.encoders.descriptor_layout import DESCRIPTOR_FILE, WEIGHTS_FILE
from embedsvc.encoders.huggingface import read_tensors
from embedsvc.errors import ArtifactError, InputError
from embedsvc.files import format_bytes, read_json, sha256_of
from embedsvc.nets.descriptor import TOWERS, DescriptorNetwork, build_dense, build_descriptor
from embedsvc.nets.feature_maps import MapShape

MOST_COMPONENTS = 4096
# Whole images are described at this spacing and, unless asked otherwise, this size: warped crops
# found their picture best at it, of 256, 320 and 480 pixels.
_STRIDE, _INPUT_SIZE = 8, 256
# Ten times the largest tower with the widest projection.
_MOST_BYTES = 256_000_000
_CURE = "Copy the folder again, or train the descriptor again."


def descriptor_arrays(network: DescriptorNetwork) -> dict[str, NDArray[np.float32]]:
    """All weights by name, as they are saved."""
    return {name: variable.numpy() for name, variable in _variables(network).items()}


def read_descriptor_network(folder: Path) -> DescriptorNetwork:
    """Build the network of a folder and fill it.

    Raises:
        ArtifactError: the folder is no descriptor, or its files do not belong together.
    """
    about = read_json(folder / DESCRIPTOR_FILE).get("network")
    network = _build(about, folder / DESCRIPTOR_FILE)
    tensors = _read_weights(folder / WEIGHTS_FILE)
    variables = _variables(network)
    for name, variable in variables.items():
        found = tensors.get(name)
        if found is None or found.dtype != np.float32 or found.shape != tuple(variable.shape):
            got = "none" if found is None else f"{found.dtype} of shape {found.shape}"
            raise ArtifactError(
                f"Expected {name} as float32 of shape {tuple(variable.shape)} in "
                f"{folder / WEIGHTS_FILE}, got {got}. {_CURE}"
            )
        if not np.isfinite(found).all():
            raise ArtifactError(
                f"Expected finite numbers in {name} of {folder / WEIGHTS_FILE}, got NaN or "
                f"infinity. {_CURE}"
            )
    for name, variable in variables.items():
        variable.assign(tensors[name])
    return network


def load_descriptor_backbone(folder: Path, taps: tuple[str, ...]) -> Backbone:
    """Load a folder's descriptor as a network whose one map is that of the descriptors.

    Raises:
        InputError: another map than "last" is asked for.
        ArtifactError: the folder is no usable descriptor.
    """
    if tuple(taps) != ("last",):
        raise InputError(
            f"Expected the tap 'last', the only map of the descriptor in {folder}, got "
            f"{list(taps)}."
        )
    network = read_descriptor_network(folder)
    return Backbone(
        name=folder.resolve().name,
        sha256=sha256_of(folder / WEIGHTS_FILE),
        network=build_dense(network, stride=_STRIDE),
        shapes={"last": MapShape(_STRIDE, network.dim)},
        input_size=_INPUT_SIZE,
        normalize=True,
    )


def _build(about: Any, path: Path) -> DescriptorNetwork:
    values = about if isinstance(about, dict) else {}
    backbone, taps, dim = values.get("backbone"), values.get("taps"), values.get("dim")
    if not (
        isinstance(backbone, str)
        and backbone in TOWERS
        and isinstance(taps, list)
        and 0 < len(taps) <= len(TOWERS[backbone])
        and all(isinstance(tap, str) for tap in taps)
        and len(set(taps)) == len(taps)
        and set(taps) <= set(TOWERS[backbone])
        and type(dim) is int
        and 2 <= dim <= MOST_COMPONENTS
    ):
        raise ArtifactError(
            f"Expected network in {path} with a backbone out of {', '.join(TOWERS)}, different "
            f"taps of it, and a dim from 2 to {MOST_COMPONENTS}, got {str(about)[:200]}. {_CURE}"
        )
    return build_descriptor(backbone, tuple(taps), dim=dim)


def _read_weights(path: Path) -> dict[str, NDArray[np.float32]]:
    size = path.stat().st_size if path.is_file() else 0
    if size > _MOST_BYTES:
        raise ArtifactError(
            f"Expected weights of at most {format_bytes(_MOST_BYTES)} in {path}, got "
            f"{format_bytes(size)}. {_CURE}"
        )
    return read_tensors(path)


def _variables(network: DescriptorNetwork) -> dict[str, keras.Variable]:
    parts = (("tower", network.tower), ("head", network.head))
    return {f"{part}/{one.path}": one for part, model in parts for one in model.variables}
