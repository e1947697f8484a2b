"""From a model's name to its encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from embedsvc.encoders.text import TextEncoder


def load_encoder(model: str | Path = "minilm", **settings: Any) -> TextEncoder:
    """Load an encoder, ready to encode.

    Args:
        model: a name from the model catalogue or "huggingface:OWNER/NAME", pulled on first use, or
            a Hugging Face folder.
        settings: those of `TextEncoder`, such as `pooling` or `on_long`.

    Returns:
        The encoder, its weights in memory.

    Raises:
        InputError: an unknown model, or a setting it cannot take.
        ArtifactError: the folder is not a usable model.
        WeightsError: the weights could not be fetched.

    Example:
        >>> encoder = load_encoder("minilm")
        >>> encoder.encode(["hello"]).shape
        (1, 384)
    """
    encoder = TextEncoder(model, **settings)
    _ = encoder.network
    return encoder
