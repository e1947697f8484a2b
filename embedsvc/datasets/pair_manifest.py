"""A manifest of pairs: a table with two images a row, and what is known to be the same in both."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from embedsvc.datasets.match_files import find_file
from embedsvc.datasets.pair_sequences import Sequences
from embedsvc.datasets.places import absolute
from embedsvc.datasets.tables import Row, open_table
from embedsvc.errors import InputError

_IMAGES = ("image_a", "image_b")
_KNOWN = ("matches", "homography")
_OPTIONAL = (*_KNOWN, "sequence")
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Reject:
    """A pair that cannot be used.

    Attributes:
        row: the line of the manifest it starts at; of a Parquet file the row.
        what: the pair, by its images, as far as they are named.
        why: what was expected, what came, and what to do.
    """

    row: int
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class PairRow:
    """A row whose images are there, before any of its files is opened.

    Attributes:
        row: the line of the manifest; of a Parquet file the row.
        name: the pair, by its images as written.
        image_a: the first image.
        image_b: the second one.
        column: "matches" or "homography".
        value: what stands in that column.
        folder: of the manifest.
        sequence: what the pair was taken of.
    """

    row: int
    name: str
    image_a: Path
    image_b: Path
    column: str
    value: Any
    folder: Path
    sequence: str


@dataclass(frozen=True)
class PairManifest:
    """A manifest whose rows were gone through once.

    Attributes:
        path: the file.
        n_rows: how many rows it has.
        sequences: names the sequence of each pair.
    """

    path: Path
    n_rows: int
    sequences: Sequences

    def rows(self) -> Iterator[PairRow | Reject]:
        """The rows, read as they are asked for.

        Raises:
            InputError: what the file holds is no table from some line on.
        """
        lines: dict[bytes, int] = {}
        for row in _open(self.path):
            try:
                yield _pair(row, self.sequences, lines)
            except InputError as err:
                yield Reject(row.line, _name(row), str(err))

    def notes(self) -> list[str]:
        """What the user should know of the sequences, once all rows were read."""
        notes = []
        if self.sequences.how is not None:
            notes.append(f"Without column 'sequence', {self.sequences.how}.")
        if shared := self.sequences.shared:
            image, (first, second) = next(iter(shared.items()))
            image = os.path.relpath(image, self.sequences.folder)
            more = f", and {len(shared) - 1:,} images more" if len(shared) > 1 else ""
            notes.append(
                f"{image} is in pairs of two sequences ({first!r} and {second!r}){more}: what is "
                "learned from one will know something of the other. Give them the same sequence."
            )
        return notes


def open_pair_manifest(path: str | Path) -> PairManifest:
    """Open a manifest, and go through its rows once to count them and to find the sequences.

    Columns: image_a and image_b, and of the following one. matches: a file with the points of both
    images in pixels (x1, y1, x2, y2 on each line), or in JSON Lines a list of such lists.
    homography: the 3 x 3 numbers that map points of the first image to the second, or a file of
    them; column matches takes these too. sequence: what the pair was taken of; without it its
    folder (see `Sequences`). Paths are relative to the manifest's folder, or absolute.

    Args:
        path: a CSV, TSV, JSON Lines or Parquet file.

    Raises:
        InputError: the table cannot be read, has no row, or lacks a column.

    Example:
        >>> open_pair_manifest("pairs.csv").n_rows  # doctest: +SKIP
        7
    """
    path = Path(path)
    sequences = Sequences(Path(absolute(path)).parent)
    n_rows = 0
    for row in _open(path):
        n_rows += 1
        try:
            texts = [row.text(column) for column in (*_IMAGES, "sequence")]
        except InputError:
            continue  # Told where the row is used.
        if all(texts[:2]):
            sequences.add(_absolute(row, texts[0]), _absolute(row, texts[1]), texts[2])
    if not n_rows:
        raise InputError(f"Expected at least one pair in {path}, got no row. Check the file.")
    return PairManifest(path, n_rows, sequences)


def _open(path: Path) -> Iterator[Row]:
    table = open_table(path, (*_IMAGES, *_OPTIONAL), noun="pair")
    for image in _IMAGES:
        table.check_columns((image,), (*_IMAGES, *_OPTIONAL))
    # Rows of JSON Lines may have different keys.
    if path.suffix.lower() not in (".jsonl", ".ndjson"):
        table.check_columns(_KNOWN, (*_IMAGES, *_OPTIONAL))
    return table.rows


def _pair(row: Row, sequences: Sequences, lines: dict[bytes, int]) -> PairRow:
    texts = [row.text(column) for column in _IMAGES]
    for column, text in zip(_IMAGES, texts, strict=True):
        if not text:
            raise InputError(
                f"Expected an image in column {column!r}, got nothing. Write its path, or remove "
                "the row."
            )
    folder = row.table.parent
    found = [
        find_file(text, folder=folder, column=column)
        for column, text in zip(_IMAGES, texts, strict=True)
    ]
    column, value = _known(row)
    named = row.text("sequence")
    places = [_absolute(row, text) for text in texts]
    _check_new(places, row.line, lines)
    return PairRow(
        row=row.line,
        name=_name(row),
        image_a=found[0],
        image_b=found[1],
        column=column,
        value=value,
        folder=folder,
        sequence=sequences.of(places[0], places[1], named),
    )


def _check_new(places: list[str], line: int, lines: dict[bytes, int]) -> None:
    if places[0] == places[1]:
        raise InputError(
            "Expected two images, got the same one twice: nothing can be learned from it. Name "
            "another image, or remove the row."
        )
    # Digests: there may be millions of pairs, whose paths are long.
    key = blake2b("\0".join(places).encode("utf-8", "surrogatepass"), digest_size=16).digest()
    first = lines.setdefault(key, line)
    if first != line:
        raise InputError(
            f"Expected each pair of images once, got it before, in line {first}. Remove one of the "
            "rows, or put their matches into one file."
        )


def _known(row: Row) -> tuple[str, Any]:
    """The column that says what is the same in both images, and what it says."""
    found = []
    for column in _KNOWN:
        value = row.values.get(column)
        if not isinstance(value, list):
            value = row.text(column)
        if value != "":
            found.append((column, value))
    if len(found) != 1:
        got = "both" if found else "neither"
        raise InputError(
            f"Expected either matches or a homography, got {got}. Name a file of matches "
            "(x1,y1,x2,y2 on each line) in column 'matches', or a homography in its own."
        )
    return found[0]


def _name(row: Row) -> str:
    texts = []
    for column in _IMAGES:
        value = row.values.get(column)
        texts.append(value.strip() if isinstance(value, str) else "?")
    return " - ".join(text or "?" for text in texts)


def _absolute(row: Row, text: str) -> str:
    return absolute(row.table.parent / text)
