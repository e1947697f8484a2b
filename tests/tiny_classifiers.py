"""Classifiers with random heads, which no training had to make."""

from pathlib import Path

import numpy as np

from embedsvc.classify.classifier import TextClassifier
from embedsvc.classify.labels import LabelCodec
from embedsvc.classify.learned import Learned, read_head
from embedsvc.encoders.text_loading import load_text_model
from embedsvc.encoders.text_model import TextModel
from embedsvc.nets.classifier_head import HeadConfig, build_head

LABELS = {
    "binary": (False, True),
    "multiclass": ("ham", "spam", "été"),
    "multilabel": (1, 2, 5, 9),
}


def make_classifier(
    model: Path | TextModel,
    task: str = "multiclass",
    *,
    hidden: tuple[int, ...] = (),
    seed: int = 3,
) -> TextClassifier:
    """A classifier on a text model, as if it had been fitted.

    Args:
        model: of texts, or its folder.
        task: a key of `LABELS`.
        hidden: widths of the head's layers.
        seed: of the head.
    """
    if isinstance(model, Path):
        model = load_text_model(model)
    labels = LABELS[task]
    generator = np.random.default_rng(seed)
    config = HeadConfig(task, len(labels), hidden=hidden, scale=2.0)
    dim = model.modules[0].kernel.shape[1] if model.modules and model.modules[0] else None
    head = build_head(config, dim or int(model.network.output["sequence_output"].shape[-1]), seed=0)
    weights = {
        name: generator.normal(0, 1, value.shape).astype(np.float32)
        for name, value in read_head(head).items()
    }
    return TextClassifier(model.name).restore(
        Learned(
            model=model,
            codec=LabelCodec(task, labels),
            head_config=config,
            head=weights,
            thresholds=generator.uniform(0.3, 0.7, len(labels)),
            class_weights=np.ones(len(labels)),
            facts={"best_epoch": 1},
        )
    )
