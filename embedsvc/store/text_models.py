"""A text model as a folder in the layout of Hugging Face and sentence-transformers.

    FOLDER/
      config.json, model.safetensors                       the BERT
      tokenizer.json, tokenizer_config.json, ...           its tokenizer
      modules.json, 1_Pooling/, 2_Dense/, 3_Normalize/     from tokens to one vector a text
      sentence_bert_config.json                            how long a text may be
      config_sentence_transformers.json                    the prompt

sentence-transformers and we read the same vectors from it.
https://sbert.net/docs/sentence_transformer/usage/custom_models.html
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embedsvc.encoders.huggingface import PREPROCESS
from embedsvc.encoders.saved_pair import ENCODER, PAIR
from embedsvc.encoders.text_model import TextModel
from embedsvc.encoders.tfhub_wrapper import SavedModelLayer
from embedsvc.errors import ArtifactError, InputError
from embedsvc.files import atomic_write
from embedsvc.nets.bert import BertConfig
from embedsvc.nets.bert_weights import huggingface_tensors
from embedsvc.nets.text_encoder import DenseModule
from embedsvc.store.arrays import write_arrays
from embedsvc.store.tokenizer_files import write_json, write_tokenizer
from embedsvc.text.tokenizer import TextTokenizer

if TYPE_CHECKING:
    from embedsvc.encoders.tfhub_tokenizer import SavedModelTokenizer

CONFIG, WEIGHTS = "config.json", "model.safetensors"

_ACTIVATIONS = {"gelu": "gelu", "gelu_tanh": "gelu_new"}
_DENSE_ACTIVATIONS = {
    "linear": "torch.nn.modules.linear.Identity",
    "tanh": "torch.nn.modules.activation.Tanh",
    "relu": "torch.nn.modules.activation.ReLU",
    "sigmoid": "torch.nn.modules.activation.Sigmoid",
}
# torch.nn.Linear's file says so; transformers refuses files that say nothing.
_METADATA = {"format": "pt"}
_PROMPT = "default"
_SAVED_MODEL = ("saved_model.pb", "fingerprint.pb", "variables", "assets")


def write_text_model(folder: Path, model: TextModel, *, for_others: bool = True) -> None:
    """Write a text model as a folder that others can read.

    The pooled output of a BERT is written as what it is, the first token's vector and a dense layer
    with tanh: sentence-transformers knows no name for it.

    Args:
        folder: made with its parents; files of the same names are replaced.
        model: its weights as they are now.
        for_others: whether other programs have to be able to read it. A model from TF Hub has a
            tokenizer that is a TensorFlow graph, which only we read: it goes to `preprocess/`. One
            of another family than BERT is kept as the pair of SavedModels that it is.

    Raises:
        InputError: others could not read the network, as it is of another family, or the
            tokenizer.
        OSError: it cannot be written.

    Example:
        >>> write_text_model(Path("mine"), load_text_model("minilm"))
        >>> SentenceTransformer("mine").encode(["Where is my parcel?"])
    """
    config = model.config
    if config is None and not for_others:
        _write_pair(folder, model)
        return
    if config is None:
        raise InputError(
            f"Expected a BERT to save, got {model.name}, a SavedModel of another family, which "
            "runs as it is and cannot be rewritten. Export it as a SavedModel, or start from a "
            "BERT."
        )
    if for_others and not isinstance(model.tokenizer, TextTokenizer):
        raise InputError(
            f"Expected a tokenizer that Hugging Face can read, got that of {model.name}: a "
            "TensorFlow graph, which gives other ids than any tokenizer.json. Export it as a "
            "SavedModel, or start from a Hugging Face model."
        )
    tensors = huggingface_tensors(model.network, config)
    folder.mkdir(parents=True, exist_ok=True)
    pad_id = _write_tokenizer(folder, model)
    write_json(folder / CONFIG, _config(config, pad_id))
    write_arrays(folder / WEIGHTS, tensors, metadata=_METADATA)
    pooling, modules = model.pooling, model.modules
    if pooling == "pooled":
        kernel, bias = tensors["pooler.dense.weight"].T, tensors["pooler.dense.bias"]
        pooling, modules = "cls", (DenseModule(kernel, bias, "tanh"), *modules)
    _write_modules(folder, pooling, modules, config.hidden_size)
    write_json(
        folder / "sentence_bert_config.json",
        {"max_seq_length": model.max_tokens, "do_lower_case": False},
    )
    write_json(
        folder / "config_sentence_transformers.json",
        {
            "model_type": "SentenceTransformer",
            "prompts": {_PROMPT: model.prompt} if model.prompt else {},
            "default_prompt_name": _PROMPT if model.prompt else None,
        },
    )


def without_written_pooler(model: TextModel) -> TextModel:
    """A model read as "pooled" without the dense layer that `write_text_model` put in its place.

    Raises:
        ArtifactError: its first dense layer is not its pooler.
    """
    kernel, bias = model.network.get_layer("pooler").get_weights()
    first = model.modules[0] if model.modules else None
    if (
        first is None
        or first.bias is None
        or first.activation != "tanh"
        or not np.array_equal(first.kernel, kernel)
        or not np.array_equal(first.bias, bias)
    ):
        raise ArtifactError(
            f"Expected the pooler of {model.name} as its first dense layer too, got another one. "
            "Save the model again."
        )
    return replace(model, modules=model.modules[1:])


def _write_pair(folder: Path, model: TextModel) -> None:
    """Keep an encoder that runs as the SavedModel that it is, see `saved_pair`."""
    tokenizer = _of_tfhub(model)
    layers = [one for one in model.network.layers if isinstance(one, SavedModelLayer)]
    if len(layers) != 1:
        raise InputError(
            f"Expected a BERT or an encoder of TF Hub to save, got {model.name}, which is neither. "
            "Load the model from a folder or a handle."
        )
    _copy_saved_model(layers[0].folder, folder / ENCODER)
    _copy_saved_model(tokenizer.folder, folder / PREPROCESS)
    write_json(
        folder / PAIR,
        {
            "pooling": model.pooling,
            "normalize": model.normalize,
            "max_tokens": model.max_tokens,
        },
    )


def _write_tokenizer(folder: Path, model: TextModel) -> int:
    """Write the tokenizer; return the id of the token that pads."""
    if isinstance(model.tokenizer, TextTokenizer):
        return write_tokenizer(folder, model.tokenizer, max_tokens=model.max_tokens)
    _copy_saved_model(_of_tfhub(model).folder, folder / PREPROCESS)
    return 0


def _of_tfhub(model: TextModel) -> SavedModelTokenizer:
    # TensorFlow Text takes a second to import, which other models need not wait for.
    from embedsvc.encoders.tfhub_tokenizer import SavedModelTokenizer

    if not isinstance(model.tokenizer, SavedModelTokenizer):
        raise InputError(
            f"Expected a tokenizer of Hugging Face or TF Hub to save, got that of {model.name}, a "
            f"{type(model.tokenizer).__name__}. Load the model from a folder or a handle."
        )
    return model.tokenizer


def _copy_saved_model(source: Path, target: Path) -> None:
    """Copy the files of a SavedModel, and nothing that lies beside them."""
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source)
        if name.parts[0] in _SAVED_MODEL and path.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            with path.open("rb") as original, atomic_write(target / name) as copy:
                shutil.copyfileobj(original, copy)


def _config(config: BertConfig, pad_id: int) -> dict[str, Any]:
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": config.vocabulary_size,
        "hidden_size": config.hidden_size,
        "num_hidden_layers": config.n_layers,
        "num_attention_heads": config.n_heads,
        "intermediate_size": config.intermediate_size,
        "max_position_embeddings": config.max_positions,
        "type_vocab_size": config.n_segments,
        "layer_norm_eps": config.layer_norm_epsilon,
        "hidden_act": _ACTIVATIONS[config.activation],
        "hidden_dropout_prob": config.dropout,
        "attention_probs_dropout_prob": config.attention_dropout,
        "position_embedding_type": "absolute",
        "initializer_range": 0.02,
        "pad_token_id": pad_id,
    }


def _write_modules(
    folder: Path, pooling: str, modules: tuple[DenseModule | None, ...], hidden_size: int
) -> None:
    kinds = ["Normalize" if module is None else "Dense" for module in modules]
    paths = ["", *(f"{i}_{kind}" for i, kind in enumerate(["Pooling", *kinds], start=1))]
    listed = zip(["Transformer", "Pooling", *kinds], paths, strict=True)
    write_json(
        folder / "modules.json",
        [
            {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for i, (kind, path) in enumerate(listed)
        ],
    )
    for path in paths[1:]:
        (folder / path).mkdir(exist_ok=True)
    write_json(folder / paths[1] / "config.json", _pooling(pooling, hidden_size))
    for module, path in zip(modules, paths[2:], strict=True):
        if module is not None:
            _write_dense(folder / path, module)


def _pooling(pooling: str, dim: int) -> dict[str, Any]:
    """The keys that every version of sentence-transformers knows."""
    return {
        "word_embedding_dimension": dim,
        "pooling_mode_cls_token": pooling == "cls",
        "pooling_mode_mean_tokens": pooling == "mean",
        "pooling_mode_max_tokens": pooling == "max",
        "pooling_mode_mean_sqrt_len_tokens": False,
        "include_prompt": True,
    }


def _write_dense(folder: Path, module: DenseModule) -> None:
    n_in, n_out = module.kernel.shape
    write_json(
        folder / "config.json",
        {
            "in_features": n_in,
            "out_features": n_out,
            "bias": module.bias is not None,
            "activation_function": _DENSE_ACTIVATIONS[module.activation],
        },
    )
    tensors = {"linear.weight": np.ascontiguousarray(module.kernel.T)}
    if module.bias is not None:
        tensors["linear.bias"] = module.bias
    write_arrays(folder / WEIGHTS, tensors, metadata=_METADATA)
