"""The pretrained model of a training, as far as it is known before it is loaded."""

from __future__ import annotations

import hashlib
from pathlib import Path

from embedsvc.catalogue.cards import list_models
from embedsvc.encoders.tfhub_handles import PREFIX
from embedsvc.errors import ArtifactError
from embedsvc.extract.choosing import kind_of_model
from embedsvc.extract.kinds import TEXTS
from embedsvc.files import sha256_of


def check_model(model: str) -> None:
    """Refuse a model that is none of texts, by its name alone.

    Raises:
        ArtifactError: it is one of images, or the catalogue has no such model.
    """
    if kind_of_model(model) is not TEXTS:
        raise ArtifactError(
            f"Expected a model for texts, got {model!r}, which is for images. "
            "See: embedsvc models list"
        )


def model_digest(model: str) -> str | None:
    """One sha256 for the files of a folder; None for what a name tells."""
    folder = Path(model.removeprefix(PREFIX))
    if model in [card.name for card in list_models()] or not folder.is_dir():
        return None
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = path.relative_to(folder).as_posix()
            digest.update(f"{name}\0{sha256_of(path)}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
