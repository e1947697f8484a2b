"""Tiny random BERT folders as Hugging Face and sentence-transformers save them."""

import json
import string
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from embedsvc.text.tokenizer import read_vocabulary

HIDDEN = 8
POSITIONS = 32
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
# Every ASCII letter and digit begins and continues a word, so nothing ASCII is unknown.
_PIECES = string.ascii_letters + string.digits
VOCABULARY = [*SPECIAL, *_PIECES, *(f"##{c}" for c in _PIECES), *string.punctuation, "the", "é"]

_CONFIG = {
    "model_type": "bert",
    "vocab_size": len(VOCABULARY),
    "hidden_size": HIDDEN,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "max_position_embeddings": POSITIONS,
    "type_vocab_size": 2,
    "hidden_act": "gelu",
}


def tiny_weights(*, n_layers: int = 2, seed: int = 0) -> dict[str, np.ndarray]:
    """Random weights under Hugging Face's names."""
    generator = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        return generator.normal(0, 0.4, shape).astype(np.float32)

    def dense(name: str, n_in: int, n_out: int) -> dict[str, np.ndarray]:
        return {f"{name}.weight": draw(n_out, n_in), f"{name}.bias": draw(n_out)}

    def norm(name: str) -> dict[str, np.ndarray]:
        return {f"{name}.weight": 1 + draw(HIDDEN), f"{name}.bias": draw(HIDDEN)}

    weights = {
        "embeddings.word_embeddings.weight": draw(len(VOCABULARY), HIDDEN),
        "embeddings.position_embeddings.weight": draw(POSITIONS, HIDDEN),
        "embeddings.token_type_embeddings.weight": draw(2, HIDDEN),
        **norm("embeddings.LayerNorm"),
        **dense("pooler.dense", HIDDEN, HIDDEN),
    }
    for i in range(n_layers):
        layer = f"encoder.layer.{i}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            weights |= dense(f"{layer}.attention.{part}", HIDDEN, HIDDEN)
        weights |= norm(f"{layer}.attention.output.LayerNorm")
        weights |= dense(f"{layer}.intermediate.dense", HIDDEN, 12)
        weights |= dense(f"{layer}.output.dense", 12, HIDDEN) | norm(f"{layer}.output.LayerNorm")
    return weights


def write_json(path: Path, value: Any) -> None:
    """Write JSON, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def write_tiny_bert(
    folder: Path,
    *,
    config: dict[str, Any] | None = None,
    weights: dict[str, np.ndarray] | None = None,
    pooling: dict[str, Any] | None = None,
    head: tuple[str, ...] = (),
    dense: dict[str, Any] | None = None,
    dense_out: int = 5,
    sentence_bert: dict[str, Any] | None = None,
    tokenizer: str = "json",
    tokenizer_config: dict[str, Any] | None = None,
    prompts: dict[str, Any] | None = None,
) -> Path:
    """Write a folder.

    Args:
        folder: made if it is not there.
        config: fields of config.json to change; None as a value removes a field.
        weights: instead of `tiny_weights()`.
        pooling: 1_Pooling/config.json, which makes a modules.json too; None is none.
        head: class names behind the pooling, such as "Dense" and "Normalize".
        dense: fields of the Dense module's config.json to change.
        dense_out: width of the Dense module.
        sentence_bert: sentence_bert_config.json; None is none.
        tokenizer: "json" for tokenizer.json or "vocab" for vocab.txt.
        tokenizer_config: tokenizer_config.json; None is none.
        prompts: config_sentence_transformers.json; None is none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fields = _CONFIG | (config or {})
    write_json(folder / "config.json", {k: v for k, v in fields.items() if v is not None})
    save_file(tiny_weights() if weights is None else weights, folder / "model.safetensors")
    _write_tokenizer(folder, tokenizer)
    optional = {
        "tokenizer_config.json": tokenizer_config,
        "sentence_bert_config.json": sentence_bert,
        "config_sentence_transformers.json": prompts,
    }
    for name, value in optional.items():
        if value is not None:
            write_json(folder / name, value)
    if pooling is not None or head:
        _write_modules(folder, pooling or {"pooling_mode_mean_tokens": True}, head)
    if "Dense" in head:
        _write_dense(folder / f"{2 + head.index('Dense')}_Dense", dense or {}, dense_out)
    return folder


def _write_tokenizer(folder: Path, kind: str) -> None:
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    if kind == "json":
        read_vocabulary(
            vocabulary, lowercase=True, strip_accents=None, chinese_characters=True
        ).save(str(folder / "tokenizer.json"))
        vocabulary.unlink()


def _write_modules(folder: Path, pooling: dict[str, Any], head: tuple[str, ...]) -> None:
    names = ["Transformer", "Pooling", *head]
    modules = [
        {
            "idx": i,
            "name": str(i),
            "path": "" if i == 0 else f"{i}_{name}",
            "type": f"sentence_transformers.models.{name}",
        }
        for i, name in enumerate(names)
    ]
    write_json(folder / "modules.json", modules)
    write_json(
        folder / "1_Pooling" / "config.json", {"word_embedding_dimension": HIDDEN, **pooling}
    )


def _write_dense(folder: Path, fields: dict[str, Any], n_out: int) -> None:
    standard = {
        "in_features": HIDDEN,
        "out_features": n_out,
        "bias": True,
        "activation_function": "torch.nn.modules.activation.Tanh",
    }
    write_json(folder / "config.json", standard | fields)
    generator = np.random.default_rng(5)
    weight = generator.normal(0, 0.5, (n_out, HIDDEN)).astype(np.float32)
    tensors = {"linear.weight": weight}
    if (standard | fields)["bias"]:
        tensors["linear.bias"] = generator.normal(0, 0.5, n_out).astype(np.float32)
    save_file(tensors, folder / "model.safetensors")
