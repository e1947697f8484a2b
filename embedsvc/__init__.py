"""Turn texts and images into vectors you can act on, with TensorFlow.

Public names load on first use, so `import embedsvc` stays light:

    >>> import embedsvc
    >>> encoder = embedsvc.load_encoder("minilm")
    >>> encoder.encode(["Where is my parcel?"]).shape
    (1, 384)
    >>> classifier = embedsvc.TextClassifier().fit(texts, labels)  # doctest: +SKIP
    >>> detector = embedsvc.detectors.OneClassSVM().fit(good_images)  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from embedsvc import detectors, pairs, vectors
    from embedsvc.classify.classifier import TextClassifier
    from embedsvc.collection.collection import Collection, list_collections
    from embedsvc.encoders.image import ImageEncoder
    from embedsvc.encoders.registry import load_encoder
    from embedsvc.encoders.text import EncodeInfo, TextEncoder
    from embedsvc.errors import EmbedsvcError
    from embedsvc.jobs.compare import compare_detectors
    from embedsvc.jobs.detect import detect_anomalies
    from embedsvc.jobs.export import export_model
    from embedsvc.pairs.point_descriptor import PointDescriptor
    from embedsvc.store.classifiers import load_classifier, save_classifier
    from embedsvc.store.descriptors import load_descriptor, save_descriptor
    from embedsvc.store.detectors import load_detector, save_detector
    from embedsvc.tables.vector_table import VectorTable, read_vectors

_HOMES = {
    "Collection": "embedsvc.collection.collection",
    "EmbedsvcError": "embedsvc.errors",
    "EncodeInfo": "embedsvc.encoders.text",
    "ImageEncoder": "embedsvc.encoders.image",
    "PointDescriptor": "embedsvc.pairs.point_descriptor",
    "TextClassifier": "embedsvc.classify.classifier",
    "TextEncoder": "embedsvc.encoders.text",
    "VectorTable": "embedsvc.tables.vector_table",
    "compare_detectors": "embedsvc.jobs.compare",
    "detect_anomalies": "embedsvc.jobs.detect",
    "detectors": "embedsvc.detectors",
    "export_model": "embedsvc.jobs.export",
    "list_collections": "embedsvc.collection.collection",
    "load_classifier": "embedsvc.store.classifiers",
    "load_descriptor": "embedsvc.store.descriptors",
    "load_detector": "embedsvc.store.detectors",
    "load_encoder": "embedsvc.encoders.registry",
    "pairs": "embedsvc.pairs",
    "read_vectors": "embedsvc.tables.vector_table",
    "save_classifier": "embedsvc.store.classifiers",
    "save_descriptor": "embedsvc.store.descriptors",
    "save_detector": "embedsvc.store.detectors",
    "vectors": "embedsvc.vectors",
}

__all__ = [
    "Collection",
    "EmbedsvcError",
    "EncodeInfo",
    "ImageEncoder",
    "PointDescriptor",
    "TextClassifier",
    "TextEncoder",
    "VectorTable",
    "__version__",
    "compare_detectors",
    "detect_anomalies",
    "detectors",
    "export_model",
    "list_collections",
    "load_classifier",
    "load_descriptor",
    "load_detector",
    "load_encoder",
    "pairs",
    "read_vectors",
    "save_classifier",
    "save_descriptor",
    "save_detector",
    "vectors",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'embedsvc' has no attribute {name!r}")
    module = importlib.import_module(_HOMES[name])
    return module if module.__name__ == f"embedsvc.{name}" else getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
