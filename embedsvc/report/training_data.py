"""What the page about a training run is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from embedsvc.evaluation.classification import ClassificationMetrics
from embedsvc.evaluation.reliability import Reliability
from embedsvc.nets.training_state import EpochRecord


@dataclass(frozen=True, slots=True)
class LabelBalance:
    """How much of the training data is of one label, before and after weighting.

    Attributes:
        count: texts with the label.
        share: of all training texts.
        weight: the class weight, or for multi-label the weight of its positive texts.
        weighted_share: of the weight in the loss: of one label among all, or for multi-label of
            the texts with this label among all texts.
    """

    count: int
    share: float
    weight: float
    weighted_share: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A label and the probability, 0 to 1, that the classifier gave it."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Mistake:
    """A text that was judged wrongly.

    Attributes:
        text: as it was read.
        truth: its labels; none for a multi-label text without a label.
        predicted: the labels it was given.
    """

    text: str
    truth: Sequence[Answer]
    predicted: Sequence[Answer]


@dataclass(frozen=True, eq=False)
class Measured:
    """How good the classifier is on texts it did not learn from.

    Attributes:
        source: where the texts came from, such as "held-out texts" or "test.csv".
        metrics: measured on them.
        reliability: whether its probabilities can be believed.
        mistakes: the worst, in the order shown.
        n_mistakes: all of them.
    """

    source: str
    metrics: ClassificationMetrics
    reliability: Reliability | None = None
    mistakes: Sequence[Mistake] = ()
    n_mistakes: int = 0


@dataclass(frozen=True, eq=False)
class TrainingReport:
    """All that the page shows.

    Attributes:
        title: what was learned from, such as the name of a file.
        task: "binary", "multiclass" or "multilabel".
        labels: their names in the order of their positions.
        encoder: name of the base model.
        encoder_about: one plain sentence on it; "" for none.
        pooling: how the vector of a text is made from those of its tokens.
        dim: numbers in such a vector.
        trained: what was, as a few words: "the head and all 6 layers", "the head only".
        n_training: texts learned from.
        n_validation: texts held out, on which the best epoch was chosen.
        seconds: how long the training took.
        seed: of its random numbers.
        history: one record an epoch; empty if there was none.
        best_epoch: whose weights were kept.
        balance: one a label.
        settings: name to value, in the order shown.
        validation: measured on the held-out texts.
        test: measured on a file of its own, where one was given.
        trained_at: when, as text.
        notes: what was chosen or done on its own.
        warnings: what to know before trusting the result.
    """

    title: str
    task: str
    labels: Sequence[str]
    encoder: str
    encoder_about: str
    pooling: str
    dim: int
    trained: str
    n_training: int
    n_validation: int
    seconds: float
    seed: int
    history: Sequence[EpochRecord]
    best_epoch: int | None
    balance: Sequence[LabelBalance]
    settings: Mapping[str, str]
    validation: Measured | None = None
    test: Measured | None = None
    trained_at: str = ""
    notes: Sequence[str] = ()
    warnings: Sequence[str] = ()
