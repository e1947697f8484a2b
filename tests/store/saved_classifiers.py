"""Classifiers made by hand: what they have learned is drawn, which takes no training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from tiny_folders import HIDDEN, write_tiny_bert

from embedsvc.classify.classifier import TextClassifier
from embedsvc.classify.labels import LabelCodec
from embedsvc.classify.learned import Learned, read_head
from embedsvc.encoders.text_loading import load_text_model
from embedsvc.nets.classifier_head import HeadConfig, build_head

FACTS = {"n_texts": 20, "best_epoch": 2, "trained_at": "2026-01-31T12:00:00+00:00"}


def made_classifier(
    folder: Path,
    *,
    task: str = "multiclass",
    labels: tuple[Any, ...] = ("bad", "fine", "good"),
    hidden: tuple[int, ...] = (),
    pooling: str | None = None,
    normalize: bool | None = None,
    **settings: Any,
) -> TextClassifier:
    """A classifier on a tiny BERT in a folder, as if it had been fitted."""
    if not folder.exists():
        write_tiny_bert(folder)
    config = HeadConfig(task, len(labels), hidden=hidden, scale=1.5)
    head = build_head(config, HIDDEN, seed=1)
    head.set_weights([weights + 0.25 for weights in head.get_weights()])
    classifier = TextClassifier(
        folder, task=task, hidden=hidden, pooling=pooling, normalize=normalize, **settings
    )
    return classifier.restore(
        Learned(
            model=load_text_model(folder, pooling=pooling, normalize=normalize),
            codec=LabelCodec(task, labels),
            head_config=config,
            head=read_head(head),
            thresholds=np.linspace(0.1, 0.7, len(labels)),
            class_weights=np.linspace(0.3, 4.0, len(labels)),
            facts=FACTS,
        )
    )
