"""From a TF-Hub handle to a text model.

The encoder's variables are copied by name into the same BERT that all text models run on, which
Keras 3 can train, and then the network is compared with the SavedModel itself on a few made-up
token ids. Names alone would not do: two exports can have the same variables and compute something
else, such as another form of GELU. What does not fit, or does not agree, runs as the SavedModel
that it is: frozen.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from embedsvc.encoders.savedmodel import load_saved_model, read_variables, variables_sha256
from embedsvc.encoders.text_model import TextModel, with_final_normalization
from embedsvc.encoders.tfhub_download import fetch
from embedsvc.encoders.tfhub_handles import parse_handle
from embedsvc.encoders.tfhub_tokenizer import SavedModelTokenizer, read_preprocess_tokenizer
from embedsvc.encoders.tfhub_wrapper import call_encoder, wrap_encoder
from embedsvc.errors import ArtifactError, InputError
from embedsvc.nets.bert import BertConfig, build_bert
from embedsvc.nets.bert_weights_tfhub import has_tfhub_pooler, load_tfhub_weights, tfhub_config

logger = logging.getLogger(__name__)

# In the order they are tried: TF Hub's BERTs have the first.
_ACTIVATIONS = ("gelu_tanh", "gelu")
# Of the largest number in the output. A BERT of 24 layers in float32 differs by some 1e-5 from one
# order of summation to another, the wrong GELU by some 1e-3.
_AGREES, _SURELY = 1e-4, 1e-5
_Variables = dict[str, NDArray[np.float32]]
_Found = tuple[keras.Model, BertConfig | None, str]


def load_tfhub_model(
    model: str,
    *,
    pooling: str | None = None,
    normalize: bool | None = None,
    max_tokens: int | None = None,
) -> TextModel:
    """Load an encoder and its preprocess model.

    Args:
        model: a handle as `parse_handle` reads it; what is not on the disk is fetched.
        pooling: None takes the encoder's own `pooled_output`, or the mean of the tokens where it
            has none.
        normalize: whether vectors have length 1; None means no.
        max_tokens: tokens a text, special tokens included; None takes the length that the
            preprocess model pads and cuts to, 128 in the published ones, so that vectors are
            those of the pair. At most the encoder's position embeddings.

    Raises:
        InputError: no such handle or folder, or a setting the model cannot take.
        ArtifactError: a SavedModel is broken, refused, or no encoder or preprocess model.
        WeightsError: a SavedModel could not be fetched.

    Example:
        >>> load_tfhub_model("tfhub:tensorflow/small_bert/bert_en_uncased_L-2_H-128_A-2/2").pooling
        'pooled'
    """
    pair = parse_handle(model)
    folder = fetch(pair.encoder)
    tokenizer = read_preprocess_tokenizer(fetch(pair.preprocess), max_tokens=max_tokens)
    variables = read_variables(folder)
    module = load_saved_model(folder)
    found = _as_bert(pair.name, module, variables, pooling, tokenizer)
    if found is None:
        found = _as_it_is(pair.name, module, folder, pooling, tokenizer)
    network, config, pooling = found
    return TextModel(
        name=pair.name,
        sha256=variables_sha256(folder),
        config=config,
        tokenizer=tokenizer,
        network=network,
        pooling=pooling,
        modules=with_final_normalization((), normalize=normalize),
        max_tokens=tokenizer.max_tokens,
    )


def _as_bert(
    name: str,
    module: Any,
    variables: _Variables,
    pooling: str | None,
    tokenizer: SavedModelTokenizer,
) -> _Found | None:
    """The encoder as the BERT that it is, or None with a notice why it is none."""
    try:
        config = tfhub_config(variables)
    except ArtifactError as err:
        _tell_what_is_lost(name, str(err))
        return None
    _check_tokens(tokenizer, config)
    pooling = _choose_pooling(name, pooling, has_pooler=has_tfhub_pooler(variables))
    inputs = _made_up(config)
    expected = call_encoder(module, inputs)
    tried: list[tuple[float, keras.Model, BertConfig]] = []
    for activation in _ACTIVATIONS:
        config = replace(config, activation=activation)
        network = build_bert(config, with_pooler=pooling == "pooled", dtype="float32")
        load_tfhub_weights(network, config, variables)
        tried.append((_difference(network, inputs, expected), network, config))
        if tried[-1][0] <= _SURELY:
            break
    difference, network, config = min(tried, key=lambda one: one[0])
    if difference > _AGREES:
        _tell_what_is_lost(
            name,
            f"Expected its variables in a BERT to give what it gives itself, got vectors that "
            f"differ by {difference:.1e} of their largest number.",
        )
        return None
    logger.info("%s and its BERT agree to %.0e of the largest number.", name, difference)
    return network, config, pooling


def _as_it_is(
    name: str, module: Any, folder: Path, pooling: str | None, tokenizer: SavedModelTokenizer
) -> _Found:
    """The SavedModel behind one layer."""
    network = wrap_encoder(
        module, folder, max_tokens=tokenizer.max_tokens, vocabulary_size=tokenizer.vocabulary_size
    )
    pooling = _choose_pooling(name, pooling, has_pooler="pooled_output" in network.output)
    return network, None, pooling


def _choose_pooling(name: str, pooling: str | None, *, has_pooler: bool) -> str:
    if pooling == "pooled" and not has_pooler:
        raise InputError(
            f"Expected pooling to be mean, cls or max: {name} has no weights for 'pooled'."
        )
    return pooling or ("pooled" if has_pooler else "mean")


def _check_tokens(tokenizer: SavedModelTokenizer, config: BertConfig) -> None:
    if tokenizer.max_tokens > config.max_positions:
        raise InputError(
            f"Expected max_tokens from 3 to {config.max_positions}, the model's position "
            f"embeddings, got {tokenizer.max_tokens}."
        )
    if tokenizer.vocabulary_size > config.vocabulary_size:
        raise ArtifactError(
            f"Expected the preprocess model in {tokenizer.folder} to have at most "
            f"{config.vocabulary_size} tokens, as the encoder has, got "
            f"{tokenizer.vocabulary_size}. Check that the two belong together."
        )


def _made_up(config: BertConfig) -> dict[str, NDArray[np.int32]]:
    """Token ids of a few texts of different lengths, for a comparison."""
    generator = np.random.default_rng(0)
    length = min(12, config.max_positions)
    lengths = np.array([[length], [max(1, length - 3)], [1]])
    mask = (np.arange(length) < lengths).astype(np.int32)
    token_ids = generator.integers(0, config.vocabulary_size, mask.shape, dtype=np.int32)
    segments = generator.integers(0, config.n_segments, mask.shape, dtype=np.int32)
    return {
        "token_ids": token_ids * mask,
        "segment_ids": segments * mask,
        "attention_mask": mask,
    }


def _difference(network: keras.Model, inputs: dict[str, Any], expected: dict[str, Any]) -> float:
    """The largest difference of any output, as a part of the largest number in it."""
    found = network(inputs, training=False)
    largest = 0.0
    for name, ours in found.items():
        if name not in expected:
            return float("inf")
        theirs, ours = np.asarray(expected[name]), np.asarray(ours)
        if theirs.shape != ours.shape:
            return float("inf")
        if ours.ndim == 3:  # (batch, length, dim): padding means nothing
            tokens = inputs["attention_mask"] == 1
            theirs, ours = theirs[tokens], ours[tokens]
        part = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
        largest = max(largest, part) if np.isfinite(part) else float("inf")
    return largest


def _tell_what_is_lost(name: str, why: str) -> None:
    logger.warning(
        "%s runs frozen, as the SavedModel that it is: it cannot be fine-tuned (a head on its "
        "vectors can), its dropout stays off, and it is slower than the built-in BERT. %s",
        name,
        why,
    )
