"""Export a model for other programs: load it, write it, say what came out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from embedsvc.catalogue.cards import list_models
from embedsvc.classify.classifier import TextClassifier
from embedsvc.encoders.text_loading import encoder_folder, load_text_model
from embedsvc.encoders.text_model import TextModel
from embedsvc.store.classifiers import load_classifier
from embedsvc.store.exports import write_export


@dataclass(frozen=True)
class ExportResult:
    """What an export came to.

    Attributes:
        output: the folder.
        format: one of `embedsvc.store.exports.FORMATS`.
        labels: how many the classifier has; None for an encoder alone.
        n_bytes: of all files together.
        notes: what the user should know.
    """

    output: Path
    format: str
    labels: int | None
    n_bytes: int
    notes: tuple[str, ...]


def export_model(
    model: str | Path, output: str | Path, *, format: str = "savedmodel", overwrite: bool = False
) -> ExportResult:
    """Export a model into a folder, which is written whole or not at all.

    Args:
        model: a classifier's folder, or any text model that `load_text_model` takes.
        output: a folder; new, empty, or with `overwrite` an export.
        format: "savedmodel", "keras" or "huggingface".
        overwrite: whether an export that stands there is replaced.

    Raises:
        InputError: no such model, or one that cannot be had in this format.
        ArtifactError: the model's folder is broken.
        WeightsError: the weights could not be fetched.
        OutputError: the folder is in use or cannot be written.

    Example:
        >>> export_model("mymodel", "serving/mymodel/1").notes
        ('Signatures: serving_default, classify, embed; input: texts, strings of shape (n,).',)
    """
    output, loaded = Path(output), _load(model)
    notes = write_export(loaded, output, format=format, overwrite=overwrite)
    return ExportResult(
        output=output,
        format=format,
        labels=len(loaded.learned().codec.labels) if isinstance(loaded, TextClassifier) else None,
        n_bytes=sum(path.stat().st_size for path in output.rglob("*") if path.is_file()),
        notes=notes,
    )


def _load(model: str | Path) -> TextClassifier | TextModel:
    """A classifier where a folder holds one; a catalogue name means the catalogue."""
    if model not in [card.name for card in list_models()]:
        folder = Path(model)
        if folder.is_dir() and encoder_folder(folder) != folder:
            return load_classifier(folder)
    return load_text_model(model)
