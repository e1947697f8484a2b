"""Weight names of TF Hub's BERT, and how they map onto `build_bert`.

The names are those of the TensorFlow Model Garden's encoder, which the BERT models on TF Hub were
exported from. Kernels keep the heads as an axis of their own, (hidden, heads, size); here they are
matrices, and query, key and value are joined.
https://github.com/tensorflow/models/blob/master/official/nlp/tools/export_tfhub.py
"""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np

from embedsvc.errors import ArtifactError, InputError
from embedsvc.nets.bert import BertConfig

_WORDS = "word_embeddings/embeddings"
_POSITIONS = "position_embedding/embeddings"
_SEGMENTS = "type_embeddings/embeddings"
_POOLER = "pooler_transform"
# Heads for pretraining: they have no part in the vectors.
_PRETRAINING = "cls/predictions/"

Sources = dict[str, tuple[tuple[str, tuple[int, ...]], ...]]
"""Our variables by path, and the names and shapes that each is joined from."""


def tfhub_config(
    variables: Mapping[str, np.ndarray], *, activation: str = "gelu_tanh"
) -> BertConfig:
    """Find out from the variables of a TF Hub encoder which BERT it is.

    Args:
        variables: by name, without ":0"; one prefix before all names is allowed.
        activation: of `BertConfig`; variables do not tell. TF Hub's BERTs have the tanh form.

    Returns:
        The size, with the constants of the published models: layer-norm epsilon 1e-12 and dropout
        0.1, which variables do not tell either.

    Raises:
        ArtifactError: a variable is missing, has another shape, or has no place in a BERT: it is
            another kind of network.
    """
    variables = _canonical(variables)
    vocabulary_size, hidden_size = _shape(variables, _WORDS, 2)
    layer = "transformer/layer_{}"
    query = f"{layer.format(0)}/self_attention/query/kernel"
    n_layers = 0
    while query.replace("layer_0", f"layer_{n_layers}") in variables:
        n_layers += 1
    try:
        config = BertConfig(
            vocabulary_size=vocabulary_size,
            hidden_size=hidden_size,
            n_layers=n_layers,
            n_heads=_shape(variables, query, 3)[1],
            intermediate_size=_shape(variables, f"{layer.format(0)}/intermediate/kernel", 2)[1],
            max_positions=_shape(variables, _POSITIONS, 2)[0],
            n_segments=_shape(variables, _SEGMENTS, 2)[0],
            activation=activation,
        )
    except InputError as err:
        raise ArtifactError(str(err)) from err
    # All of it is checked here, before memory is taken for a network.
    _check(config, variables)
    return config


def has_tfhub_pooler(variables: Mapping[str, np.ndarray]) -> bool:
    """Whether an encoder holds the dense layer of `pooled_output`."""
    return f"{_POOLER}/kernel" in _canonical(variables)


def load_tfhub_weights(
    network: keras.Model, config: BertConfig, variables: Mapping[str, np.ndarray]
) -> None:
    """Fill a network of `build_bert` with the variables of a TF Hub encoder.

    Args:
        network: the network to fill; its variables change in place.
        config: what the network was built from, which is the `tfhub_config` of the variables.
        variables: as for `tfhub_config`.

    Raises:
        ArtifactError: a variable is missing, has another shape, or has no place in this BERT.
    """
    variables = _canonical(variables)
    _check(config, variables)
    for layer_name, table in _sources(
        config, with_pooler="pooled_output" in network.output
    ).items():
        layer = network.get_layer(layer_name)
        ours = {str(variable.path).split("/", 1)[1]: variable for variable in layer.weights}
        for path, sources in table.items():
            shape = (*ours[path].shape[:-1], -1)
            parts = [np.reshape(variables[name], shape) for name, _ in sources]
            ours[path].assign(np.concatenate(parts, axis=-1))


def _canonical(variables: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Without the prefix that the names share, and without heads for pretraining."""
    ends = [name for name in variables if f"/{name}".endswith(f"/{_WORDS}")]
    if len(ends) != 1:
        raise ArtifactError(
            f"Expected one variable {_WORDS!r}, got {len(ends)}. This is no BERT of TF Hub."
        )
    prefix = ends[0].removesuffix(_WORDS)
    return {
        name.removeprefix(prefix): array
        for name, array in variables.items()
        if _PRETRAINING not in name
    }


def _check(config: BertConfig, variables: Mapping[str, np.ndarray]) -> None:
    with_pooler = f"{_POOLER}/kernel" in variables
    expected = {
        name: shape
        for table in _sources(config, with_pooler=with_pooler).values()
        for sources in table.values()
        for name, shape in sources
    }
    for name, shape in expected.items():
        found = _shape(variables, name, len(shape))
        if found != shape:
            raise ArtifactError(
                f"Expected {name!r} to have the shape {shape} in a BERT of hidden size "
                f"{config.hidden_size} with {config.n_heads} heads, got {found}."
            )
    extra = [name for name in variables if name not in expected]
    if extra:
        raise ArtifactError(
            f"Expected the variables of a BERT with {config.n_layers} layers, got {len(extra)} "
            f"that have no place in it, such as {extra[0]!r}."
        )


def _shape(variables: Mapping[str, np.ndarray], name: str, rank: int) -> tuple[int, ...]:
    if name not in variables:
        raise ArtifactError(f"Expected a variable {name!r}, got none of that name.")
    shape: tuple[int, ...] = variables[name].shape
    if len(shape) != rank:
        raise ArtifactError(f"Expected {name!r} to have {rank} dimensions, got shape {shape}.")
    return shape


def _sources(config: BertConfig, *, with_pooler: bool) -> dict[str, Sources]:
    hidden, inner = config.hidden_size, config.intermediate_size
    by_head = (config.n_heads, hidden // config.n_heads)
    tables: dict[str, Sources] = {
        "embeddings": {
            "word": ((_WORDS, (config.vocabulary_size, hidden)),),
            "position": ((_POSITIONS, (config.max_positions, hidden)),),
            "segment": ((_SEGMENTS, (config.n_segments, hidden)),),
            **_norm("norm", "embeddings/layer_norm", hidden),
        }
    }
    for i in range(config.n_layers):
        theirs = f"transformer/layer_{i}"
        attention = f"{theirs}/self_attention"
        parts = [f"{attention}/{part}" for part in ("query", "key", "value")]
        tables[f"layer_{i}"] = {
            "qkv/kernel": tuple((f"{part}/kernel", (hidden, *by_head)) for part in parts),
            "qkv/bias": tuple((f"{part}/bias", by_head) for part in parts),
            "attention_output/kernel": (
                (f"{attention}/attention_output/kernel", (*by_head, hidden)),
            ),
            "attention_output/bias": ((f"{attention}/attention_output/bias", (hidden,)),),
            **_norm("attention_norm", f"{theirs}/self_attention_layer_norm", hidden),
            **_dense("intermediate/", f"{theirs}/intermediate", hidden, inner),
            **_dense("feed_forward_output/", f"{theirs}/output", inner, hidden),
            **_norm("feed_forward_norm", f"{theirs}/output_layer_norm", hidden),
        }
    if with_pooler:
        tables["pooler"] = _dense("", _POOLER, hidden, hidden)
    return tables


def _dense(ours: str, theirs: str, n_in: int, n_out: int) -> Sources:
    return {
        f"{ours}kernel": ((f"{theirs}/kernel", (n_in, n_out)),),
        f"{ours}bias": ((f"{theirs}/bias", (n_out,)),),
    }


def _norm(ours: str, theirs: str, size: int) -> Sources:
    return {f"{ours}/{name}": ((f"{theirs}/{name}", (size,)),) for name in ("gamma", "beta")}
