"""Text classifiers on the disk.

    FOLDER/
      model.json          format, labels, thresholds, head, settings, how it came about, and the
                          sha256 of every file below
      head.safetensors    the weights of the head
      encoder/            the trained encoder, as `write_text_model` writes it

None of it can run code, with one exception: an encoder from TF Hub has its tokenizer as a
TensorFlow graph. Whatever is read is checked before it is used.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedsvc import __version__
from embedsvc.classify.classifier import TextClassifier
from embedsvc.classify.labels import LabelCodec
from embedsvc.classify.learned import Learned
from embedsvc.encoders.huggingface import PREPROCESS
from embedsvc.encoders.saved_pair import ENCODER, PAIR, is_saved_pair
from embedsvc.encoders.text_loading import (
    CLASSIFIER,
    CLASSIFIER_FILE,
    ENCODER_FOLDER,
    load_text_model,
)
from embedsvc.encoders.text_model import TextModel
from embedsvc.errors import ArtifactError, InputError
from embedsvc.nets.classifier_head import HeadConfig
from embedsvc.nets.runtime import prepare_extraction
from embedsvc.nets.text_encoder import DenseModule
from embedsvc.settings import to_json
from embedsvc.store.arrays import Arrays, read_arrays, write_arrays
from embedsvc.store.classifier_settings import make_classifier, split_settings
from embedsvc.store.fields import Fields, short, write_object
from embedsvc.store.manifest import check_file, describe_file, read_manifest, read_time
from embedsvc.store.places import write_folder
from embedsvc.store.text_models import CONFIG, WEIGHTS, without_written_pooler, write_text_model

FORMAT = 1
HEAD = "head.safetensors"
NAMES = (CLASSIFIER_FILE, HEAD, ENCODER_FOLDER)
"""What stands in the folder of a classifier."""

_CURE = "Copy the whole folder again, or save the classifier again."
_REQUIRED = (CONFIG, WEIGHTS)
_REQUIRED_OF_PAIR = (PAIR, f"{ENCODER}/saved_model.pb", f"{PREPROCESS}/saved_model.pb")
_MOST_HEAD_BYTES = 1 << 30


def save_classifier(
    classifier: TextClassifier,
    folder: Path | str,
    *,
    extra: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Save a fitted classifier as a folder.

    It is written beside its place and then renamed, so that a crash leaves all of it or nothing.
    Settings that are functions are left out; model.json names them.

    Args:
        classifier: what to save.
        folder: where it will stand; made with its parents, and has to be new or empty.
        extra: anything of one's own that JSON can hold, kept in model.json.
        overwrite: whether a classifier saved there before is replaced. Folders that hold anything
            else never are.

    Raises:
        NotFittedError: it has learned nothing.
        InputError: its encoder cannot be saved, or `extra` is no JSON or too large.
        ArtifactError: it has learned numbers that are not finite.
        OutputError: the folder is in use or cannot be written.

    Example:
        >>> save_classifier(TextClassifier().fit(texts, labels), "mymodel")
        >>> load_classifier("mymodel").predict(["Where is my parcel?"])
    """
    learned = classifier.learned()
    write_folder(
        Path(folder),
        lambda fresh: _write(classifier, learned, fresh, dict(extra or {})),
        what=CLASSIFIER,
        names=NAMES,
        overwrite=overwrite,
    )


def load_classifier(folder: Path | str) -> TextClassifier:
    """Load a saved classifier, ready to predict.

    Args:
        folder: made by `save_classifier`. It may come from anywhere, but where its encoder is from
            TF Hub, its tokenizer is a program: load that from people you trust.

    Returns:
        A classifier that predicts and embeds as the one that was saved. Settings that were
        functions have their defaults, of which `notes_` tells.

    Raises:
        ArtifactError: the folder is no classifier, or is broken.
    """
    folder = Path(folder)
    fields = _read_fields(folder)
    _check_files(folder, fields)
    classifier = make_classifier(fields.table("settings"))
    # Before the encoder is in memory: TensorFlow takes no setting once it runs.
    prepare_extraction()
    classifier.restore(_read_learned(folder, fields))
    left_out = fields.take("left_out", dict)
    if left_out:
        classifier.notes_ = (
            f"These settings are functions and were not saved: {short(left_out)}. Set them again "
            "before fitting again.",
        )
    return classifier


def read_classifier_about(folder: Path | str) -> dict[str, Any]:
    """Read what model.json says of a classifier, without loading it.

    Returns:
        Its fields; only "format", "what", "task" and "labels" are checked.

    Raises:
        ArtifactError: the folder is no classifier, or one of a newer version of embedsvc.
    """
    fields = _read_fields(Path(folder))
    _read_codec(fields)
    return fields.values


# Saving


def _write(
    classifier: TextClassifier, learned: Learned, folder: Path, extra: dict[str, Any]
) -> None:
    write_text_model(folder / ENCODER_FOLDER, learned.model, for_others=False)
    write_arrays(folder / HEAD, dict(learned.head))
    written = sorted(path for path in folder.rglob("*") if path.is_file())
    settings, left_out = split_settings(classifier)
    about = {
        "format": FORMAT,
        "what": CLASSIFIER,
        "embedsvc": __version__,
        "task": learned.codec.task,
        "labels": list(learned.codec.labels),
        "thresholds": learned.thresholds.tolist(),
        "class_weights": learned.class_weights.tolist(),
        **_describe_model(learned.model),
        "head": {
            "hidden": list(learned.head_config.hidden),
            "dropout": learned.head_config.dropout,
            "scale": learned.head_config.scale,
        },
        "facts": to_json(learned.facts),
        "settings": settings,
        "left_out": left_out,
        "files": {path.relative_to(folder).as_posix(): describe_file(path) for path in written},
        "extra": extra,
    }
    write_object(folder / CLASSIFIER_FILE, about, suspect="labels, facts and extra")


def _describe_model(model: TextModel) -> dict[str, Any]:
    return {
        "pooling": model.pooling,
        "normalize": model.normalize,
        "max_tokens": model.max_tokens,
        "prompt": model.prompt,
    }


# Loading


def _read_fields(folder: Path) -> Fields:
    return read_manifest(
        folder / CLASSIFIER_FILE,
        what=CLASSIFIER,
        newest=FORMAT,
        noun="classifier",
        beside=f"{HEAD} and {ENCODER_FOLDER}/",
    )


def _check_files(folder: Path, fields: Fields) -> None:
    """Compare every file with what is said of it: no mixture of two classifiers."""
    files = fields.table("files")
    is_pair = is_saved_pair(folder / ENCODER_FOLDER)
    required = [
        f"{ENCODER_FOLDER}/{name}" for name in (_REQUIRED_OF_PAIR if is_pair else _REQUIRED)
    ]
    for name in (HEAD, *required, *files.values):
        path = folder / name
        if "\0" in name or not path.resolve().is_relative_to(folder.resolve()):
            raise ArtifactError(
                f"Expected files inside {folder} in {fields.path}, got {short(name)}. {_CURE}"
            )
        check_file(path, files.table(name), cure=_CURE)


def _read_learned(folder: Path, fields: Fields) -> Learned:
    codec = _read_codec(fields)
    config = _read_head_config(fields, codec)
    facts = fields.table("facts")
    if "trained_at" in facts.values:
        read_time(facts, "trained_at")
    thresholds = _numbers(fields, "thresholds", len(codec.labels), most=1.0)
    weights = _numbers(fields, "class_weights", len(codec.labels), most=math.inf)
    head = read_arrays(folder / HEAD, most_bytes=_MOST_HEAD_BYTES)
    model = _read_model(folder, fields)
    _check_head(head, config, model, folder / HEAD)
    return Learned(
        model=model,
        codec=codec,
        head_config=config,
        head=head,
        thresholds=thresholds,
        class_weights=weights,
        facts=facts.values,
    )


def _read_codec(fields: Fields) -> LabelCodec:
    task = fields.take("task", str)
    labels = fields.take("labels", Sequence[str | int | bool])
    try:
        return LabelCodec(task, tuple(labels))
    except InputError as err:
        raise ArtifactError(f"{fields.path}: {err}") from err


def _read_head_config(fields: Fields, codec: LabelCodec) -> HeadConfig:
    head = fields.table("head")
    try:
        return HeadConfig(
            task=codec.task,
            n_labels=len(codec.labels),
            hidden=tuple(head.take("hidden", Sequence[int])),
            dropout=head.take("dropout", float),
            scale=head.take("scale", float),
        )
    except InputError as err:
        raise ArtifactError(f"{fields.path}: {err}") from err


def _numbers(fields: Fields, name: str, count: int, *, most: float) -> NDArray[np.float64]:
    values = fields.take(name, Sequence[float])
    if len(values) != count or not all(0 <= value <= most for value in values):
        limit = "of at least 0" if most == math.inf else f"from 0 to {most:g}"
        fields.refuse(name, f"{count} numbers {limit}, one a label", values)
    return np.array(values, np.float64)


def _read_model(folder: Path, fields: Fields) -> TextModel:
    """The encoder under the folder's own name, with what model.json says of it."""
    is_pooled = fields.take("pooling", str) == "pooled"
    try:
        model = load_text_model(folder, pooling="pooled" if is_pooled else None)
    except InputError as err:
        raise ArtifactError(f"{fields.path}: {err}") from err
    if is_pooled and model.config is not None:
        model = without_written_pooler(model)
    for name, found in _describe_model(model).items():
        if fields.values.get(name) != found:
            raise ArtifactError(
                f"Expected {name} = {short(found)} in {fields.path}, as the files in "
                f"{ENCODER_FOLDER}/ have it, got {short(fields.values.get(name))}. {_CURE}"
            )
    return model


def _check_head(head: Arrays, config: HeadConfig, model: TextModel, path: Path) -> None:
    """Refuse weights that do not fill the head, before memory is taken for it."""
    kernels = [module.kernel for module in model.modules if isinstance(module, DenseModule)]
    own = int(model.network.output["sequence_output"].shape[-1])
    widths = [kernels[-1].shape[1] if kernels else own, *config.hidden, config.n_outputs]
    expected = sum((n_in + 1) * n_out for n_in, n_out in itertools.pairwise(widths))
    found = sum(array.size for array in head.values())
    if expected != found or any(array.dtype != np.float32 for array in head.values()):
        kinds = {str(array.dtype) for array in head.values()}
        raise ArtifactError(
            f"Expected {expected:,} float32 numbers in {path} for a head of "
            f"{' -> '.join(map(str, widths))}, got {found:,} of {', '.join(sorted(kinds))}. {_CURE}"
        )
