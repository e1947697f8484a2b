"""Turn texts and images into vectors you can act on, with TensorFlow.

Public names load on first use, so `import embedsvc` stays light:

    >>> import embedsvc
    >>> encoder = embedsvc.load_encoder("minilm")
    >>> encoder.encode(["Where is my parcel?"]).shape
    (1, 384)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from embedsvc.encoders.image import ImageEncoder
    from embedsvc.encoders.registry import load_encoder
    from embedsvc.encoders.text import EncodeInfo, TextEncoder
    from embedsvc.errors import EmbedsvcError

_HOMES = {
    "EmbedsvcError": "embedsvc.errors",
    "EncodeInfo": "embedsvc.encoders.text",
    "ImageEncoder": "embedsvc.encoders.image",
    "TextEncoder": "embedsvc.encoders.text",
    "load_encoder": "embedsvc.encoders.registry",
}

__all__ = [
    "EmbedsvcError",
    "EncodeInfo",
    "ImageEncoder",
    "TextEncoder",
    "__version__",
    "load_encoder",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'embedsvc' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
