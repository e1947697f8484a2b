"""A saved classifier: what it says of itself, and its probabilities as an encoder's vectors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from embedsvc.classify.label_codec import LabelCodec
from embedsvc.errors import ArtifactError, InputError
from embedsvc.files import sha256_of
from embedsvc.jobs.predict_rows import Label
from embedsvc.store.manifest import read_manifest

MODEL = "model.json"
WHAT = "text-classifier"
Advance = Callable[[int], None]


class PredictedTexts(Protocol):
    """What a classifier says of a window of texts."""

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """Array of shape (n_texts, n_labels)."""
        ...

    @property
    def n_tokens(self) -> NDArray[np.int32]:
        """Tokens of each whole text, shape (n_texts,)."""
        ...

    @property
    def truncated(self) -> NDArray[np.bool_]:
        """Whether tokens were left out, shape (n_texts,)."""
        ...


class Classifier(Protocol):
    """What is needed of a `TextClassifier`."""

    thresholds_: NDArray[np.float64]

    def predict_windows(
        self, windows: Iterable[list[str]], *, advance: Advance = ...
    ) -> Iterator[PredictedTexts]:
        """Classify windows of texts, in order."""
        ...


@dataclass(frozen=True)
class SavedClassifier:
    """What model.json says, without loading anything else.

    Attributes:
        folder: where it stands.
        sha256: of model.json, which holds the sha256 of every other file.
        task: "binary", "multiclass" or "multilabel".
        labels: in the order of the probabilities.
        max_tokens: longer texts are cut there.
    """

    folder: Path
    sha256: str
    task: str
    labels: tuple[Label, ...]
    max_tokens: int

    @property
    def settings(self) -> dict[str, Any]:
        """What the probabilities depend on, as JSON values."""
        return {
            "model_sha256": self.sha256,
            "task": self.task,
            "labels": list(self.labels),
            "max_tokens": self.max_tokens,
        }


def read_saved(folder: Path) -> SavedClassifier:
    """Read what a saved classifier says of itself; no TensorFlow is needed.

    Raises:
        ArtifactError: the folder is no saved classifier.
    """
    path = folder / MODEL
    # Loading it checks the rest, its format too.
    fields = read_manifest(
        path, what=WHAT, newest=sys.maxsize, noun="classifier", beside="its weights"
    )
    try:
        codec = LabelCodec(
            fields.take("task", str), tuple(fields.take("labels", Sequence[str | int | bool]))
        )
    except InputError as err:
        raise ArtifactError(f"{path}: {err}") from err
    return SavedClassifier(
        folder, sha256_of(path), codec.task, codec.labels, fields.take("max_tokens", int)
    )


@dataclass(frozen=True)
class Probabilities:
    """A window's probabilities where an encoder has its vectors."""

    vectors: NDArray[np.float32]
    n_tokens: NDArray[np.int32]
    truncated: NDArray[np.bool_]


class ProbabilityEncoder:
    """A classifier behind the face of an encoder of texts: probabilities are its vectors.

    Args:
        saved: what the classifier is.
        classifier: the same, loaded.
    """

    def __init__(self, saved: SavedClassifier, classifier: Classifier) -> None:
        self.dim = len(saved.labels)
        self._saved, self._classifier = saved, classifier

    def describe(self) -> dict[str, Any]:
        """What the probabilities depend on."""
        return self._saved.settings

    def encode_windows(
        self, windows: Iterable[list[str]], *, advance: Advance = lambda count: None
    ) -> Iterator[Probabilities]:
        """Classify windows of texts, in order."""
        for one in self._classifier.predict_windows(windows, advance=advance):
            yield Probabilities(one.probabilities, one.n_tokens, one.truncated)
