"""The cache of pulled weights: where it is, and whether a model in it is whole."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path

from embedsvc.catalogue.cards import ModelCard, WheelFile
from embedsvc.errors import ArtifactError
from embedsvc.files import sha256_of

_YES = {"1", "true", "yes", "on"}


def home() -> Path:
    """Where embedsvc keeps what it fetched: EMBEDSVC_HOME, else the user's cache folder."""
    chosen = os.environ.get("EMBEDSVC_HOME", "")
    if chosen:
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("embedsvc")


def is_offline() -> bool:
    """Whether EMBEDSVC_OFFLINE forbids the network."""
    return os.environ.get("EMBEDSVC_OFFLINE", "").strip().lower() in _YES


def models_folder() -> Path:
    """The folder that holds one folder for each pulled model."""
    return home() / "models"


def model_folder(card: ModelCard) -> Path:
    """Where the model's files stand once they are pulled.

    The name holds a hash over the card's source, so a card that changes never meets files that
    another version of it has put there.
    """
    source = json.dumps(asdict(card.source), sort_keys=True)
    return models_folder() / f"{card.name}-{hashlib.sha256(source.encode()).hexdigest()[:12]}"


def is_cached(card: ModelCard) -> bool:
    """Whether every file is there with its size; `verify` also reads them."""
    folder = model_folder(card)
    return all(_size(folder, file) == file.cached_bytes for file in card.source.files)


def cached_bytes(card: ModelCard) -> int:
    """How many bytes of the model's files stand in the cache."""
    folder = model_folder(card)
    return sum(_size(folder, file) or 0 for file in card.source.files)


def verify(card: ModelCard) -> None:
    """Read every cached file and compare its sha256 with the card.

    Raises:
        ArtifactError: a file is missing, unreadable or changed.
    """
    folder = model_folder(card)
    for file in card.source.files:
        path = folder / file.path
        try:
            digest = sha256_of(path)
        except OSError as err:
            digest = f"no readable file ({err.strerror})"
        if digest != file.cached_sha256:
            raise ArtifactError(
                f"Expected {path} to have the sha256 {file.cached_sha256}, got {digest}. "
                f"Fetch it again, run: embedsvc models pull {card.name} --force"
            )


def _size(folder: Path, file: WheelFile) -> int | None:
    try:
        return (folder / file.path).stat().st_size
    except OSError:
        return None
