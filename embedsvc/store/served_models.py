"""A text model in TensorFlow's SavedModel format, for TensorFlow Serving.

Tokenizer, prompt and cutting at the most tokens are inside, so that texts go in. The operations are
those of TensorFlow and TensorFlow Text, both of which TensorFlow Serving has. The graph is that of
the machine where it was traced: for a server with a GPU, export on a machine with one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import keras
import tensorflow as tf

from embedsvc.encoders.text_model import TextModel
from embedsvc.encoders.tfhub_wrapper import SavedModelLayer
from embedsvc.errors import InputError, OutputError
from embedsvc.nets.layers import Tensor
from embedsvc.nets.served_graph import Pack, ServedGraph, ServedLabels
from embedsvc.nets.string_tokenizer import StringTokenizer
from embedsvc.text.tokenizer import TextTokenizer
from embedsvc.text.wordpiece_rules import read_rules


@runtime_checkable
class Packing(Protocol):
    """A tokenizer that also works inside a graph, from a loaded SavedModel."""

    @property
    def module(self) -> Any:
        """The SavedModel, which holds the tables."""
        ...

    def pack(self, texts: Tensor) -> dict[str, Tensor]:
        """Strings of shape (n,) to `token_ids`, `segment_ids`, `attention_mask`, (n, length)."""
        ...


def serve(
    model: TextModel, network: keras.Model, labels: ServedLabels | None = None
) -> ServedGraph:
    """Put a tokenizer in front of a network.

    Args:
        model: its tokenizer, prompt and limit.
        network: from token ids to a dict of `embedding` and, with labels, `probabilities`.
        labels: None for a model that only embeds.

    Raises:
        InputError: the tokenizer cannot become part of a graph.
    """
    pack, tables = _packing(model)
    # An encoder of another family is a SavedModel itself.
    loaded = [layer.module for layer in network.layers if isinstance(layer, SavedModelLayer)]
    return ServedGraph(pack, network, prompt=model.prompt, labels=labels, parts=[tables, *loaded])


def write_served_model(folder: Path, graph: ServedGraph) -> tuple[str, ...]:
    """Write a SavedModel.

    Args:
        folder: empty or new.
        graph: what to write.

    Returns:
        The names of the signatures.

    Raises:
        OutputError: TensorFlow cannot write there.
    """
    signatures = graph.signatures()
    try:
        tf.saved_model.save(graph, str(folder), signatures=signatures)
    except tf.errors.OpError as err:
        raise OutputError(
            f"Expected to write a SavedModel to {folder}, got: {err.message or err}. Cure that, or "
            "choose another folder."
        ) from err
    return tuple(signatures)


def _packing(model: TextModel) -> tuple[Pack, Any]:
    """The tokenizer as a function for a graph, and what holds its tables."""
    tokenizer = model.tokenizer
    if isinstance(tokenizer, TextTokenizer):
        rules = read_rules(tokenizer.to_json())
        in_graph = StringTokenizer(rules, max_tokens=tokenizer.max_tokens)
        return in_graph.pack, in_graph
    if isinstance(tokenizer, Packing):
        return tokenizer.pack, tokenizer.module
    raise InputError(
        f"Expected a tokenizer of Hugging Face or TF Hub to put into a graph, got that of "
        f"{model.name}, a {type(tokenizer).__name__}. Load the model from a folder or a handle."
    )
