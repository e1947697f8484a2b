"""A Hugging Face or sentence-transformers folder, read as untrusted data.

What would change the numbers is either supported or refused by name, never ignored. Layout:
https://sbert.net/docs/sentence_transformer/usage/custom_models.html
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from embedsvc.errors import ArtifactError, InputError
from embedsvc.files import read_json, read_json_value
from embedsvc.nets.bert import BertConfig
from embedsvc.nets.pooling import POOLINGS
from embedsvc.nets.text_encoder import DenseModule
from embedsvc.text.tokenizer import (
    lowercase_first,
    read_tokenizer_json,
    read_vocabulary,
    use_bert_words,
)

# A SavedModel of TF Hub stands in for the tokenizer's files in what we save ourselves.
PREPROCESS = "preprocess"

_ACTIVATIONS = {"gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh"}
# Config fields that change the numbers, and the only value under which they do not.
_NEUTRAL = {
    "model_type": "bert",
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
    "pruned_heads": {},
    "quantization_config": None,
}
# The same for sentence_bert_config.json.
_NEUTRAL_TRANSFORMER: dict[str, Any] = {
    "transformer_task": "feature-extraction",
    "module_output_name": "token_embeddings",
    "processing_kwargs": {},
    "query_expansion": None,
}
# Their settings in tokenizer_config.json win over those in tokenizer.json.
_BERT_TOKENIZERS = ("BertTokenizer", "BertTokenizerFast")
_OLD_POOLING = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_DENSE_ACTIVATIONS = {
    "torch.nn.modules.linear.Identity": "linear",
    "torch.nn.modules.activation.Tanh": "tanh",
    "torch.nn.modules.activation.ReLU": "relu",
    "torch.nn.modules.activation.Sigmoid": "sigmoid",
}


@dataclass(frozen=True)
class TextModelSpec:
    """All that a folder says of a text model, weights of the network aside.

    Attributes:
        folder: where it was read.
        config: the network's size and constants.
        pooling: one of `POOLINGS`; None where the folder does not say.
        head: dense layers (`DenseModule`) and L2 normalizations (None) behind the pooling.
        max_tokens: tokens a text, special tokens included.
        prompt: text put before every text.
        lowercase: whether texts are lowercased before tokenization.
    """

    folder: Path
    config: BertConfig
    pooling: str | None
    head: tuple[DenseModule | None, ...]
    max_tokens: int
    prompt: str
    lowercase: bool

    @property
    def weights_file(self) -> Path:
        """The network's weights."""
        return self.folder / "model.safetensors"

    @property
    def preprocess(self) -> Path | None:
        """The SavedModel that tokenizes, where the folder has no tokenizer of Hugging Face."""
        return None if _has_tokenizer(self.folder) else self.folder / PREPROCESS


def read_spec(folder: Path) -> TextModelSpec:
    """Read and check a model folder.

    Args:
        folder: holds config.json, model.safetensors and tokenizer.json or vocab.txt; modules.json
            and the files it names are used where there are any.

    Raises:
        ArtifactError: a file is missing or broken, or asks for what is not supported.
    """
    _check_files(folder)
    config = _read_config(folder)
    transformer = folder / "sentence_bert_config.json"
    _refuse_other_values(_optional_json(transformer), _NEUTRAL_TRANSFORMER, transformer)
    pooling, head = _read_modules(folder, config.hidden_size)
    return TextModelSpec(
        folder=folder,
        config=config,
        pooling=pooling,
        head=head,
        max_tokens=_read_max_tokens(folder, config.max_positions),
        prompt=_read_prompt(folder),
        lowercase=bool(_read_flag(transformer, "do_lower_case")),
    )


def read_tensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read a safetensors file.

    Raises:
        ArtifactError: the file is broken or holds types NumPy does not have.
    """
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError) as err:
        raise ArtifactError(
            f"Expected float32 or float16 tensors in {path}, got: {err}. "
            "Copy or download the file again, or save it as float32."
        ) from err


def read_tokenizer(spec: TextModelSpec) -> Tokenizer:
    """Read the folder's tokenizer, from tokenizer.json or else vocab.txt.

    A BertTokenizer is set up by tokenizer_config.json even where tokenizer.json says otherwise,
    as transformers does it; other classes are taken from tokenizer.json as it is.

    Raises:
        ArtifactError: a file is broken, or no BERT tokenizer.
    """
    path = spec.folder / "tokenizer_config.json"
    words: dict[str, Any] = {
        "lowercase": _read_flag(path, "do_lower_case", default=True),
        "strip_accents": _read_flag(path, "strip_accents", default=None),
        "chinese_characters": _read_flag(path, "tokenize_chinese_chars", default=True),
    }
    kind = _optional_json(path).get("tokenizer_class") or "BertTokenizer"
    if (spec.folder / "tokenizer.json").is_file():
        tokenizer = read_tokenizer_json(spec.folder / "tokenizer.json")
        if kind in _BERT_TOKENIZERS:
            use_bert_words(tokenizer, **words)
    elif kind in _BERT_TOKENIZERS:
        tokenizer = read_vocabulary(spec.folder / "vocab.txt", **words)
    else:
        raise ArtifactError(
            f"Expected tokenizer_class BertTokenizer beside a vocab.txt in {path}, got {kind!r}, "
            "which is not supported. Save the tokenizer as tokenizer.json."
        )
    if not tokenizer.num_special_tokens_to_add(is_pair=False):
        raise ArtifactError(
            f"Expected the tokenizer of {spec.folder} to put [CLS] and [SEP] around a text, got "
            "one that adds nothing. Save it again with tokenizer.save_pretrained()."
        )
    if spec.lowercase:
        lowercase_first(tokenizer)
    return tokenizer


def _check_files(folder: Path) -> None:
    names = ("config.json", "model.safetensors")
    missing = [name for name in names if not (folder / name).is_file()]
    if not _has_tokenizer(folder) and not (folder / PREPROCESS / "saved_model.pb").is_file():
        missing.append("tokenizer.json or vocab.txt")
    if not missing:
        return
    cure = "Point to a folder as Hugging Face and sentence-transformers save it."
    if (folder / "pytorch_model.bin").is_file() and "model.safetensors" in missing:
        cure = (
            "Its pytorch_model.bin is a pickle, which can run code and is never read. Save the "
            "model again with save_pretrained(..., safe_serialization=True)."
        )
    elif (folder / "model.safetensors.index.json").is_file():
        cure = "Weights in several files are not supported; save them as one."
    raise ArtifactError(
        f"Expected a BERT folder with {', '.join(names)} and a tokenizer, "
        f"got {folder} without {', '.join(missing)}. {cure}"
    )


def _has_tokenizer(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("tokenizer.json", "vocab.txt"))


def _read_config(folder: Path) -> BertConfig:
    path = folder / "config.json"
    fields = read_json(path)
    _refuse_other_values({"model_type": None, **fields}, _NEUTRAL, path)
    activation = fields.get("hidden_act", "gelu")
    if not isinstance(activation, str) or activation not in _ACTIVATIONS:
        raise ArtifactError(
            f"Expected hidden_act to be one of {', '.join(_ACTIVATIONS)} in {path}, "
            f"got {activation!r}, which is not supported."
        )
    try:
        return BertConfig(
            vocabulary_size=_integer(fields, "vocab_size", path, 1 << 22),
            hidden_size=_integer(fields, "hidden_size", path, 1 << 14),
            n_layers=_integer(fields, "num_hidden_layers", path, 1 << 8),
            n_heads=_integer(fields, "num_attention_heads", path, 1 << 10),
            intermediate_size=_integer(fields, "intermediate_size", path, 1 << 16),
            max_positions=_integer(fields, "max_position_embeddings", path, 1 << 16),
            n_segments=_integer(fields, "type_vocab_size", path, 1 << 10, default=2),
            layer_norm_epsilon=_number(fields, "layer_norm_eps", path, 1e-12),
            activation=_ACTIVATIONS[activation],
            dropout=_number(fields, "hidden_dropout_prob", path, 0.1),
            attention_dropout=_number(fields, "attention_probs_dropout_prob", path, 0.1),
        )
    except InputError as err:
        raise ArtifactError(f"{path}: {err}") from err


def _refuse_other_values(fields: dict[str, Any], neutral: dict[str, Any], path: Path) -> None:
    for name, expected in neutral.items():
        value = fields.get(name, expected)
        if value != expected and not (value is None and not expected):
            raise ArtifactError(
                f"Expected {name} = {expected!r} in {path}, got {value!r}, which is not supported "
                "and would give other vectors. Use a plain BERT checkpoint."
            )


def _integer(
    fields: dict[str, Any], name: str, path: Path, most: int, *, default: int | None = None
) -> int:
    value = fields.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise ArtifactError(
            f"Expected {name} in {path} to be a whole number from 1 to {most}, got {value!r}."
        )
    return value


def _number(fields: dict[str, Any], name: str, path: Path, default: float) -> float:
    value = fields.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1:
        raise ArtifactError(
            f"Expected {name} in {path} to be a number of at least 0 and below 1, got {value!r}."
        )
    return float(value)


def _read_modules(folder: Path, dim: int) -> tuple[str | None, tuple[DenseModule | None, ...]]:
    """Pooling and head from modules.json, a list of Transformer, Pooling and what follows."""
    path = folder / "modules.json"
    if not path.is_file():
        return None, ()
    modules = _read_module_list(path)
    kinds = [kind for kind, _ in modules]
    if kinds[:2] != ["Transformer", "Pooling"]:
        raise ArtifactError(
            f"Expected {path} to begin with Transformer and Pooling, got {', '.join(kinds)}."
        )
    if modules[0][1] != folder:
        raise ArtifactError(
            f"Expected the transformer's files in {folder} itself, {path} puts them in "
            f"{modules[0][1].name}. Move them beside modules.json."
        )
    head: list[DenseModule | None] = []
    for kind, subfolder in modules[2:]:
        _check_module_names(subfolder / "config.json")
        if kind == "Normalize":
            head.append(None)
        elif kind == "Dense":
            head.append(_read_dense(subfolder, dim))
            dim = head[-1].kernel.shape[1] if head[-1] is not None else dim
        elif kind != "Dropout":  # dropout does nothing at extraction
            raise ArtifactError(
                f"Expected Dense, Normalize or Dropout behind the pooling in {path}, got {kind!r}, "
                "which is not supported and would give other vectors."
            )
    return _read_pooling(modules[1][1]), tuple(head)


def _read_module_list(path: Path) -> list[tuple[str, Path]]:
    """The modules as (class name, folder); the class name is whole where it is custom code."""
    entries = read_json_value(path)
    try:
        modules = [(_class_name(str(e["type"])), str(e["path"])) for e in entries]
    except (TypeError, KeyError) as err:
        raise ArtifactError(
            f"Expected a list of modules, each with type and path, in {path}, "
            f"got {str(entries)[:80]}."
        ) from err
    root = path.parent
    for _, name in modules:
        if "\0" in name or not (root / name).resolve().is_relative_to(root.resolve()):
            raise ArtifactError(f"Expected module folders inside {root}, got {name!r} in {path}.")
    return [(kind, root / name if name else root) for kind, name in modules]


def _class_name(kind: str) -> str:
    return kind.rsplit(".", 1)[-1] if kind.startswith("sentence_transformers.") else kind


def _check_module_names(path: Path) -> None:
    """Dense and Normalize can also be told to work on each token: that is another model."""
    usual = {
        "module_input_name": "sentence_embedding",
        "module_output_name": "sentence_embedding",
    }
    fields = {name: value for name, value in _optional_json(path).items() if value is not None}
    _refuse_other_values(fields, usual, path)


def _read_pooling(folder: Path) -> str:
    path = folder / "config.json"
    fields = read_json(path)
    modes = fields.get("pooling_mode")
    if modes is None:
        modes = [mode for key, mode in _OLD_POOLING.items() if fields.get(key)] or ["mean"]
    modes = modes if isinstance(modes, list) else [modes]
    if len(modes) != 1 or modes[0] not in POOLINGS:
        raise ArtifactError(
            f"Expected one pooling out of {', '.join(POOLINGS)} in {path}, got "
            f"{' + '.join(map(str, modes))}, which is not supported."
        )
    if fields.get("include_prompt", True) is not True:
        raise ArtifactError(f"Expected include_prompt = true in {path}: false is not supported.")
    return str(modes[0])


def _read_dense(folder: Path, dim: int) -> DenseModule:
    fields = read_json(folder / "config.json")
    activation = str(fields.get("activation_function", "torch.nn.modules.activation.Tanh"))
    if activation not in _DENSE_ACTIVATIONS or fields.get("use_residual"):
        what = "use_residual" if fields.get("use_residual") else f"activation {activation!r}"
        raise ArtifactError(
            f"Expected a plain dense layer with activation {', '.join(_DENSE_ACTIVATIONS)} in "
            f"{folder}, got {what}, which is not supported."
        )
    tensors = read_tensors(folder / "model.safetensors")
    weight, bias = tensors.get("linear.weight"), tensors.get("linear.bias")
    if weight is None or weight.ndim != 2 or weight.shape[1] != dim:
        raise ArtifactError(
            f"Expected linear.weight of shape (out, {dim}) in {folder}, "
            f"got {None if weight is None else weight.shape}."
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ArtifactError(
            f"Expected linear.bias of shape {weight.shape[:1]} in {folder}, got {bias.shape}."
        )
    kernel = np.ascontiguousarray(weight.T, dtype=np.float32)
    bias = None if bias is None else bias.astype(np.float32)
    return DenseModule(kernel, bias, _DENSE_ACTIVATIONS[activation])


def _read_max_tokens(folder: Path, max_positions: int) -> int:
    path, name = folder / "sentence_bert_config.json", "max_seq_length"
    limit = _optional_json(path).get(name)
    if limit is None:
        path, name = folder / "tokenizer_config.json", "model_max_length"
        limit = _optional_json(path).get(name)
    if limit is None:
        return max_positions
    if not isinstance(limit, int | float) or isinstance(limit, bool) or not limit >= 3:
        raise ArtifactError(f"Expected {name} in {path} to be at least 3, got {limit!r}.")
    # Tokenizers without a limit of their own say 1e30.
    return int(min(limit, max_positions))


def _read_prompt(folder: Path) -> str:
    path = folder / "config_sentence_transformers.json"
    fields = _optional_json(path)
    name = fields.get("default_prompt_name")
    if name is None:
        return ""
    prompts = fields.get("prompts")
    if not isinstance(prompts, dict) or not isinstance(prompts.get(str(name)), str):
        raise ArtifactError(f"Expected a prompt named {name!r} in {path}, got {prompts!r}.")
    return str(prompts[str(name)])


def _read_flag(path: Path, name: str, *, default: bool | None = False) -> bool | None:
    value = _optional_json(path).get(name)
    if value is not None and not isinstance(value, bool):
        raise ArtifactError(f"Expected {name} in {path} to be true, false or null, got {value!r}.")
    return default if value is None else value


def _optional_json(path: Path) -> dict[str, Any]:
    return read_json(path, max_bytes=16 << 20) if path.is_file() else {}
