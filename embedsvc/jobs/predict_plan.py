"""What a prediction is: checked, and compared with what stands there, before anything is loaded."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from embedsvc import __version__
from embedsvc.errors import ResumeError
from embedsvc.extract.folder import remove_leftover
from embedsvc.extract.joining import input_digest
from embedsvc.extract.kinds import TEXTS
from embedsvc.extract.parts import PARTS_LAYOUT, Summary
from embedsvc.extract.rows import SourceOptions
from embedsvc.extract.sources import Sources, open_sources
from embedsvc.extract.windows import windows_of
from embedsvc.jobs.label_columns import LabelColumns
from embedsvc.jobs.predict_model import SavedClassifier, read_saved
from embedsvc.jobs.predict_options import PredictOptions, check_columns, check_options
from embedsvc.jobs.predict_output import read_metrics
from embedsvc.tables.row_files import check_output, read_metadata


@dataclass(frozen=True)
class Predicted:
    """What a run did.

    Attributes:
        summary: rows, defects, time.
        metrics: what OUT.metrics.json holds; None without true labels.
    """

    summary: Summary
    metrics: dict[str, Any] | None = None


@dataclass(frozen=True)
class PredictPlan:
    """A prediction that can be run.

    Attributes:
        saved: the classifier.
        sources: the texts.
        output: where the results will stand; None for a stream.
        reading: how the sources are read; without the columns of true labels.
        options: how predictions are written.
        true_labels: where the true labels stand, or None.
    """

    saved: SavedClassifier
    sources: Sources
    output: Path | None
    reading: SourceOptions
    options: PredictOptions
    true_labels: LabelColumns | None

    @property
    def thresholds(self) -> NDArray[np.float64] | None:
        """Those asked for, of shape (n_labels,), or None."""
        if self.options.threshold is None:
            return None
        return np.full(len(self.saved.labels), self.options.threshold)

    @property
    def keeps_columns(self) -> bool:
        """Whether parts keep columns of the input."""
        return bool(self.sources.options.include_columns)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """All that the probabilities depend on; reads files through for their checksums."""
        return {
            "layout": PARTS_LAYOUT,
            "version": __version__,
            **self.saved.settings,
            **self.sources.settings(),
        }

    @cached_property
    def asked(self) -> dict[str, Any]:
        """All that the output depends on, as it stands in its metadata."""
        options = self.options
        asked = {
            **self.settings,
            "include_columns": self.reading.include_columns,
            "label_separator": options.label_separator,
            "probabilities": options.probabilities,
            "top": options.top,
            "threshold": options.threshold,
            "true_labels": options.label,
        }
        asked = orjson.loads(orjson.dumps(asked))
        return dict(asked)

    def standing(self) -> Predicted | None:
        """Look whether the result is there; the result of it, or None where there is work to do.

        Raises:
            ResumeError: something else stands there.
        """
        output = self.output
        if output is None or self.options.overwrite or not output.exists():
            return None
        start = time.perf_counter()
        made = read_metadata(output) or {}
        same = all(key in made and made[key] == value for key, value in self.asked.items())
        # A run that stops at defects would not have made an output without them.
        same = same and (self.options.on_error == "skip" or made.get("rejects") == 0)
        if same and not self.sources.told_by_settings:
            digest = input_digest(window.digest for window in windows_of(self.sources))
            same = made.get(TEXTS.digest) == digest
        metrics = read_metrics(output) if self.true_labels is not None else None
        if not same or (metrics is None and self.true_labels is not None):
            raise ResumeError(
                f"Expected {output} not to exist, or to be the result of the same command. It is "
                "neither: choose another output, or add --overwrite to replace it."
            )
        remove_leftover(output)
        seconds = time.perf_counter() - start
        return Predicted(Summary(stood_already=True, seconds=seconds), metrics)


def plan_prediction(
    model: str | Path,
    inputs: Sequence[str],
    output: str | Path,
    *,
    reading: SourceOptions | None = None,
    options: PredictOptions | None = None,
) -> PredictPlan:
    """Check everything that can be known without loading a network.

    Args:
        model: the folder of a saved classifier.
        inputs: files, globs, or "-" for standard input.
        output: a file that ends in .csv, .jsonl or .parquet; or "-" for a stream.
        reading: how the inputs are read; None for the defaults.
        options: how predictions are written; None for the defaults.

    Raises:
        InputError: an input, a column or an option that cannot be used.
        ArtifactError: the folder is no saved classifier.
        OutputError: the output is out of reach.
    """
    reading, options = reading or SourceOptions(), options or PredictOptions()
    saved = read_saved(Path(model))
    several = saved.task == "multilabel"
    separator = options.label_separator if several else None
    true_labels = LabelColumns(options.label, separator) if options.label else None
    check_options(options, saved, written=str(output))
    check_columns(reading, options, saved)
    extra = [name for name in options.label if name not in reading.include_columns]
    sources = open_sources(
        inputs, replace(reading, include_columns=(*reading.include_columns, *extra))
    )
    target = None if str(output) == "-" else Path(output)
    if target is not None:
        check_output(target, sources.files)
    return PredictPlan(saved, sources, target, reading, options, true_labels)
