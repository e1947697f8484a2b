"""`dedupe`: of rows that are nearly the same, keep one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from embedsvc.errors import InputError, OutputError
from embedsvc.extract.folder import reason_of
from embedsvc.tables.contents import Contents
from embedsvc.tables.results import check_included, write_results, write_vectors
from embedsvc.tables.row_files import Rows, write_rows
from embedsvc.tables.vector_table import VectorTable
from embedsvc.vectors.duplicates import Duplicates, find_duplicates

Keep = Literal["first", "last", "longest", "shortest"]
KEEPS: tuple[Keep, ...] = get_args(Keep)

OWN_COLUMNS = ("id", "vector", "n_duplicates", "representative", "similarity")
# What the metadata of the input say of its own rows.
_OF_ROWS = ("content_sha256", "rejects", "layout")


@dataclass(frozen=True)
class Deduplicated:
    """What is kept and what is dropped.

    Attributes:
        table: the vectors.
        duplicates: by position.
        kept: rows `id`, `n_duplicates`, `text`, if texts are found, and the columns asked for.
        dropped: rows `id`, `representative`, `similarity`, `text`, and the columns asked for.
    """

    table: VectorTable
    duplicates: Duplicates
    kept: pa.Table
    dropped: pa.Table


@dataclass(frozen=True)
class Group:
    """A row that is kept, and those it stands for.

    Attributes:
        position: of the row that is kept.
        size: how many rows it stands for, itself included.
        examples: positions of the least similar of the others, at most three.
    """

    position: int
    size: int
    examples: list[int]


def deduplicate(
    table: VectorTable,
    *,
    threshold: float,
    keep: Keep,
    contents: Contents | None = None,
    include_columns: Sequence[str] = (),
    seed: int = 0,
    advance: Callable[[int], None] = lambda count: None,
) -> Deduplicated:
    """Leave out rows that are nearly the same as one that is kept.

    Args:
        table: the vectors.
        threshold: the cosine from which two are duplicates.
        keep: which of them to keep; of equally long texts the first.
        contents: texts, to choose by and to hand through.
        include_columns: columns of the vectors' file to hand through.
        seed: see `find_duplicates`.
        advance: called with the number of pairs just settled.

    Raises:
        InputError: a column that would be there twice, or the longest or shortest of texts that are
            not found.
    """
    check_included(include_columns, OWN_COLUMNS)
    order = _order(table, keep, contents)
    found = find_duplicates(
        table.vectors, threshold=threshold, order=order, seed=seed, advance=advance
    )
    counts = np.bincount(found.representative, minlength=len(table)) - 1
    ids = pa.array(table.ids, pa.string())
    rest = _rest(table, contents, include_columns)
    kept = pa.table({"id": ids, "n_duplicates": pa.array(counts), **rest})
    dropped = pa.table(
        {
            "id": ids,
            "representative": ids.take(pa.array(found.representative)),
            "similarity": pa.array(found.similarity),
            **rest,
        }
    )
    others = np.setdiff1d(np.arange(len(table)), found.kept)
    return Deduplicated(
        table, found, kept.take(pa.array(found.kept)), dropped.take(pa.array(others))
    )


def check_places(path: Path | None, dropped_path: Path | None) -> None:
    """Check that what is kept and what is dropped go to two places.

    Raises:
        InputError: both go to the same file, or what is dropped to standard output.
    """
    if dropped_path is None or (path is not None and path.resolve() == dropped_path.resolve()):
        raise InputError(
            "Expected --duplicates to name a file other than the output, got the same or -. Choose "
            "another name."
        )


def largest_groups(found: Duplicates, n: int) -> list[Group]:
    """The rows that stand for the most others, the largest group first."""
    counts = np.bincount(found.representative, minlength=len(found.representative))
    order = found.kept[np.argsort(-counts[found.kept], kind="stable")][:n]
    groups = []
    for at in order[counts[order] > 1].tolist():
        others = np.flatnonzero(found.representative == at)
        others = others[others != at]
        least = others[np.argsort(found.similarity[others], kind="stable")][:3]
        groups.append(Group(at, int(counts[at]), least.tolist()))
    return groups


def write_deduplicated(
    path: Path | None,
    dropped_path: Path | None,
    found: Deduplicated,
    stream: Any,
    *,
    settings: dict[str, Any],
) -> None:
    """Write what is kept and what is dropped; the kept rows appear last.

    Args:
        path: of the kept rows; None writes them as JSON lines to the stream. A .parquet file has
            the vectors too, and is a file of vectors itself.
        dropped_path: of the dropped rows; None does not write them.
        found: the rows.
        stream: standard output.
        settings: what was asked for, for the metadata.

    Raises:
        OutputError: nothing can be written there.
    """
    about = {**settings, "rows": len(found.table), "kept": len(found.kept)}
    if path is not None:
        path.unlink(missing_ok=True)
    if dropped_path is not None:
        try:
            dropped_path.parent.mkdir(parents=True, exist_ok=True)
            write_rows(dropped_path, Rows(found.dropped.schema, [found.dropped], {}))
        except OSError as err:
            raise OutputError(
                f"Expected to write {dropped_path}, but {reason_of(err)}. Cure that, or choose "
                "another place with --duplicates."
            ) from err
    if path is None or path.suffix.lower() != ".parquet":
        metadata = {"made_by": "dedupe", **about, "vectors": found.table.metadata}
        write_results(path, found.kept, stream, metadata=metadata)
        return
    known = {key: value for key, value in found.table.metadata.items() if key not in _OF_ROWS}
    vectors = found.table.vectors[found.duplicates.kept]
    write_vectors(path, found.kept, vectors, metadata={**known, "deduplicated": about})


def _order(table: VectorTable, keep: Keep, contents: Contents | None) -> NDArray[np.int64]:
    order = np.arange(len(table))
    if keep == "first":
        return order
    if keep == "last":
        return order[::-1]
    if contents is None or contents.kind != "texts":
        raise InputError(
            f"Expected the texts of {table.label} to keep the {keep}, got none. Pass --texts FILE, "
            "or choose --keep first or last."
        )
    lengths = np.array([len(text) for text in contents.texts])
    return np.argsort(-lengths if keep == "longest" else lengths, kind="stable")


def _rest(
    table: VectorTable, contents: Contents | None, include_columns: Sequence[str]
) -> dict[str, Any]:
    rest: dict[str, Any] = {}
    if contents is not None and contents.kind == "texts" and "text" not in include_columns:
        rest["text"] = pa.array(contents.values, pa.string())
    return rest | {name: table.columns.column(name) for name in include_columns}
