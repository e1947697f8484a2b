"""`plot`: a map of vectors, as a page, a picture or coordinates."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from embedsvc.errors import InputError
from embedsvc.jobs.plot_clusters import found_clusters
from embedsvc.jobs.plot_colors import CLUSTER, NO_COLOR, column_colouring, joined_colouring
from embedsvc.jobs.plot_pictures import small_pictures
from embedsvc.progress import progress_bar
from embedsvc.report.map_colors import Colouring, Groups, Measure, written
from embedsvc.report.map_data import VectorMap
from embedsvc.report.map_page import write_map_page
from embedsvc.report.map_picture import Theme, write_map_picture
from embedsvc.report.map_words import METHOD_NAMES
from embedsvc.report.numbers import plural
from embedsvc.tables.contents import Contents, is_of_images
from embedsvc.tables.results import STDOUT, check_absent, write_results
from embedsvc.tables.row_files import check_place
from embedsvc.tables.vector_table import VectorTable
from embedsvc.vectors.map_quality import neighbours_kept
from embedsvc.vectors.projection import Method, check_method, default_method, has_umap, project
from embedsvc.vectors.sampling import some_rows

DRAWN = (".html", ".png")
_WRITTEN = (".csv", ".parquet", ".jsonl")
_STREAM = Path(STDOUT)
MOST_POINTS = 50_000
"""Vectors that are drawn unless more are asked for; more than this no page moves smoothly."""


@dataclass(frozen=True)
class PlotOptions:
    """How a map is drawn.

    Attributes:
        output: ends in .html, .png, or for the coordinates .csv, .parquet or .jsonl; "-" writes
            these to standard output.
        color: a column; "cluster", the default, is found where there is no such column; "folder" is
            that of images; "none" is one colour for all.
        clusters: a file of clusters by id.
        method: "umap", "tsne" or "pca"; by default the best that is installed.
        seed: the same seed gives the same map.
        theme: of a picture; a page follows the reader's.
        title: by default the name of the file.
        sample: how many vectors to draw; by default all up to 50,000.
        include_columns: more to show of each point.
        overwrite: whether a file that stands there may be replaced.
    """

    output: Path
    color: str | None = None
    clusters: Path | None = None
    method: Method | None = None
    seed: int = 0
    theme: Theme = "light"
    title: str | None = None
    sample: int | None = None
    include_columns: tuple[str, ...] = ()
    overwrite: bool = False


@dataclass(frozen=True)
class PlotNotes:
    """Where the job talks.

    Attributes:
        note: shows a sentence.
        show_progress: whether bars are drawn; None where there is a terminal.
    """

    note: Callable[[str], None] = lambda text: None
    show_progress: bool | None = False


def check_plot(options: PlotOptions, inputs: Sequence[Path]) -> None:
    """Answer mistakes before anything is read.

    Raises:
        InputError: an unknown ending or method, or an output that is an input.
        OutputError: the output is out of reach, or stands there already.
        MissingExtraError: the method is not installed.
    """
    if options.method is not None:
        check_method(options.method)
    if options.output == _STREAM:
        return
    if options.output.suffix.lower() not in (*DRAWN, *_WRITTEN):
        raise InputError(
            "Expected an output that ends in .html or .png, or for the coordinates in .csv, "
            f".parquet or .jsonl, or -, got {options.output.name!r}. Rename it, for example to "
            f"{options.output.stem or 'map'}.html."
        )
    check_place(options.output, inputs)
    check_absent(options.output, overwrite=options.overwrite)


def wanted_columns(options: PlotOptions) -> tuple[str, ...]:
    """The columns to read beside texts and those to include."""
    return (CLUSTER,) if options.color in (None, CLUSTER) else (str(options.color), CLUSTER)


def sampled(table: VectorTable, options: PlotOptions, notes: PlotNotes) -> VectorTable:
    """The vectors that are drawn, in their order: all, or some by chance."""
    most = MOST_POINTS if options.sample is None else options.sample
    if len(table) <= most:
        return table
    if options.sample is None:
        notes.note(f"Drawing {most:,} of {len(table):,} vectors, chosen at random; see --sample.")
    rows = some_rows(np.arange(len(table)), most, seed=options.seed)
    return replace(
        table,
        vectors=table.vectors[rows],
        ids=[table.ids[row] for row in rows.tolist()],
        columns=table.columns.take(pa.array(rows)),
    )


def plot(
    table: VectorTable,
    contents: Contents | None,
    options: PlotOptions,
    notes: PlotNotes,
    *,
    n_all: int | None = None,
) -> str:
    """Draw a map.

    Args:
        table: the vectors, as `sampled` gives them, with `wanted_columns`.
        contents: the texts or images behind them.
        options: how.
        notes: where to talk.
        n_all: vectors there are in all.

    Returns:
        What was drawn and where, in a line.

    Raises:
        InputError: a column that is not there, or too many vectors for the method.
        OutputError: the output cannot be written.
    """
    colouring = _colouring(table, contents, options, notes)
    method = _method(len(table), options, notes)
    label = f"Laying out by {METHOD_NAMES[method]}"
    with progress_bar(label, total=None, unit="vectors", show=notes.show_progress) as advance:
        places = project(table.vectors, method=method, seed=options.seed)
        advance(len(table))
    kind = _kind(table, contents)
    shown = VectorMap(
        title=options.title or table.label,
        method=method,
        places=places,
        ids=table.ids,
        colouring=colouring,
        texts=contents.values if contents and contents.kind == "texts" else None,
        columns={name: _texts_of(table, name) for name in options.include_columns},
        kind=kind,
        n_all=n_all,
    )
    ending = options.output.suffix.lower()
    if ending == ".html":
        _write_page(shown, table, contents, options, notes)
    elif ending == ".png":
        pictures = _pictures(contents, options, notes)
        write_map_picture(replace(shown, pictures=pictures), options.output, theme=options.theme)
    else:
        _write_places(shown, table, options)
    said = f"{options.output}: {plural(len(table), kind)} by {METHOD_NAMES[method]}"
    return f"{said}, {_said(colouring)}"


def _write_page(
    shown: VectorMap,
    table: VectorTable,
    contents: Contents | None,
    options: PlotOptions,
    notes: PlotNotes,
) -> None:
    kept = neighbours_kept(table.vectors, shown.places, seed=options.seed)
    pictures = _pictures(contents, options, notes)
    write_map_page(replace(shown, kept=kept, pictures=pictures), options.output)


def _colouring(
    table: VectorTable, contents: Contents | None, options: PlotOptions, notes: PlotNotes
) -> Colouring | None:
    name = CLUSTER if options.color is None else options.color
    if options.clusters is not None:
        return joined_colouring(table, options.clusters, name)
    if name in table.columns.column_names or name not in (CLUSTER, NO_COLOR):
        return column_colouring(table, name)
    if name == NO_COLOR:
        return None
    with progress_bar("Clustering", total=None, unit="vectors", show=notes.show_progress):
        return found_clusters(table.vectors, contents, name=name, seed=options.seed)


def _method(n: int, options: PlotOptions, notes: PlotNotes) -> Method:
    if options.method is not None:
        return check_method(options.method, n)
    method = default_method(n)
    if not has_umap() and n > 3:
        notes.note(
            f"Laid out by {METHOD_NAMES[method]}, as umap-learn is not installed, which would draw "
            'a better map, and faster. Run: pip install "embedsvc[plot]"'
        )
    return method


def _kind(table: VectorTable, contents: Contents | None) -> Literal["text", "image", "vector"]:
    if contents is not None:
        return "text" if contents.kind == "texts" else "image"
    if is_of_images(table.metadata):
        return "image"
    return "text" if table.metadata.get("model") else "vector"


def _pictures(
    contents: Contents | None, options: PlotOptions, notes: PlotNotes
) -> list[bytes | None] | None:
    if contents is None or contents.kind != "images":
        return None
    n = sum(value is not None for value in contents.values)
    with progress_bar("Reading", total=n, unit="images", show=notes.show_progress) as advance:
        pictures, left_out = small_pictures(contents.values, seed=options.seed, advance=advance)
    if left_out:
        notes.note(left_out)
    return pictures


def _texts_of(table: VectorTable, name: str) -> list[str]:
    values = table.column(name, option="--include-columns")
    return ["" if value is None else written(value) for value in values]


def _write_places(shown: VectorMap, table: VectorTable, options: PlotOptions) -> None:
    colouring = shown.colouring
    rows: dict[str, Any] = {
        "id": pa.array(table.ids, pa.string()),
        "x": pa.array(shown.places[:, 0]),
        "y": pa.array(shown.places[:, 1]),
    }
    if isinstance(colouring, Groups):
        names = [*colouring.names, None]
        rows[colouring.name] = pa.array([names[code] for code in colouring.codes], pa.string())
    elif isinstance(colouring, Measure):
        rows[colouring.name] = pa.array(colouring.values, from_pandas=True)
    for name in options.include_columns:
        rows[name] = table.columns.column(name)
    metadata = {
        "made_by": "plot",
        "method": shown.method,
        "seed": options.seed,
        "vectors": table.metadata,
    }
    path = None if options.output == _STREAM else options.output
    write_results(path, pa.table(rows), sys.stdout.buffer, metadata=metadata)


def _said(colouring: Colouring | None) -> str:
    if colouring is None:
        return "all in one colour"
    if isinstance(colouring, Measure):
        return f"coloured by {colouring.name}"
    groups = plural(len(colouring.names), colouring.noun)
    return f"coloured by {colouring.name} ({groups})"
