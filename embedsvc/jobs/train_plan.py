"""What a training is: data read, labels learned, folders looked at, before TensorFlow is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from embedsvc import __version__
from embedsvc.classify.label_reading import text_of
from embedsvc.classify.labels import LabelCodec, learn_labels
from embedsvc.classify.weights import ClassWeight, check_sample_weight, class_weights
from embedsvc.errors import InputError
from embedsvc.extract.sources import STDIN
from embedsvc.jobs.class_weight_files import read_class_weights
from embedsvc.jobs.labelled_reading import LabelledReading
from embedsvc.jobs.labelled_texts import LabelledTexts, read_labelled
from embedsvc.jobs.train_data import check_label_columns, known_labels
from embedsvc.jobs.train_model import check_model, model_digest
from embedsvc.jobs.train_options import BALANCED, NO_WEIGHTS, TrainOptions
from embedsvc.jobs.train_output import check_output
from embedsvc.jobs.train_words import (
    balance_line,
    balance_notes,
    empty_note,
    several_meant,
    shared_note,
    unlabelled_note,
)
from embedsvc.report.numbers import plural

Data = Sequence[str]


@dataclass(frozen=True, eq=False)
class TrainPlan:
    """A training that can be run.

    Attributes:
        training: texts to learn from.
        validation: texts that choose the best epoch; None holds some of `training` out.
        test: texts that only measure, or None.
        codec: the labels.
        chosen: what was chosen on its own, a sentence or "".
        class_weight: as `TextClassifier` takes it.
        options: how it is trained.
        output: the folder of the classifier.
    """

    training: LabelledTexts
    validation: LabelledTexts | None
    test: LabelledTexts | None
    codec: LabelCodec
    chosen: str
    class_weight: ClassWeight
    options: TrainOptions
    output: Path

    @cached_property
    def targets(self) -> NDArray[Any]:
        """What is true of the texts to learn from, see `LabelCodec.encode`."""
        return self.codec.encode(self.training.labels)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """All that the classifier depends on, as JSON values."""
        options = self.options
        weights = self.class_weight
        settings = {
            "command": "train",
            "version": __version__,
            "model": options.model,
            "model_sha256": model_digest(options.model),
            "texts_to_learn_from_sha256": self.training.digest,
            "validation_texts_sha256": self.validation.digest if self.validation else None,
            "task": self.codec.task,
            "labels": list(self.codec.labels),
            "class_weight": weights
            if weights is None or isinstance(weights, str)
            else dict(weights),
            "settings": dict(options.settings),
        }
        # As it is read back: a tuple is a list then.
        parsed: dict[str, Any] = orjson.loads(orjson.dumps(settings))
        return parsed

    @property
    def asked(self) -> dict[str, Any]:
        """All that the results depend on, as JSON values."""
        return {**self.settings, "test_texts_sha256": self.test.digest if self.test else None}

    @property
    def counts(self) -> NDArray[np.int64]:
        """Texts with each label, int64 of shape (n_labels,)."""
        if self.targets.ndim == 2:
            return np.asarray(self.targets.sum(axis=0), np.int64)
        return np.bincount(self.targets, minlength=len(self.codec.labels)).astype(np.int64)

    @property
    def names(self) -> list[str]:
        """The labels as text."""
        return [text_of(label) for label in self.codec.labels]

    def lines(self) -> list[str]:
        """What is trained on what, for people."""
        parts = [f"{plural(len(self.training.texts), 'text')} to learn from"]
        for found, what in ((self.validation, "validation"), (self.test, "test")):
            if found is not None:
                parts.append(f"{plural(len(found.texts), what + ' text')}")
        balance = balance_line(self.names, self.counts, len(self.training.texts))
        return [", ".join(parts) + ".", *([self.chosen] if self.chosen else []), f"{balance}."]

    def notes(self) -> list[str]:
        """What to know about the data before trusting what comes of them."""
        training = self.training
        learned = set(training.texts) if self.validation or self.test else set()
        found = [
            several_meant(training.labels) if self.options.task == "auto" else None,
            *balance_notes(
                self.names,
                self.counts,
                weighted=self.class_weight is not None,
                task=self.codec.task,
            ),
            unlabelled_note(training.labels),
            empty_note(training.texts),
        ]
        for one, what in ((self.validation, "validation"), (self.test, "test")):
            found.append(shared_note(one.texts, learned, what) if one is not None else None)
        sets = (training, self.validation, self.test)
        n_rejects = sum(len(one.rejects) for one in sets if one is not None)
        if n_rejects:
            found.append(
                f"{plural(n_rejects, 'row')} with a defect left out; rejects.jsonl says why."
            )
        return [note for note in found if note]


def plan_training(
    data: Data,
    output: str | Path,
    *,
    reading: LabelledReading,
    options: TrainOptions | None = None,
    validation: Data = (),
    test: Data = (),
) -> TrainPlan:
    """Read the data and check everything that can be known without TensorFlow.

    Args:
        data: files, globs, or "-" for standard input, to learn from.
        output: the folder of the classifier.
        reading: how labelled texts are read.
        options: how it is trained; None for the defaults.
        validation: as `data`: texts that choose the best epoch. None of `data` is held out then.
        test: as `data`: texts that only measure.

    Raises:
        InputError: data, labels, weights or options that cannot be used.
        ArtifactError: the catalogue has no such model.
        OutputError: the output holds something else.
    """
    options, output = options or TrainOptions(), Path(output)
    reading = replace(reading, on_error=options.on_error)
    check_output(output)
    check_model(options.model)
    if validation and options.settings.get("validation_fraction") is not None:
        raise InputError(
            "Expected --validation or --validation-fraction, got both. The texts of the file are "
            "held out; no others have to be."
        )
    if sum(STDIN in one for one in (data, validation, test)) > 1:
        raise InputError(
            "Expected '-' (stdin) for one of data, validation and test, got it for several. Save "
            "the others to files."
        )
    given = None
    if options.class_weight not in (NO_WEIGHTS, BALANCED):
        given = read_class_weights(Path(options.class_weight))
    training = read_labelled(data, reading)
    check_label_columns(training, reading)
    codec, chosen = learn_labels(training.labels, task=options.task)
    weight: ClassWeight = "balanced" if options.class_weight == BALANCED else given
    held, measured = (
        known_labels(
            read_labelled(one, reading.without_weights()), codec, on_error=options.on_error
        )
        if one
        else None
        for one in (validation, test)
    )
    plan = TrainPlan(training, held, measured, codec, chosen, weight, options, output)
    _check_weights(plan)
    return plan


def _check_weights(plan: TrainPlan) -> None:
    """What `TextClassifier` would refuse, before it is loaded."""
    weights = plan.training.weights
    if weights is not None:
        check_sample_weight(weights, len(weights))
    try:
        class_weights(plan.targets, len(plan.codec.labels), plan.class_weight, codec=plan.codec)
    except InputError as err:
        raise InputError(f"{plan.options.class_weight}: {err}") from err
