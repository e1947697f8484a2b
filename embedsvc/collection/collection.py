"""`Collection`: rows with vectors that are added, found and removed, and outlive the process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike

from embedsvc.collection.adding import Added, AddOptions
from embedsvc.collection.additions import add_inputs, add_vectors
from embedsvc.collection.checking import Listed, check, describe
from embedsvc.collection.checking import list_collections as list_in
from embedsvc.collection.database import find_database
from embedsvc.collection.filters import check_filter
from embedsvc.collection.given import Given
from embedsvc.collection.models import Load, Model, OwnModel
from embedsvc.collection.names import sql_ids
from embedsvc.collection.searching import (
    Asked,
    SearchOptions,
    check_queries,
    check_search,
    search,
)
from embedsvc.collection.store import Store
from embedsvc.collection.tending import tend
from embedsvc.errors import InputError
from embedsvc.extract.kinds import IMAGES, TEXTS, Inputs
from embedsvc.tables.contents import Contents, is_of_images
from embedsvc.tables.vector_table import VectorTable

_IDS_A_QUERY = 1000


class Collection:
    """Texts or images with their vectors and columns, in a LanceDB table that grows.

    Args:
        name: letters, digits, `-`, `_` and `.`.
        database: a folder, or an address that begins with s3://, gs:// or az://; by default what
            EMBEDSVC_DATABASE says, else a folder of the user's own data.
        encoder: a model's name or folder, or an encoder that is loaded; by default the model that
            the collection was made with, and the default model for a new one.
        load: loads a model by its name; by default `embedsvc.load_encoder`.

    Raises:
        InputError: no usable name or database. Whether the collection is there is not looked at.

    Example:
        >>> reviews = Collection("reviews", database="shop")
        >>> reviews.add(ids=["a", "b"], texts=["late", "well made"], columns={"stars": [1, 5]})
        Added(new=2, changed=0, relabelled=0, unchanged=0, repeated=0, rejects=0, seconds=0.1)
        >>> reviews.search("delivery", k=1, where="stars < 3").column("id").to_pylist()
        ['a']
    """

    def __init__(
        self,
        name: str,
        *,
        database: str | Path | None = None,
        encoder: Model = None,
        load: Load | None = None,
    ) -> None:
        self._store = Store(find_database(database), name)
        self._model = OwnModel(encoder, load, self._store.label)

    @property
    def name(self) -> str:
        """What it is called."""
        return self._store.name

    @property
    def database(self) -> str:
        """The folder or address it is in."""
        return self._store.database.place

    @property
    def exists(self) -> bool:
        """Whether anything was added to it yet."""
        return self._store.is_there()

    @property
    def metadata(self) -> dict[str, Any]:
        """The model that made the vectors, its settings, and `dim`."""
        return self._store.metadata

    def __len__(self) -> int:
        return self._store.count()

    def count(self, where: str) -> int:
        """How many rows meet a condition on columns, in SQL as for `search`.

        Raises:
            InputError: the filter is not usable.
        """
        check_filter(self._store, where)
        return self._store.count(where)

    def __repr__(self) -> str:
        return f"Collection({self.name!r}, database={self.database!r})"

    # Adding

    def add(
        self,
        *,
        texts: Sequence[str] | None = None,
        images: Sequence[str | Path] | None = None,
        vectors: ArrayLike | None = None,
        ids: Sequence[str] | None = None,
        columns: Mapping[str, Sequence[Any]] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Added:
        """Add rows, or change those with the same ids. What is there already is not encoded again.

        Args:
            texts: to encode, or what `vectors` were made from.
            images: files to encode, in place of texts.
            vectors: numbers of shape (n, dim), where they are made already.
            ids: what the rows are called, each once; by default a text is called by its sha256, and
                an image by its path.
            columns: further values of each row, by the name of the column.
            metadata: what is known of `vectors`, as `encoder.describe()` says it.

        Raises:
            InputError: parts of different lengths, an id twice, values of another type than the
                column has, NaN.
            ArtifactError: another model than the collection's.
            OutputError: the disk is full or not writable.
        """
        given = Given(texts=texts, images=images, vectors=vectors, ids=ids, columns=columns or {})
        if given.table is not None:
            contents = None if texts is None else Contents("texts", list(texts), "texts")
            table = replace(given.table, metadata=dict(metadata or {}))
            return self.add_vectors(table, contents, named=ids is not None)
        return self.add_inputs(given.inputs, tuple(columns or ()), named=ids is not None)

    def add_inputs(
        self,
        inputs: Inputs,
        columns: Sequence[str] = (),
        *,
        named: bool,
        textual: bool = False,
        options: AddOptions | None = None,
    ) -> Added:
        """Add the rows of files, or the images of folders, as `embedsvc collect add` does.

        Args:
            inputs: the rows, opened.
            columns: the columns that are kept.
            named: whether ids come from a column, see `batches_of_inputs`.
            textual: whether columns come from a format that has nothing but text.
            options: how rows are added.

        Raises:
            InputError: a defect in the input, unless they are skipped; no usable row.
            ArtifactError: another model than the collection's.
            OutputError: the disk is full or not writable. What was acknowledged is kept.
        """
        return add_inputs(
            self._store,
            self._model,
            inputs,
            columns,
            named=named,
            textual=textual,
            options=options,
        )

    def add_vectors(
        self,
        table: VectorTable,
        contents: Contents | None = None,
        *,
        named: bool,
        options: AddOptions | None = None,
    ) -> Added:
        """Add vectors that are made already, with the columns that were read beside them.

        Args:
            table: the vectors.
            contents: what they were made from, where it is known.
            named: whether the ids are more than positions, see `ids_say_more`.
            options: how rows are added.

        Raises:
            InputError: an id twice, another dim, values of another type than the column has.
            ArtifactError: another model than the collection's, as far as both tell.
            OutputError: the disk is full or not writable. What was acknowledged is kept.
        """
        return add_vectors(self._store, table, contents, named=named, options=options)

    # Finding

    def search(
        self,
        query: str | Path | Sequence[str] | ArrayLike,
        *,
        k: int = 10,
        where: str | None = None,
        columns: Sequence[str] | None = None,
        exact: bool = False,
    ) -> pa.Table:
        """Find the rows most like a query.

        Args:
            query: a text, or the file of an image where the collection is of images; or a vector of
                shape (dim,); or several of them.
            k: how many for each query.
            where: a condition on columns in SQL, such as "category = 'x' AND stars > 3".
            columns: which of the collection's columns the result has; by default all.
            exact: compare with every row, even where there is an index.

        Returns:
            Rows `query`, `rank` (from 1), `id`, `similarity` (the cosine), `text` or `image`, and
            the columns; sorted by query and rank.

        Raises:
            InputError: no such collection, an unusable query, filter or column.
            ArtifactError: the model of the collection is not to be had.
        """
        chosen = SearchOptions(k, where, None if columns is None else tuple(columns), exact)
        return self.find(self._asked(query), chosen)

    def search_like(
        self,
        ids: str | Sequence[str],
        *,
        k: int = 10,
        where: str | None = None,
        columns: Sequence[str] | None = None,
        exact: bool = False,
    ) -> pa.Table:
        """Find the rows most like some of the collection's own; see `search`.

        Raises:
            InputError: an id that is not there.
        """
        names = [ids] if isinstance(ids, str) else list(ids)
        chosen = SearchOptions(k, where, None if columns is None else tuple(columns), exact)
        return self.find(self.rows_as_queries(names), chosen)

    def find(self, asked: Asked, options: SearchOptions) -> pa.Table:
        """Find the rows most like vectors that have names; see `search`."""
        if not asked.names:
            raise InputError("Expected a query, got none. Pass a text, a vector or an id.")
        vectors = check_queries(asked.vectors, int(self.metadata["dim"]), self._store.label)
        return search(self._store, replace(asked, vectors=vectors), options)

    def check_search(self, options: SearchOptions) -> None:
        """Check a search before its queries are encoded.

        Raises:
            InputError: no such collection, an unusable filter, an unknown column.
        """
        check_search(self._store, options)

    def rows_as_queries(self, ids: Sequence[str]) -> Asked:
        """Some of the collection's rows as queries.

        Raises:
            InputError: an id that is not there.
        """
        found = self._store.vectors_of(ids)
        missing = [one for one in ids if one not in found]
        if missing:
            raise InputError(
                f"Expected ids of {self._store.label}, got {missing[0]!r}, which is none of them. "
                "Check the id."
            )
        vectors = np.array([found[one][1] for one in ids], np.float32)
        return Asked(list(ids), vectors.reshape(len(ids), -1), list(ids))

    def _asked(self, query: Any) -> Asked:
        if isinstance(query, str | Path):
            query = [query]
        if isinstance(query, Sequence) and all(isinstance(one, str | Path) for one in query):
            names = [str(one) for one in query]
            kind = IMAGES if is_of_images(self.metadata) else TEXTS
            vectors = self._model.encoder(self.metadata, kind).encode(names)
            return Asked(names, vectors, [None] * len(names))
        vectors = np.atleast_2d(np.asarray(query))
        return Asked([str(at) for at in range(len(vectors))], vectors, [None] * len(vectors))

    # Looking after it

    def info(self, *, check: bool = False, seed: int = 0) -> dict[str, Any]:
        """What it holds and is made of, as JSON values.

        Args:
            check: whether to look at every row, and to compare searches with exact ones.
            seed: of the choice of rows that are looked for.
        """
        described = describe(self._store)
        return {**described, "check": _check(self._store, seed=seed)} if check else described

    def remove(self, *, ids: Sequence[str] | None = None, where: str | None = None) -> int:
        """Remove rows.

        Args:
            ids: of the rows; those that are not there are passed over.
            where: a condition on columns in SQL, as for `search`.

        Returns:
            How many rows were removed.

        Raises:
            InputError: neither or both are given, or the filter is not usable.
        """
        if (ids is None) == (where is None):
            raise InputError("Expected either ids or where, got both or neither. Pass one of them.")
        if isinstance(ids, str):
            raise InputError(f"Expected a list of ids, got the string {ids!r}. Pass [{ids!r}].")
        if where is not None:
            check_filter(self._store, where)
            filters = [where]
        else:
            names = list(ids or ())
            filters = [
                sql_ids(names[at : at + _IDS_A_QUERY]) for at in range(0, len(names), _IDS_A_QUERY)
            ]
        removed = sum(self._store.delete(one) for one in filters)
        if removed:
            tend(self._store)
        return removed

    def drop(self) -> None:
        """Remove the whole collection.

        Raises:
            InputError: there is none.
        """
        self._store.drop()


_check = check


def list_collections(database: str | Path | None = None) -> list[Listed]:
    """The collections of a database, in the order of their names.

    Args:
        database: see `Collection`.

    Returns:
        Name, rows, dim, model, bytes and last change of each; those that are broken or of another
        program have a `problem`.

    Example:
        >>> [one.name for one in list_collections("shop")]
        ['reviews']
    """
    return list_in(find_database(database))
