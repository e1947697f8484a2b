"""The very model that made some vectors, to encode a query as they were."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from embedsvc.errors import ArtifactError, InputError
from embedsvc.extract.choosing import kind_of_model
from embedsvc.extract.kinds import IMAGES, TEXTS
from embedsvc.tables.contents import is_of_images

_TEXT_SETTINGS = ("pooling", "normalize", "max_tokens")
_IMAGE_SETTINGS = ("pooling", "normalize", "size", "resize", "lighting")
# The name is none of these: a folder may have been renamed.
_COMPARED = ("dim", "model_sha256", "pooling", "normalize", "prompt", "size", "resize", "lighting")


def load_matching_encoder(
    metadata: Mapping[str, Any],
    label: str,
    *,
    model: str | None = None,
    load: Callable[..., Any] | None = None,
) -> Any:
    """Load the model that made vectors.

    Args:
        metadata: of the vectors; {} where nothing is known of them.
        label: what messages call the vectors.
        model: the model to use; by default the one the metadata name.
        load: takes the model and its settings; by default `embedsvc.load_encoder`.

    Returns:
        A `TextEncoder` or an `ImageEncoder`, set as it was for the vectors.

    Raises:
        InputError: nothing says which model made the vectors.
        ArtifactError: the model is not to be had, or is another one.
        WeightsError: its weights could not be fetched.
    """
    named = metadata.get("model")
    if model is None and not isinstance(named, str):
        raise InputError(
            f"Expected {label} to say which model made its vectors, got a file that does not, as "
            "embedsvc extract did not write it. Pass --model with the model that made them."
        )
    chosen = str(named) if model is None else model
    try:
        _check_kind(metadata, chosen, label)
        encoder = (load or _load_encoder)(chosen, **_settings(metadata))
    except (InputError, ArtifactError) as err:
        # It is the model that is not usable, and no row of the input.
        if model is not None:
            raise ArtifactError(str(err)) from err
        raise ArtifactError(
            f"{str(err).rstrip('.')}. {label} was made with the model {chosen!r}; if that is a "
            "folder, pass it with --model."
        ) from err
    check_same_model(metadata, encoder.describe(), label)
    return encoder


def check_same_model(
    made_with: Mapping[str, Any], described: Mapping[str, Any], label: str
) -> None:
    """Refuse to compare vectors of different models.

    Args:
        made_with: the metadata of the vectors; what they do not tell is not compared.
        described: what the model at hand says of itself.
        label: what messages call the vectors.

    Raises:
        ArtifactError: they differ in dim, weights or settings.
    """
    differing = [
        f"{key} {made_with[key]!r} (got {described.get(key)!r})"
        for key in _COMPARED
        if key in made_with and made_with[key] != described.get(key)
    ]
    if differing:
        raise ArtifactError(
            f"Expected the model that made {label}: {made_with.get('model', 'unknown')!r} with "
            f"{', '.join(differing)}. Vectors of different models cannot be compared: name the "
            "right model with --model, or extract anew."
        )


def check_same_vectors(a: Mapping[str, Any], b: Mapping[str, Any], label: str) -> None:
    """Refuse to mix two files of vectors that different models made, as far as they tell.

    Raises:
        ArtifactError: both tell, and differ.
    """
    shared = [key for key in _COMPARED if key in a and key in b]
    check_same_model({"model": a.get("model"), **{key: a[key] for key in shared}}, b, label)


def _check_kind(metadata: Mapping[str, Any], model: str, label: str) -> None:
    takes, given = kind_of_model(model), IMAGES if is_of_images(metadata) else TEXTS
    if metadata and takes is not given:
        raise ArtifactError(
            f"Expected a model of {given.name}, as {label} holds vectors of {given.name}, got "
            f"{model!r}, which is one of {takes.name}. Name the model that made the vectors."
        )


def _load_encoder(model: str, **settings: Any) -> Any:
    # TensorFlow takes seconds to import, which a search by id need not wait for.
    from embedsvc.encoders.registry import load_encoder

    return load_encoder(model, **settings)


def _settings(metadata: Mapping[str, Any]) -> dict[str, Any]:
    names = _IMAGE_SETTINGS if is_of_images(metadata) else _TEXT_SETTINGS
    settings = {name: metadata[name] for name in names if metadata.get(name) is not None}
    if isinstance(settings.get("size"), list):
        settings["size"] = tuple(settings["size"])
    return settings
