"""The model of a collection: loaded when it is needed, and the same one always."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from embedsvc.errors import ArtifactError, InputError
from embedsvc.extract.kinds import Kind
from embedsvc.tables.contents import is_of_images
from embedsvc.tables.matching import check_same_model, load_matching_encoder

Model = Any
"""A model's name or folder, an encoder that is loaded, or None for the collection's own."""
Load = Callable[..., Any]
"""Takes a model's name and its settings, and gives an encoder."""


def encoder_for(
    metadata: Mapping[str, Any] | None,
    label: str,
    model: Model,
    kind: Kind,
    *,
    load: Load | None = None,
) -> Any:
    """The encoder that makes the vectors of a collection.

    Args:
        metadata: of the collection; None where there is none yet.
        label: what messages call it.
        model: see `Model`.
        kind: what is encoded.
        load: loads the model; by default `embedsvc.load_encoder`.

    Returns:
        A `TextEncoder` or an `ImageEncoder`.

    Raises:
        ArtifactError: the model is not to be had, or another one than the collection's.
        InputError: nothing says which model it is.
        WeightsError: its weights could not be fetched.
    """
    if model is not None and not isinstance(model, str | Path):
        if metadata is not None:
            check_same_model(metadata, model.describe(), label)
        return model
    name = None if model is None else str(model)
    if metadata is not None:
        return load_matching_encoder(metadata, label, model=name, load=load)
    try:
        return (load or _load_encoder)(name or kind.default_model)
    except InputError as err:
        # It is the model that is not usable, and no row of the input.
        raise ArtifactError(str(err)) from err


class OwnModel:
    """The model of one collection, loaded once.

    Args:
        asked: see `Model`.
        load: loads a model by its name; by default `embedsvc.load_encoder`.
        label: what messages call the collection.
    """

    def __init__(self, asked: Model, load: Load | None, label: str) -> None:
        self.asked = asked
        self._load = load
        self._label = label
        self._encoder: Any = None

    def encoder(self, metadata: Mapping[str, Any] | None, kind: Kind) -> Any:
        """The encoder; see `encoder_for`."""
        if self._encoder is None:
            self._encoder = encoder_for(metadata, self._label, self.asked, kind, load=self._load)
        return self._encoder


def _load_encoder(model: str) -> Any:
    from embedsvc.encoders.registry import load_encoder

    return load_encoder(model)


def check_kind(metadata: Mapping[str, Any] | None, kind: Kind, label: str) -> None:
    """Refuse texts in a collection of images, and images in one of texts.

    Raises:
        InputError: they are of another kind.
    """
    if metadata is None:
        return
    own = "images" if is_of_images(metadata) else "texts"
    if kind.name != own:
        raise InputError(
            f"Expected {own}, as {label} holds, got {kind.name}. Add them to a collection of their "
            "own, under another name."
        )
