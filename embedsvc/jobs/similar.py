"""`similar`: for each query, the vectors most like it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from embedsvc.errors import InputError
from embedsvc.extract.choosing import choose
from embedsvc.extract.rows import Reject, SourceOptions
from embedsvc.extract.sources import open_sources
from embedsvc.tables.contents import Contents, is_of_images
from embedsvc.tables.matching import check_same_vectors, load_matching_encoder
from embedsvc.tables.vector_readers import holds_vectors
from embedsvc.tables.vector_table import VectorReading, VectorTable, read_vectors
from embedsvc.vectors.similarity import Metric, top_k

OWN_COLUMNS = ("query", "rank", "id", "similarity", "distance")


@dataclass(frozen=True)
class Queries:
    """What is asked for.

    Attributes:
        names: what each query is called in the results.
        vectors: float32 array of shape (n_queries, dim).
        positions: where each stands among the vectors searched, int64 of shape (n_queries,), -1 for
            one that is none of them; it is not found as its own neighbour.
    """

    names: list[str]
    vectors: NDArray[np.float32]
    positions: NDArray[np.int64]

    def shown(self, contents: Contents | None) -> dict[str, str]:
        """What people are shown for each name that is the id of a vector: the id and the text."""
        known = (contents.values if contents is not None else None) or []
        return {
            name: f"{name}  {known[at]}"
            for name, at in zip(self.names, self.positions.tolist(), strict=True)
            if at >= 0 and known and known[at] is not None
        }


@dataclass(frozen=True)
class QueryOptions:
    """Queries as a user names them; at least one.

    Attributes:
        texts: texts to encode, or files of images where the vectors are of images.
        ids: ids of vectors that are queries themselves.
        file: more queries: texts, images, or vectors.
        model: what encodes them; by default the model the vectors were made with.
    """

    texts: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    file: str | None = None
    model: str | None = None

    def __post_init__(self) -> None:
        if not (self.texts or self.ids or self.file):
            raise InputError(
                "Expected a query, got none. Pass --query TEXT, --id ID or --queries FILE."
            )


def resolve_queries(
    table: VectorTable, options: QueryOptions, *, load: Callable[..., Any] | None = None
) -> Queries:
    """Turn queries into vectors.

    Args:
        table: the vectors that are searched.
        options: the queries.
        load: loads an encoder, where one is needed; by default `embedsvc.load_encoder`.

    Raises:
        InputError: an id that is not there, an unusable file or image.
        ArtifactError: another model than the one that made the vectors.
    """
    parts = [_by_id(table, options.ids)] if options.ids else []
    texts = list(options.texts)
    if options.file is not None:
        if holds_vectors(Path(options.file)):
            parts.append(_from_vectors(table, options.file))
        else:
            texts += _read_queries(options.file, of_images=is_of_images(table.metadata))
    if texts:
        encoder = load_matching_encoder(table.metadata, table.label, model=options.model, load=load)
        vectors = encoder.encode(texts)
        if vectors.shape[1] != table.dim:
            raise InputError(
                f"Expected a model of {table.dim} dimensions, as {table.label} has, got one of "
                f"{vectors.shape[1]}. Pass --model with the model that made the vectors."
            )
        parts.append(Queries(texts, vectors, np.full(len(texts), -1)))
    return Queries(
        names=[name for part in parts for name in part.names],
        vectors=np.concatenate([part.vectors for part in parts]),
        positions=np.concatenate([part.positions for part in parts]),
    )


def find_similar(
    table: VectorTable,
    queries: Queries,
    *,
    k: int,
    metric: Metric,
    contents: Contents | None = None,
    include_columns: Sequence[str] = (),
) -> pa.Table:
    """Find the k vectors most like each query.

    Args:
        table: the vectors.
        queries: as `resolve_queries` gives them.
        k: how many for each, fewer where there are not so many.
        metric: "cosine", "dot" or "euclidean".
        contents: texts to hand through.
        include_columns: columns of the vectors' file to hand through.

    Returns:
        Rows `query`, `rank` (from 1), `id`, `similarity` (or `distance`), and `text` or `image` and
        the columns asked for; sorted by query and rank.
    """
    # One more, as a query that is one of the vectors is most like itself.
    extra = 1 if (queries.positions >= 0).any() else 0
    positions, scores = top_k(queries.vectors, table.vectors, k=k + extra, metric=metric)
    itself = positions == queries.positions[:, np.newaxis]
    kept = ~itself
    kept &= np.cumsum(kept, axis=1) <= k
    owners = np.repeat(np.arange(len(positions)), kept.sum(axis=1))
    found = positions[kept]
    rows: dict[str, Any] = {
        "query": pa.array([queries.names[owner] for owner in owners], pa.string()),
        "rank": pa.array(np.cumsum(kept, axis=1)[kept], pa.int32()),
        "id": pa.array([table.ids[at] for at in found], pa.string()),
        "distance" if metric == "euclidean" else "similarity": pa.array(scores[kept]),
    }
    if contents is not None and "text" not in include_columns:
        name = "text" if contents.kind == "texts" else "image"
        rows[name] = pa.array([contents.values[at] for at in found], pa.string())
    for name in include_columns:
        rows[name] = table.columns.column(name).take(pa.array(found))
    return pa.table(rows)


def _by_id(table: VectorTable, ids: Sequence[str]) -> Queries:
    places: dict[str, int] = {}
    for at, one in enumerate(table.ids):
        places.setdefault(one, at)
    missing = [one for one in ids if one not in places]
    if missing:
        raise InputError(
            f"Expected ids of {table.label}, such as {table.ids[0]!r}, got {missing[0]!r}, which "
            "is none of them. Check the id; without an id column ids are positions, from 0."
        )
    positions = np.array([places[one] for one in ids], np.int64)
    return Queries(list(ids), table.vectors[positions], positions)


def _from_vectors(table: VectorTable, file: str) -> Queries:
    found = read_vectors(file, VectorReading())
    check_same_vectors(table.metadata, found.metadata, table.label)
    if found.dim != table.dim:
        raise InputError(
            f"Expected queries of {table.dim} dimensions, as {table.label} has, got {found.dim} in "
            f"{found.label}. Encode both with the same model."
        )
    return Queries(found.ids, found.vectors, np.full(len(found), -1))


def _read_queries(file: str, *, of_images: bool) -> list[str]:
    if of_images:
        from embedsvc.datasets.folders import iter_images

        return [str(record.path) for record in iter_images([file])]
    choose([file])
    texts: list[str] = []
    for row in open_sources([file], SourceOptions()).rows():
        if isinstance(row, Reject):
            raise InputError(f"{row.where}: {row.reason}")
        texts.append(row.text)
    return texts
