"""From inputs or vectors to an addition: what is checked first, and where the vectors come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from embedsvc.collection.adding import Added, AddOptions, add_batches, no_rows
from embedsvc.collection.batches import Batch, batches_of_inputs, batches_of_vectors
from embedsvc.collection.layout import as_metadata
from embedsvc.collection.makers import EncodingMaker, Maker, ReadyMaker
from embedsvc.collection.models import OwnModel, check_kind
from embedsvc.collection.store import Store
from embedsvc.collection.survey import Survey, survey_inputs
from embedsvc.extract.embedders import embedder_of
from embedsvc.extract.kinds import IMAGES, TEXTS, Inputs
from embedsvc.tables.contents import Contents, is_of_images
from embedsvc.tables.matching import check_same_vectors
from embedsvc.tables.vector_table import VectorTable

_ROWS = 4096


def add_inputs(
    store: Store,
    model: OwnModel,
    inputs: Inputs,
    columns: Sequence[str],
    *,
    named: bool,
    textual: bool,
    options: AddOptions | None,
) -> Added:
    """Add texts or images; see `Collection.add_inputs`."""
    metadata = store.metadata if store.is_there() else None
    check_kind(metadata, inputs.kind, store.label)
    survey = Survey(columns, store.fields() if metadata else {}, textual=textual)
    if columns and not inputs.from_stdin:
        survey_inputs(inputs, survey)
    types = survey if inputs.from_stdin else survey.types()
    maker = EncodingMaker(lambda: embedder_of(inputs.kind, model.encoder(metadata, inputs.kind)))
    if metadata is not None and model.asked not in (None, metadata.get("model")):
        _ = maker.embedder  # Another name is looked at, even where nothing is to be encoded.
    batches = batches_of_inputs(inputs, named=named)
    return _add(store, batches, maker, types, options, inputs.label, inputs.kind.name)


def add_vectors(
    store: Store,
    table: VectorTable,
    contents: Contents | None,
    *,
    named: bool,
    options: AddOptions | None,
) -> Added:
    """Add vectors that are made already; see `Collection.add_vectors`."""
    about = {**as_metadata(table.metadata), "dim": table.dim}
    there: Mapping[str, pa.DataType] = {}
    if store.is_there():
        check_kind(store.metadata, IMAGES if is_of_images(about) else TEXTS, store.label)
        check_same_vectors(store.metadata, about, store.label)
        there = store.fields()
    survey = Survey(table.columns.column_names, there, textual=False)
    # A table without columns has as many rows as it is asked for.
    for at in range(0, len(table) if table.columns.num_columns else 0, _ROWS):
        rows = table.columns.slice(at, _ROWS).to_pylist()
        survey.see([(row, f"{table.label}, row {at + n + 1}") for n, row in enumerate(rows)])
    batches = batches_of_vectors(table, contents, named=named)
    return _add(store, batches, ReadyMaker(about), survey.types(), options, table.label, "vectors")


def _add(
    store: Store,
    batches: Iterator[Batch],
    maker: Maker,
    columns: Mapping[str, pa.DataType] | Survey,
    options: AddOptions | None,
    label: str,
    kind: str,
) -> Added:
    added = add_batches(store, batches, maker, columns, options or AddOptions())
    if not added.rows:
        raise no_rows(label, kind, added.rejects)
    return added
