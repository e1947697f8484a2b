"""How predictions are written, and what a classifier's task has to say to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from embedsvc.classify.label_reading import text_of
from embedsvc.errors import InputError
from embedsvc.extract.columns import quoted
from embedsvc.extract.missing import ON_ERROR
from embedsvc.extract.rows import SourceOptions
from embedsvc.jobs.label_columns import SEPARATOR
from embedsvc.jobs.predict_model import SavedClassifier
from embedsvc.jobs.predict_rows import TRUE_LABEL, probability_name, rank_name
from embedsvc.tables.row_files import rows_format


@dataclass(frozen=True)
class PredictOptions:
    """How predictions are written.

    Attributes:
        label_separator: between several labels in a cell of a CSV file, written or read.
        probabilities: whether every label has a column of its own.
        top: labels to name, the likeliest first; more than one of "multiclass" alone.
        threshold: probability above which a label applies, of "binary" the positive one; None for
            those that the classifier learned.
        label: columns of the true labels, which are measured against; see `LabelColumns`.
        on_error: "error" stops at the first defect, "skip" writes it to OUT.rejects.jsonl.
        overwrite: replace an existing output and forget parts of another run.
    """

    label_separator: str = SEPARATOR
    probabilities: bool = False
    top: int = 1
    threshold: float | None = None
    label: tuple[str, ...] = ()
    on_error: str = "error"
    overwrite: bool = False

    def __post_init__(self) -> None:
        """Check what can be checked without a file."""
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise InputError(f"Expected a threshold from 0 to 1, got {self.threshold}.")
        if self.top < 1:
            raise InputError(f"Expected top to be at least 1, got {self.top}.")
        if self.on_error not in ON_ERROR:
            raise InputError(f"Expected on_error to be one of {ON_ERROR}, got {self.on_error!r}.")


def check_options(options: PredictOptions, saved: SavedClassifier, *, written: str) -> None:
    """Refuse options that the classifier's task does not have.

    Args:
        options: how predictions are written.
        saved: the classifier.
        written: the output, "-" for a stream.

    Raises:
        InputError: an option would have no effect or no meaning.
    """
    if options.threshold is not None and saved.task == "multiclass":
        raise InputError(
            "Expected no threshold, as this classifier names the likeliest of "
            f"{len(saved.labels):,} labels, got {options.threshold}. Leave --threshold out."
        )
    if options.top > 1 and saved.task != "multiclass":
        raise InputError(
            f"Expected --top with a multiclass classifier, got a {saved.task} one. Leave it out; "
            "--probabilities tells the probability of every label."
        )
    if options.top > len(saved.labels):
        raise InputError(
            f"Expected --top to be at most {len(saved.labels)}, the number of labels, got "
            f"{options.top}."
        )
    if len(options.label) > 1 and saved.task != "multilabel":
        raise InputError(
            f"Expected one column of true labels for a {saved.task} classifier, got "
            f"{', '.join(options.label)}. Name one column with --label."
        )
    if saved.task != "multilabel" or written == "-" or rows_format(Path(written)) != ".csv":
        return
    held = next((one for one in saved.labels if options.label_separator in text_of(one)), None)
    if held is not None:
        raise InputError(
            f"Expected a separator that no label holds, got {options.label_separator!r}, which "
            f"{quoted(text_of(held))} holds. Pass another --label-separator, or write Parquet."
        )


def check_columns(reading: SourceOptions, options: PredictOptions, saved: SavedClassifier) -> None:
    """Refuse names of columns that the output uses itself, or that are not Unicode.

    Raises:
        InputError: there is such a name.
    """
    names = (reading.column, reading.id_column, *reading.include_columns, *options.label)
    for name in names:
        try:
            (name or "").encode()
        except UnicodeEncodeError as err:
            raise InputError(
                f"Expected names of columns to be Unicode, got {quoted(name or '')}. "
                "Run in a UTF-8 locale, or rename the column."
            ) from err
    taken = {"id", "label", "probability", "n_tokens", "truncated"}
    taken |= {TRUE_LABEL} if options.label else set()
    taken |= set(map(probability_name, saved.labels)) if options.probabilities else set()
    ranks = range(2, options.top + 1)
    taken |= {rank_name(rank, what) for rank in ranks for what in ("label", "probability")}
    found = next((name for name in reading.include_columns if name in taken), None)
    if found is not None:
        raise InputError(
            f"Expected included columns with other names than those of the output, got "
            f"{quoted(found)}. Rename the column; --label takes the column of true labels, "
            "--id-column that of ids."
        )
