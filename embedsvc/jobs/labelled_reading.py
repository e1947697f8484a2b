"""How labelled texts are read: which columns hold what."""

from __future__ import annotations

from dataclasses import dataclass, replace

from embedsvc.errors import InputError
from embedsvc.extract.columns import DEFAULT_COLUMN, quoted
from embedsvc.extract.rows import SourceOptions
from embedsvc.jobs.label_columns import LabelColumns


@dataclass(frozen=True)
class LabelledReading:
    """How labelled texts are read.

    Attributes:
        labels: where the labels stand.
        column: the column of the texts, by default "text".
        sample_weight: the column of the weights; None where every text counts the same.
        format: of the files, by default by their endings; see `SourceOptions`.
        encoding: of text files.
        on_error: "error" stops at the first defect, "skip" leaves such rows out.
    """

    labels: LabelColumns
    column: str | None = None
    sample_weight: str | None = None
    format: str | None = None
    encoding: str = "utf-8"
    on_error: str = "error"

    def __post_init__(self) -> None:
        """Check that each column has one part to play."""
        parts = [
            *(("--label", name) for name in self.labels.names),
            ("--sample-weight", self.sample_weight),
            ("--column", self.column or DEFAULT_COLUMN),
        ]
        seen: dict[str, str] = {}
        for option, name in parts:
            if name is None:
                continue
            if name in seen:
                raise InputError(
                    f"Expected different columns for {seen[name]} and {option}, got "
                    f"{quoted(name)} as both. Name another column."
                )
            seen[name] = option

    @property
    def source_options(self) -> SourceOptions:
        """The same for the readers of files."""
        weight = () if self.sample_weight is None else (self.sample_weight,)
        return SourceOptions(
            column=self.column,
            include_columns=(*self.labels.names, *weight),
            format=self.format,
            encoding=self.encoding,
        )

    def without_weights(self) -> LabelledReading:
        """The same for texts that are not learned from, whose weights have no use."""
        return replace(self, sample_weight=None)
