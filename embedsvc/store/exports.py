"""Models in the formats of other programs.

DIR/export.json     what was exported, from what, and what its numbers mean
savedmodel          saved_model.pb, variables/: from texts, for TensorFlow and TensorFlow Serving
keras               model.keras: from token ids, for `keras.saving.load_model`; its tokenizer
huggingface         config.json, model.safetensors, modules.json, ...: the encoder alone, for
                    sentence-transformers and transformers
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras

from embedsvc import __version__
from embedsvc.classify.classifier import TextClassifier
from embedsvc.encoders.text_model import TextModel
from embedsvc.errors import InputError
from embedsvc.nets.served_graph import ServedLabels
from embedsvc.nets.text_encoder import build_text_encoder
from embedsvc.store.fields import write_object
from embedsvc.store.places import write_folder
from embedsvc.store.served_models import serve, write_served_model
from embedsvc.store.text_models import write_text_model
from embedsvc.store.tokenizer_files import write_tokenizer
from embedsvc.text.tokenizer import TextTokenizer

FORMAT = 1
WHAT = "exported-text-model"
ABOUT, KERAS = "export.json", "model.keras"
SAVED_MODEL = ("saved_model.pb", "fingerprint.pb", "variables", "assets")

_TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")
_HUGGING_FACE = (
    "config.json",
    "model.safetensors",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    *(f"{i}_{kind}" for i in range(1, 20) for kind in ("Pooling", "Dense", "Normalize")),
)


@dataclass(frozen=True)
class Exported:
    """What is exported.

    Attributes:
        model: the encoder.
        network: from token ids to `embedding` and, for a classifier, `logits` and `probabilities`.
        labels: of a classifier; None for an encoder alone.
    """

    model: TextModel
    network: keras.Model
    labels: ServedLabels | None = None


def write_export(
    model: TextModel | TextClassifier, folder: Path | str, *, format: str, overwrite: bool = False
) -> tuple[str, ...]:
    """Export a model; the folder is written whole or not at all.

    Args:
        model: a text model, or a fitted classifier.
        folder: made with its parents, and has to be new or empty.
        format: one of `FORMATS`.
        overwrite: whether an export that stands there is replaced. Folders that hold anything else
            never are.

    Returns:
        What the user should know of it.

    Raises:
        InputError: an unknown format, or a model that cannot be had in it.
        NotFittedError: the classifier has learned nothing.
        OutputError: the folder is in use or cannot be written.

    Example:
        >>> write_export(load_classifier("mymodel"), "serving/mymodel/1", format="savedmodel")
    """
    if format not in FORMATS:
        raise InputError(f"Expected format to be one of {', '.join(FORMATS)}, got {format!r}.")
    exported = _of_classifier(model) if isinstance(model, TextClassifier) else _of_model(model)
    notes: list[str] = []

    def write(fresh: Path) -> None:
        notes.extend(FORMATS[format](fresh, exported))
        write_object(fresh / ABOUT, _describe(exported, format))

    write_folder(
        Path(folder),
        write,
        what=WHAT,
        names=(ABOUT, KERAS, *SAVED_MODEL, *_TOKENIZER, *_HUGGING_FACE),
        overwrite=overwrite,
    )
    return tuple(notes)


def _of_classifier(classifier: TextClassifier) -> Exported:
    learned = classifier.learned()
    labels = ServedLabels(learned.codec.task, learned.codec.labels, learned.thresholds)
    return Exported(learned.model, classifier.network_, labels)


def _of_model(model: TextModel) -> Exported:
    network = build_text_encoder(model.network, pooling=model.pooling, modules=model.modules)
    return Exported(model, network)


def _write_served(folder: Path, exported: Exported) -> Iterator[str]:
    graph = serve(exported.model, exported.network, exported.labels)
    names = write_served_model(folder, graph)
    yield f"Signatures: {', '.join(names)}; input: texts, strings of shape (n,)."


def _write_keras(folder: Path, exported: Exported) -> Iterator[str]:
    if exported.model.config is None:
        raise InputError(
            f"Expected a BERT to write as .keras, got {exported.model.name}, a SavedModel of "
            "another family, which no .keras file can hold. Use --format savedmodel."
        )
    tokenizer = exported.model.tokenizer
    if isinstance(tokenizer, TextTokenizer):
        write_tokenizer(folder, tokenizer, max_tokens=exported.model.max_tokens)
    else:
        yield "The tokenizer, a graph of TF Hub, is not part of it: keep the preprocess model."
    exported.network.save(folder / KERAS)
    yield "Input: token_ids, segment_ids and attention_mask, int32 of shape (n, length)."


def _write_hugging_face(folder: Path, exported: Exported) -> Iterator[str]:
    write_text_model(folder, exported.model)
    if exported.labels is not None:
        yield "Only the encoder: Hugging Face has no place for the classifier's head."


FORMATS: dict[str, Callable[[Path, Exported], Iterator[str]]] = {
    "savedmodel": _write_served,
    "keras": _write_keras,
    "huggingface": _write_hugging_face,
}


def _describe(exported: Exported, format: str) -> dict[str, Any]:
    model, labels = exported.model, exported.labels
    about = {
        "what": WHAT,
        "format": FORMAT,
        "embedsvc": __version__,
        "exported_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "exported_as": format,
        "model": model.name,
        "model_sha256": model.sha256,
        "dim": int(exported.network.output["embedding"].shape[-1]),
        "pooling": model.pooling,
        "normalize": model.normalize,
        "max_tokens": model.max_tokens,
        "prompt": model.prompt,
    }
    if labels is not None:
        about |= {
            "task": labels.task,
            "labels": list(labels.labels),
            "thresholds": labels.thresholds.tolist(),
        }
    return about
