"""Penalties on what layers put out and on their weights.

A penalty on activations is a Keras regularizer: a function from activations to a scalar that grows
with each text. As Keras does it, the scalar is divided by the number of texts in the batch, so
that its strength does not depend on the batch size. Activations at padding are set to zero first:
how far a text is padded depends on its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import keras
import tensorflow as tf

from embedsvc.errors import InputError
from embedsvc.nets.layers import Tensor
from embedsvc.nets.penalty_names import penalty_factors

Penalty = Callable[[Tensor], Tensor]


def parse_penalty(text: str) -> Penalty:
    """A penalty from its name: "l1:1e-5", "l2:1e-4", or "l1l2:1e-5,1e-4".

    Raises:
        InputError: something else.

    Example:
        >>> float(parse_penalty("l2:0.5")(tf.constant([1.0, 2.0])))
        2.5
    """
    penalty: Penalty = keras.regularizers.L1L2(**penalty_factors(text))
    return penalty


def layer_paths(network: keras.Model) -> dict[str, keras.layers.Layer]:
    """All layers of a network by path: "layer_0", "layer_0/intermediate", "logits".

    Models inside the network add nothing to a path.
    """
    found: dict[str, keras.layers.Layer] = {}

    def visit(layer: keras.layers.Layer, prefix: str) -> None:
        for inner in layer._flatten_layers(include_self=False, recursive=False):
            if isinstance(inner, keras.Model):
                visit(inner, prefix)
            elif not isinstance(inner, keras.layers.InputLayer):
                found.setdefault(f"{prefix}{inner.name}", inner)
                visit(inner, f"{prefix}{inner.name}/")

    visit(network, "")
    return found


def find_layers(network: keras.Model, paths: Mapping[str, object]) -> dict[str, keras.layers.Layer]:
    """The layers of these paths.

    Raises:
        InputError: there is no such layer; the message lists those that are.
    """
    known = layer_paths(network)
    for path in paths:
        if path not in known:
            listed = ", ".join(name for name in known if "/" not in name)
            inner = next((name for name in known if "/" in name), "")
            more = f", or a layer inside of one, such as {inner}" if inner else ""
            raise InputError(
                f"Expected a penalty on a layer out of {listed}{more}; got {path!r}. "
                "Correct the name."
            )
        if known[path].activity_regularizer is not None:
            raise InputError(
                f"Expected {path!r} to have no activity regularizer of its own beside the penalty "
                "asked for. Leave one of them out."
            )
    return {path: known[path] for path in paths}


@contextmanager
def recorded(layers: Mapping[str, keras.layers.Layer]) -> Iterator[dict[str, list[Tensor]]]:
    """Record what layers put out while the network is called inside the block.

    Yields:
        The outputs by path, filled as the network runs.
    """
    seen: dict[str, list[Tensor]] = {path: [] for path in layers}
    for path, layer in layers.items():
        # Keras hands every output to this hook, whatever the layer and however deep it stands.
        layer.activity_regularizer = _Recorder(seen[path])
    try:
        yield seen
    finally:
        for layer in layers.values():
            layer.activity_regularizer = None


def penalize(penalty: Penalty, outputs: list[Tensor], attention_mask: Tensor | None) -> Tensor:
    """A penalty on a layer's outputs, divided by the number of texts.

    Args:
        penalty: from activations to a scalar.
        outputs: float tensors; of shape (n_texts, ...), (n_texts, length, ...), or
            (n_texts * length, dim).
        attention_mask: int tensor of shape (n_texts, length), 1 for tokens; None without texts.

    Returns:
        A scalar.
    """
    total = tf.add_n([penalty(_without_padding(output, attention_mask)) for output in outputs])
    rows = outputs[0] if attention_mask is None else attention_mask
    return total / tf.cast(tf.shape(rows)[0], total.dtype)


def _without_padding(output: Tensor, attention_mask: Tensor | None) -> Tensor:
    if attention_mask is None:
        return output
    mask = tf.cast(attention_mask, output.dtype)
    if output.shape.rank == 2:
        # Layers inside of a BERT see all tokens as one matrix.
        flat = tf.reshape(mask, [-1, 1])
        is_tokens = tf.equal(tf.shape(output)[0], tf.shape(flat)[0])
        return tf.cond(is_tokens, lambda: output * flat, lambda: output)
    if output.shape.rank == 3:
        return output * mask[:, :, tf.newaxis]
    return output


class _Recorder(keras.regularizers.Regularizer):
    """Keeps what it is called with."""

    def __init__(self, seen: list[Tensor]) -> None:
        self._seen = seen

    def __call__(self, x: Tensor) -> Tensor:
        self._seen.append(x)
        return tf.zeros([], x.dtype)
