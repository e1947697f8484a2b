"""Checkpoint weight names of BERT, and how they map onto `build_bert`.

Hugging Face stores dense kernels as (out, in), so they are transposed, and query, key and value
apart, so they are joined; the way back transposes and splits.
https://huggingface.co/docs/transformers/model_doc/bert
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np

from embedsvc.errors import ArtifactError
from embedsvc.nets.bert import BertConfig

# Old checkpoints name layer normalization's weights after the original TensorFlow code.
_OLD_NAMES = {".LayerNorm.gamma": ".LayerNorm.weight", ".LayerNorm.beta": ".LayerNorm.bias"}
# Heads for pretraining and buffers: they have no part in the vectors.
_NOT_NEEDED = ("cls.", "embeddings.position_ids", "embeddings.token_type_ids", "pooler.")
_NORM = {"gamma": "weight", "beta": "bias"}


@dataclass(frozen=True)
class _Source:
    """Where one of our variables comes from: checkpoint tensors joined along their first axis."""

    names: tuple[str, ...]
    transpose: bool = False


def load_huggingface_weights(
    network: keras.Model, config: BertConfig, tensors: Mapping[str, np.ndarray]
) -> None:
    """Fill a network of `build_bert` with the tensors of a Hugging Face BERT checkpoint.

    Args:
        network: the network to fill; its variables change in place.
        config: what the network was built from.
        tensors: checkpoint tensors by name, with or without a leading "bert.".

    Raises:
        ArtifactError: a tensor is missing, has another shape, or does not belong to this BERT.
    """
    tensors = {_canonical(name): tensor for name, tensor in tensors.items()}
    used: set[str] = set()
    for layer_name, table in _sources(
        config, with_pooler="pooled_output" in network.output
    ).items():
        layer = network.get_layer(layer_name)
        variables = {_short_path(variable): variable for variable in layer.weights}
        for path, source in table.items():
            variables[path].assign(_fetch(source, tensors, variables[path].shape))
            used.update(source.names)
    extra = [name for name in tensors if name not in used and not name.startswith(_NOT_NEEDED)]
    if extra:
        raise ArtifactError(
            f"Expected the weights of a BERT with {config.n_layers} layers, got "
            f"{len(extra)} tensors that have no place in it, such as {extra[0]!r}. "
            "Check that config.json and the weights belong together."
        )


def huggingface_tensors(network: keras.Model, config: BertConfig) -> dict[str, np.ndarray]:
    """The weights of a network of `build_bert` as a Hugging Face BERT checkpoint has them.

    The reverse of `load_huggingface_weights`, to the bit.

    Args:
        network: its pooler is among them where it has one.
        config: what the network was built from.

    Returns:
        Float32 tensors by name, of a BertModel: without a leading "bert.".
    """
    tensors: dict[str, np.ndarray] = {}
    for layer_name, table in _sources(
        config, with_pooler="pooled_output" in network.output
    ).items():
        layer = network.get_layer(layer_name)
        variables = {_short_path(variable): variable for variable in layer.weights}
        for path, source in table.items():
            value = variables[path].numpy()
            parts = np.split(value.T if source.transpose else value, len(source.names))
            tensors |= zip(source.names, map(np.ascontiguousarray, parts), strict=True)
    return tensors


def check_size(config: BertConfig, tensors: Mapping[str, np.ndarray]) -> None:
    """Refuse weights far too small for their config, before memory is taken for the network.

    Smaller differences are left to `load_huggingface_weights`, which names the tensor.

    Raises:
        ArtifactError: the config asks for more than twice the numbers there are.
    """
    hidden = config.hidden_size
    tables = config.vocabulary_size + config.max_positions + config.n_segments
    layer = 4 * hidden * hidden + 2 * hidden * config.intermediate_size
    expected = tables * hidden + config.n_layers * layer
    found = sum(tensor.size for tensor in tensors.values())
    if expected > 2 * found:
        raise ArtifactError(
            f"Expected {expected:,} numbers in the weights of a BERT with "
            f"{config.n_layers} layers, hidden_size {hidden} and {config.vocabulary_size} tokens, "
            f"got {found:,}. Check that config.json and the weights belong together."
        )


def has_pooler(tensors: Mapping[str, np.ndarray]) -> bool:
    """Whether a checkpoint holds the dense layer of `pooled_output`."""
    return "pooler.dense.weight" in {_canonical(name) for name in tensors}


def _canonical(name: str) -> str:
    name = name.removeprefix("bert.")
    for old, new in _OLD_NAMES.items():
        name = name.replace(old, new)
    return name


def _short_path(variable: keras.Variable) -> str:
    """A variable's path inside its layer: "layer_0/qkv/kernel" is "qkv/kernel"."""
    return str(variable.path).split("/", 1)[1]


def _sources(config: BertConfig, *, with_pooler: bool) -> dict[str, dict[str, _Source]]:
    """Our variables by layer and path, and where each comes from."""
    tables = {
        "embeddings": {
            "word": _Source(("embeddings.word_embeddings.weight",)),
            "position": _Source(("embeddings.position_embeddings.weight",)),
            "segment": _Source(("embeddings.token_type_embeddings.weight",)),
            **_norm("norm", "embeddings.LayerNorm"),
        }
    }
    for i in range(config.n_layers):
        prefix = f"encoder.layer.{i}"
        attention = f"{prefix}.attention.self"
        tables[f"layer_{i}"] = {
            **_dense("qkv", *(f"{attention}.{part}" for part in ("query", "key", "value"))),
            **_dense("attention_output", f"{prefix}.attention.output.dense"),
            **_norm("attention_norm", f"{prefix}.attention.output.LayerNorm"),
            **_dense("intermediate", f"{prefix}.intermediate.dense"),
            **_dense("feed_forward_output", f"{prefix}.output.dense"),
            **_norm("feed_forward_norm", f"{prefix}.output.LayerNorm"),
        }
    if with_pooler:
        tables["pooler"] = {
            "kernel": _Source(("pooler.dense.weight",), transpose=True),
            "bias": _Source(("pooler.dense.bias",)),
        }
    return tables


def _dense(ours: str, *theirs: str) -> dict[str, _Source]:
    return {
        f"{ours}/kernel": _Source(tuple(f"{name}.weight" for name in theirs), transpose=True),
        f"{ours}/bias": _Source(tuple(f"{name}.bias" for name in theirs)),
    }


def _norm(ours: str, theirs: str) -> dict[str, _Source]:
    return {
        f"{ours}/{name}": _Source((f"{theirs}.{their_name}",)) for name, their_name in _NORM.items()
    }


def _fetch(
    source: _Source, tensors: Mapping[str, np.ndarray], shape: tuple[int, ...]
) -> np.ndarray:
    missing = [name for name in source.names if name not in tensors]
    if missing:
        raise ArtifactError(
            f"Expected the tensor {missing[0]!r} among the weights, got none of that name. "
            "Check that this is a BERT checkpoint and that the file is complete."
        )
    parts = [tensors[name] for name in source.names]
    if any(part.dtype.kind in "biu" for part in parts):
        raise ArtifactError(
            f"Expected {source.names[0]!r} to be floating point, got {parts[0].dtype}: quantized "
            "weights are not supported. Save the model as float32."
        )
    if any(part.ndim != len(shape) for part in parts):
        raise ArtifactError(
            f"Expected {source.names[0]!r} to have {len(shape)} dimensions, "
            f"got shape {parts[0].shape}."
        )
    if any(part.shape != parts[0].shape for part in parts):
        shapes = ", ".join(str(part.shape) for part in parts)
        raise ArtifactError(
            f"Expected {' + '.join(source.names)} to have the same shape, got {shapes}."
        )
    value = np.concatenate(parts)
    if source.transpose:
        value = value.T
    if value.shape != tuple(shape):
        raise ArtifactError(
            f"Expected {' + '.join(source.names)} to give shape {tuple(shape)}, "
            f"got {value.shape}. Check that config.json and the weights belong together."
        )
    return value.astype(np.float32, copy=False)
