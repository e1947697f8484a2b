"""What a collection is made of, and whether it is as it should be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from embedsvc.collection.database import Database
from embedsvc.collection.layout import ID, VECTOR, content_column, user_fields
from embedsvc.collection.searching import nearest
from embedsvc.collection.store import Store
from embedsvc.collection.tending import find_index
from embedsvc.errors import ArtifactError, InputError
from embedsvc.vectors.checks import bad_rows

_QUERIES = 100
_K = 10


@dataclass(frozen=True)
class Listed:
    """A line of a list of collections.

    Attributes:
        name: of the collection.
        rows: how many; None where it cannot be read.
        dim: components of a vector.
        model: what made the vectors.
        bytes: of its files, those of old versions apart.
        changed: when it was written to last, ISO 8601 with the zone.
        problem: why it cannot be read, or is no collection.
    """

    name: str
    rows: int | None = None
    dim: int | None = None
    model: str | None = None
    bytes: int | None = None
    changed: str | None = None
    problem: str | None = None


def list_collections(database: Database) -> list[Listed]:
    """The collections of a database, in the order of their names; broken ones among them."""
    return [_listed(database, name) for name in database.names()]


def _listed(database: Database, name: str) -> Listed:
    try:
        store = Store(database, name)
        metadata = store.metadata
        with store.reading():
            size = int(store.table.stats()["total_bytes"])
        return Listed(
            name=store.name,
            rows=store.count(),
            dim=int(metadata["dim"]),
            model=_model_of(metadata),
            bytes=size,
            changed=_changed(store),
        )
    except (ArtifactError, InputError) as err:
        return Listed(name, problem=str(err))


def describe(store: Store) -> dict[str, Any]:
    """What a collection holds and is made of, as JSON values.

    Raises:
        InputError: there is no such collection.
        ArtifactError: it cannot be read.
    """
    metadata = store.metadata
    index = find_index(store)
    with store.reading():
        stats = store.table.stats()
        versions = len(store.table.list_versions())
        fields = user_fields(store.table.schema)
    return {
        "name": store.name,
        "database": store.database.place,
        "rows": store.count(),
        "of": "images" if content_column(metadata) == "image" else "texts",
        "columns": {name: str(dtype) for name, dtype in fields.items()},
        "model": _model_of(metadata),
        "metadata": metadata,
        "index": None
        if index is None
        else {
            "kind": "IVF, 8 bits a component",
            "lists": index.lists,
            "probes": index.probes,
            "rows": index.rows,
            "rows_outside": index.missing,
        },
        "versions": versions,
        "files": int(stats["fragment_stats"]["num_fragments"]),
        "bytes": int(stats["total_bytes"]),
        "bytes_with_old_versions": _on_disk(store),
        "changed": _changed(store),
    }


def check(store: Store, *, seed: int = 0) -> dict[str, Any]:
    """Compare what a search finds with an exact one, and look at every id and vector.

    Args:
        store: the table.
        seed: of the choice of rows that are looked for.

    Returns:
        JSON values: `recall_at_10` of up to 100 random rows, None without an index, when every
        search is exact; `unique_ids`, the share of ids that occur once; `broken_vectors`, those
        with NaN or infinity; `zero_vectors`, which no search finds.
    """
    n_rows = store.count()
    ids: list[str] = []
    n_broken = n_zeros = 0
    with store.reading():
        for batch in store.table.search().select([ID, VECTOR]).to_batches():
            vectors = _matrix(batch.column(VECTOR))
            n_broken += len(bad_rows(vectors))
            n_zeros += int((~vectors.any(axis=1)).sum())
            ids += batch.column(ID).to_pylist()
    recall, n_queries = _recall(store, n_rows, seed)
    counts = pc.value_counts(pa.array(ids, pa.string())).field("counts").to_numpy()
    return {
        "recall_at_10": recall,
        "queries": n_queries,
        "seed": seed,
        "unique_ids": float((counts == 1).sum() / max(1, n_rows)) if n_rows else 1.0,
        "broken_vectors": n_broken,
        "zero_vectors": n_zeros,
    }


def _recall(store: Store, n_rows: int, seed: int) -> tuple[float | None, int]:
    index = find_index(store)
    if index is None or not n_rows:
        return None, 0
    chosen = np.random.default_rng(seed).choice(n_rows, min(_QUERIES, n_rows), replace=False)
    with store.reading():
        rows = store.table.take_offsets(sorted(chosen.tolist())).select([VECTOR]).to_arrow()
    vectors = _matrix(rows.column(VECTOR).combine_chunks())
    vectors = vectors[vectors.any(axis=1)]
    found = wanted = 0
    for vector in vectors:
        exact, by_index = (
            nearest(store, vector, _K, columns=[ID], where=None, index=one) for one in (None, index)
        )
        true = set(exact.column(ID).to_pylist())
        found += len(true & set(by_index.column(ID).to_pylist()))
        wanted += len(true)
    return (found / wanted if wanted else None), len(vectors)


def _matrix(column: pa.Array) -> Any:
    flat = column.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(len(column), column.type.list_size)


def _model_of(metadata: dict[str, Any]) -> str | None:
    model = metadata.get("model")
    return model if isinstance(model, str) else None


def _changed(store: Store) -> str:
    with store.reading():
        last: datetime = store.table.list_versions()[-1]["timestamp"]
    return last.astimezone().isoformat(timespec="seconds")


def _on_disk(store: Store) -> int | None:
    if store.database.folder is None:
        return None
    folder = store.database.folder / f"{store.name}.lance"
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:  # An old version that is being removed.
            continue
    return total
