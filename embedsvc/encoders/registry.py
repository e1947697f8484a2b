"""From a model's name to its encoder."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from embedsvc.encoders.image import ImageEncoder
from embedsvc.encoders.image_network import is_image_model
from embedsvc.encoders.text import TextEncoder
from embedsvc.errors import InputError


def load_encoder(model: str | Path = "minilm", **settings: Any) -> TextEncoder | ImageEncoder:
    """Load an encoder, ready to encode.

    Args:
        model: a name from the model catalogue, "huggingface:OWNER/NAME", "tfhub:HANDLE", a folder
            of Hugging Face or of a trained classifier, or "keras:NAME" for a network of
            keras.applications. What has to be fetched is fetched on first use.
        settings: those of `TextEncoder`, such as `pooling` or `on_long`, or of `ImageEncoder`, such
            as `pooling` or `size`.

    Returns:
        A `TextEncoder` or an `ImageEncoder`, by the kind of the model, its weights in memory.

    Raises:
        InputError: an unknown model, or a setting it cannot take.
        ArtifactError: the folder or file is not a usable model.
        WeightsError: the weights could not be fetched.

    Example:
        >>> load_encoder("minilm").encode(["hello"]).shape
        (1, 384)
        >>> load_encoder("efficientnet-lite0").encode(["cat.jpg"]).shape
        (1, 1280)
    """
    kind = ImageEncoder if is_image_model(model) else TextEncoder
    _check_settings(kind, str(model), settings)
    encoder: TextEncoder | ImageEncoder = kind(model, **settings)
    _ = encoder.network
    return encoder


def _check_settings(
    kind: type[TextEncoder | ImageEncoder], model: str, settings: dict[str, Any]
) -> None:
    known = [name for name in inspect.signature(kind).parameters if name != "model"]
    unknown = sorted(settings.keys() - set(known))
    if unknown:
        things = "images" if kind is ImageEncoder else "texts"
        raise InputError(
            f"Expected settings of a model for {things} ({', '.join(known)}), got "
            f"{', '.join(unknown)} for {model!r}. Leave it out or correct its name."
        )
