"""Training runs made of nothing, for tests of their pages and pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from embedsvc.evaluation.classification import classification_metrics
from embedsvc.evaluation.decisions import decide
from embedsvc.evaluation.reliability import reliability
from embedsvc.nets.training_state import EpochRecord
from embedsvc.report.training_findings import class_balance, worst_mistakes
from embedsvc.report.training_report import Measured, TrainingReport

LAYER = "activity penalty: block_5"


def made_history(
    n_epochs: int = 6, *, penalties: bool = False, measures: bool = True
) -> list[EpochRecord]:
    """Losses that fall, a validation loss that rises again, and measures that level off."""
    records = []
    for i in range(n_epochs):
        data = 2.4 * 0.55**i + 0.05
        extra = {"weight penalty": 2e-4, LAYER: 3e-3 * 0.8**i} if penalties else {}
        validation = {
            "loss": 2.2 * 0.5**i + 0.24 + 0.015 * i,
            "accuracy": 0.935 - 0.5 * 0.5**i,
            "macro_f1": 0.93 - 0.6 * 0.5**i,
        }
        records.append(
            EpochRecord(
                epoch=i + 1,
                seconds=41.5 + i,
                learning_rate=3e-5 * (1 - i / n_epochs),
                terms={"total": data + sum(extra.values()), "data": data, **extra},
                validation=validation if measures else {},
            )
        )
    return records


def made_targets(n_texts, n_labels, *, task, seed=0):
    """Unbalanced targets, and probabilities that are often right."""
    rng = np.random.default_rng(seed)
    prior = 1 / np.arange(1, n_labels + 1) ** 0.7
    if task == "multilabel":
        targets = (rng.random((n_texts, n_labels)) < 0.3 * prior).astype(np.int64)
        logits = 3.2 * targets - 2.2 + rng.normal(size=targets.shape)
        return targets, (1 / (1 + np.exp(-logits))).astype(np.float32)
    targets = rng.choice(n_labels, n_texts, p=prior / prior.sum())
    logits = 1.6 * rng.normal(size=(n_texts, n_labels))
    logits[np.arange(n_texts), targets] += 1.5 + np.log(n_labels)
    # Neighbours are alike.
    logits[np.arange(n_texts), (targets + 1) % n_labels] += 1.0
    exps = np.exp(logits)
    return targets, (exps / exps.sum(axis=1, keepdims=True)).astype(np.float32)


def made_measured(labels, *, task, n_texts=400, source="10 % of reviews.csv", seed=1, texts=None):
    """What a job measures of made targets and probabilities."""
    targets, probabilities = made_targets(n_texts, len(labels), task=task, seed=seed)
    thresholds = np.full(len(labels), 0.4)
    predicted = decide(probabilities, task=task, thresholds=thresholds)
    texts = texts or [f"text {i} of its kind" for i in range(n_texts)]
    mistakes, n_mistakes = worst_mistakes(texts, targets, predicted, probabilities, labels)
    if task == "multilabel":
        sure, right = probabilities.ravel(), targets.ravel()
    else:
        sure, right = probabilities.max(axis=1), predicted == targets
    return Measured(
        source=source,
        metrics=classification_metrics(targets, probabilities, task=task, thresholds=thresholds),
        reliability=reliability(sure, right),
        mistakes=mistakes,
        n_mistakes=n_mistakes,
    )


def made_training(labels, *, task, n_training=2000, weighted=False, **changes) -> TrainingReport:
    """A report on a made training, with some of its fields changed."""
    targets, _ = made_targets(n_training, len(labels), task=task)
    counts = targets.sum(axis=0) if task == "multilabel" else np.bincount(targets)
    weights = np.ones(len(labels))
    if weighted:
        weights = n_training / (len(labels) * np.maximum(counts, 1))
    per_text = np.ones(n_training) if task == "multilabel" else weights[targets]
    report = TrainingReport(
        title="reviews.csv",
        task=task,
        labels=labels,
        encoder="minilm",
        encoder_about="A small BERT of 6 layers.",
        pooling="mean",
        dim=384,
        trained="the head and all 6 layers",
        n_training=n_training,
        n_validation=400,
        seconds=264.0,
        seed=0,
        history=made_history(),
        best_epoch=4,
        balance=class_balance(targets, weights, per_text),
        settings={"batch size": "32", "learning rate": "3e-05"},
        validation=made_measured(labels, task=task),
    )
    return replace(report, **changes)
