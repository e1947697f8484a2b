"""The types of an input's columns, found by reading it once before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import pyarrow as pa

from embedsvc.collection.column_types import TypeGuess, to_array
from embedsvc.collection.names import check_columns
from embedsvc.errors import InputError
from embedsvc.extract.kinds import Inputs
from embedsvc.extract.rows import Reject, SourceOptions, printable
from embedsvc.extract.sources import STDIN, open_sources

_BLOCK = 4096
_TEXTUAL = (".csv", ".tsv")
_ID = "id"


class Survey:
    """Looks at the values of columns, and says which types they have.

    Args:
        names: of the columns.
        there: the columns that the collection has already, with their types.
        textual: whether the values are of a format that has nothing but text.

    Raises:
        InputError: a name that cannot be one of a column.
    """

    def __init__(
        self, names: Sequence[str], there: Mapping[str, pa.DataType], *, textual: bool
    ) -> None:
        check_columns(names, there=list(there))
        self._there = {name: there[name] for name in names if name in there}
        self._guesses = {name: TypeGuess(textual=textual) for name in names if name not in there}

    def see(self, rows: Sequence[tuple[Mapping[str, Any], str]]) -> None:
        """Look at some rows.

        Args:
            rows: the values by column, and where each row stands.

        Raises:
            InputError: a value does not fit a column that is there already.
        """
        for name, dtype in self._there.items():
            values = [columns.get(name) for columns, _ in rows]
            to_array(values, dtype, name, lambda at: rows[at][1])
        for name, guess in self._guesses.items():
            for columns, _ in rows:
                guess.see(columns.get(name))

    def types(self, *, seen_all: bool = True) -> dict[str, pa.DataType]:
        """The types of the columns.

        Args:
            seen_all: whether all rows were seen. Then columns without any value are left out;
                otherwise they are taken for texts.
        """
        otherwise = None if seen_all else pa.string()
        found = {name: guess.type() or otherwise for name, guess in self._guesses.items()}
        return {**self._there, **{name: one for name, one in found.items() if one is not None}}


def survey_inputs(inputs: Inputs, survey: Survey) -> None:
    """Read inputs through for the types of their columns."""
    waiting: list[tuple[Mapping[str, Any], str]] = []
    for row in inputs.rows():
        if isinstance(row, Reject):
            continue
        waiting.append((row.columns, row.where))
        if len(waiting) == _BLOCK:
            survey.see(waiting)
            waiting = []
    survey.see(waiting)


def is_textual(reading: SourceOptions, names: Iterable[str]) -> bool:
    """Whether values come from CSV or TSV files, where numbers are text as well.

    Args:
        reading: how the inputs are read.
        names: of the files.
    """
    if reading.format is not None:
        return reading.format in ("csv", "tsv")
    endings = [name.lower().removesuffix(".gz") for name in names]
    return bool(endings) and all(one.endswith(_TEXTUAL) for one in endings)


def default_id_column(files: Sequence[str], reading: SourceOptions) -> str | None:
    """The id column of inputs for which none is named: "id", where it stands in all of them.

    Args:
        files: as the user named them; standard input cannot be looked at.
        reading: how they are read.

    Raises:
        InputError: some files have such a column and others do not.
    """
    named = replace(reading, id_column=_ID)
    answers = {one: _has_ids(one, named) for one in files if one != STDIN}
    if not any(answers.values()):
        return None
    without = [one for one, has in answers.items() if not has]
    if without or STDIN in files:
        first = printable(without[0] if without else "standard input")
        raise InputError(
            f"Expected a column {_ID!r} in all inputs or in none, got one without: {first}. Name "
            "the column of the ids with --id-column, or add the inputs apart."
        )
    return _ID


def _has_ids(file: str, reading: SourceOptions) -> bool:
    try:
        with closing(open_sources([file], reading).rows()) as rows:
            first = next(rows, None)
    except InputError:  # Text of one row a line has no columns.
        return False
    # Without the column the whole file is a defect, which has no line.
    return first is not None and not (isinstance(first, Reject) and first.line is None)
