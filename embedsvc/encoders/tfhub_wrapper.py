"""An encoder SavedModel of any family behind one Keras layer, frozen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from embedsvc.errors import ArtifactError, InputError
from embedsvc.nets.layers import Shape, Tensor

# Their names of our inputs.
INPUTS = {
    "input_word_ids": "token_ids",
    "input_type_ids": "segment_ids",
    "input_mask": "attention_mask",
}
OUTPUTS = ("sequence_output", "pooled_output")
# What calling a SavedModel raises when it is not made as expected, or runs out of positions.
_CALL_ERRORS = (tf.errors.OpError, ValueError, TypeError, KeyError, AttributeError)


def call_encoder(module: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """Call a loaded encoder SavedModel for inference.

    Args:
        module: what `load_saved_model` returned.
        inputs: int32 arrays of shape (batch, length) under our names.

    Returns:
        Those of `OUTPUTS` that it has.

    Raises:
        ArtifactError: it does not take these inputs, or gives no dict.
    """
    try:
        outputs = _call(module, inputs)
        return {name: outputs[name] for name in OUTPUTS if name in outputs}
    except _CALL_ERRORS as err:
        raise ArtifactError(
            f"Expected an encoder that takes a dict of {', '.join(INPUTS)} and returns one, as "
            f"TF Hub's do since version 3, got: {str(err).strip().splitlines()[0][:300]}. Take a "
            "newer version of the model, and check that it is no preprocess model."
        ) from err


def wrap_encoder(
    module: Any, folder: Path, *, max_tokens: int, vocabulary_size: int
) -> keras.Model:
    """Put a loaded encoder SavedModel into a Keras model, without a weight that could be trained.

    Args:
        module: what `load_saved_model` returned.
        folder: where it was read.
        max_tokens: the longest text it will be called with.
        vocabulary_size: one more than the largest token id it will be called with.

    Returns:
        A model from `token_ids`, `segment_ids` and `attention_mask`, each int32 of shape
        (batch, length), to a dict with `sequence_output`, of shape (batch, length, dim), and
        `pooled_output`, of shape (batch, dim), if the encoder has one.

    Raises:
        ArtifactError: it cannot be called, has no `sequence_output`, or has fewer tokens.
        InputError: it takes no texts as long as that.
    """
    outputs = call_encoder(module, _probe(length=3))
    if "sequence_output" not in outputs:
        raise ArtifactError(
            "Expected an encoder with the output sequence_output, got none. Encoders that give "
            "one vector a text alone are not supported."
        )
    if not _accepts(module, _probe(length=max_tokens)):
        raise InputError(
            f"Expected max_tokens that the encoder takes, got {max_tokens}, with which calling it "
            "fails. Pass a smaller number."
        )
    if not _accepts(module, _probe(length=3, token_id=vocabulary_size - 1)):
        raise ArtifactError(
            f"Expected an encoder of {vocabulary_size} tokens, as many as its preprocess model "
            "has, got one that fails on the last of them. Check that the two belong together."
        )
    dims = {name: int(output.shape[-1]) for name, output in outputs.items()}
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in INPUTS.values()}
    layer = SavedModelLayer(module, folder, dims, dtype="float32", name="saved_model")
    return keras.Model(inputs, layer(inputs), name="encoder")


class SavedModelLayer(keras.layers.Layer):
    """Calls a loaded encoder for inference; its variables are nobody's weights.

    Args:
        module: what `load_saved_model` returned.
        folder: where it was read.
        dims: the outputs to return, and the last dimension of each.
    """

    def __init__(self, module: Any, folder: Path, dims: dict[str, int], **kwargs: Any) -> None:
        super().__init__(trainable=False, **kwargs)
        self.module = module
        self.folder = folder
        self.dims = dims

    def call(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Int32 inputs of shape (batch, length) to the outputs by name."""
        outputs = _call(self.module, inputs)
        return {name: outputs[name] for name in self.dims}

    def compute_output_shape(self, inputs_shape: dict[str, Shape]) -> dict[str, Shape]:
        """(batch, length, dim) for the sequence, (batch, dim) for the pooled output."""
        batch, length = inputs_shape["token_ids"]
        shapes: dict[str, Shape] = {name: (batch, dim) for name, dim in self.dims.items()}
        return {**shapes, "sequence_output": (batch, length, self.dims["sequence_output"])}


def _probe(*, length: int, token_id: int = 0) -> dict[str, Any]:
    zeros = np.zeros((1, length), np.int32)
    return {"token_ids": zeros + token_id, "segment_ids": zeros, "attention_mask": zeros + 1}


def _accepts(module: Any, inputs: dict[str, Any]) -> bool:
    try:
        call_encoder(module, inputs)
    except ArtifactError:
        return False
    return True


def _call(module: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    named = {theirs: tf.convert_to_tensor(inputs[ours]) for theirs, ours in INPUTS.items()}
    # Dropout in the exported graph cannot be seeded: it is never switched on.
    outputs: dict[str, Any] = module(named, training=False)
    return outputs
