"""Which layers of a network give which map: found in the graph of its layers.

A map of a certain stride is best taken where everything the network knows of the picture passes
through it, as late as possible, and before a block widens it only to shrink it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras

# Large, so that borders without padding hardly change the ratio of the sides.
_PROBE_SIZE = 1024
LARGEST_STRIDE = 32
# Inverted residual blocks and the last convolution before a classifier widen 3 to 6 times.
_WIDENING = 2


@dataclass(frozen=True)
class MapShape:
    """What a layer's output is like.

    Attributes:
        stride: pixels of the picture a position of the map, a power of two.
        channels: of the map.
    """

    stride: int
    channels: int


def map_shapes(network: keras.Model) -> dict[str, MapShape]:
    """The layers whose output is a map, in the order of the network.

    Args:
        network: a functional model from pictures of shape (n_images, height, width, 3).

    Returns:
        By layer name; layers made of layers are left out, and so are outputs that are no float
        maps of a stride up to 32.
    """
    outputs = map_outputs(network)
    shapes = output_shapes(keras.Model(network.inputs[0], outputs))
    in_order = ((name, shapes[name]) for name in outputs)
    return {name: shape for name, shape in in_order if shape.stride <= LARGEST_STRIDE}


def output_shapes(network: keras.Model) -> dict[str, MapShape]:
    """The maps that a network returns in a dict, by their names; nothing is computed."""
    size = network.inputs[0].shape[1] or _PROBE_SIZE
    probe = keras.KerasTensor((1, size, size, 3), dtype="float32")
    return {
        name: MapShape(_stride(size, spec.shape[1]), int(spec.shape[3]))
        for name, spec in network.compute_output_spec(probe).items()
    }


def map_outputs(network: keras.Model) -> dict[str, Any]:
    """The symbolic outputs of all layers that give a map, by layer name."""
    # Bare operations, such as the sum `x + y`, are no layers to Keras, but have a map as well.
    return {
        operation.name: operation.output
        for operation in network.operations
        if not isinstance(operation, (keras.Model, keras.layers.InputLayer))
        and _is_map(operation.output)
    }


def generic_taps(network: keras.Model, shapes: dict[str, MapShape]) -> dict[str, str]:
    """The layer that stands for each stride.

    Args:
        network: as for `map_shapes`.
        shapes: what `map_shapes` returned for it.

    Returns:
        Layer names by "stride1", "stride2", "stride4" and so on, as far as the network has them,
        and by "last", its final map.
    """
    graph = _read_graph(network)
    cuts = _cuts(graph)
    taps = {}
    for stride in sorted({shape.stride for shape in shapes.values()}):
        # Maps of three channels are the picture itself, scaled; padding adds nothing but borders.
        names = [
            name
            for name, shape in shapes.items()
            if shape.stride == stride and shape.channels > 3 and graph[name].kind != "ZeroPadding2D"
        ]
        through = [name for name in names if name in cuts]
        if through:
            taps[f"stride{stride}"] = _before_widening(network, shapes, graph, through)
        elif merges := [name for name in names if graph[name].kind in ("Add", "Concatenate")]:
            # No layer that everything passes: the last one where paths meet.
            taps[f"stride{stride}"] = merges[-1]
    return {**taps, "last": _last(network, shapes)}


@dataclass(frozen=True)
class _Node:
    kind: str
    sources: frozenset[str]


def _is_map(output: Any) -> bool:
    return (
        isinstance(output, keras.KerasTensor)
        and len(output.shape) == 4
        and str(output.dtype).startswith("float")
        and output.shape[3] is not None
    )


def _stride(size: int, map_size: int) -> int:
    # Without padding a map is a little smaller than the picture divided by the stride.
    return int(2 ** round(math.log2(size / map_size)))


def _read_graph(network: keras.Model) -> dict[str, _Node]:
    """What each layer is and which layers feed it, sources first."""
    return {
        layer["name"]: _Node(layer["class_name"], frozenset(_sources(layer["inbound_nodes"])))
        for layer in network.get_config()["layers"]
    }


def _sources(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            yield value["config"]["keras_history"][0]
            return
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from _sources(part)


def _cuts(graph: dict[str, _Node]) -> set[str]:
    """The layers that every path from the picture to the result passes through."""
    position = {name: i for i, name in enumerate(graph)}
    last_use = dict(position)
    for name, node in graph.items():
        for source in node.sources:
            last_use[source] = max(last_use[source], position[name])
    cuts, open_until = set(), 0
    for name, i in position.items():
        if open_until <= i:  # nothing from before is still needed behind this layer
            cuts.add(name)
        open_until = max(open_until, last_use[name])
    return cuts


def _before_widening(
    network: keras.Model, shapes: dict[str, MapShape], graph: dict[str, _Node], names: list[str]
) -> str:
    """The last of the layers, or the one before a 1x1 convolution that only widens it."""
    convolutions = [name for name in names if graph[name].kind == "Conv2D"]
    if convolutions:
        last = convolutions[-1]
        (source,) = graph[last].sources
        if (
            network.get_layer(last).kernel_size == (1, 1)
            and source in shapes
            and shapes[source].stride == shapes[last].stride
            and shapes[last].channels > _WIDENING * shapes[source].channels
        ):
            return source
    return names[-1]


def _last(network: keras.Model, shapes: dict[str, MapShape]) -> str:
    final = {id(output) for output in network.outputs}
    outputs = map_outputs(network)
    names = [name for name in shapes if id(outputs[name]) in final]
    return (names or list(shapes))[-1]
