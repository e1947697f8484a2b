"""Where the vectors of planned rows come from: a model, or the rows themselves."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from itertools import chain
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from embedsvc.collection.planning import Plan
from embedsvc.extract.embedders import Embedder
from embedsvc.extract.pairing import paired


class Made:
    """What came of one plan.

    Args:
        vectors: float32 array of shape (n_made, dim).
        failures: what is wrong with inputs that have none, by their number in the plan's `make`.
    """

    def __init__(self, vectors: NDArray[np.float32], failures: Mapping[int, str]) -> None:
        self.vectors = vectors
        self.failures = failures


class Maker(Protocol):
    """Gives vectors."""

    def metadata(self) -> dict[str, Any]:
        """What is known of the vectors, `dim` among it."""
        ...

    def make(self, plans: Iterator[Plan]) -> Iterator[tuple[Plan, Made | None]]:
        """The plans in order, each with its vectors; None where there is nothing to make."""
        ...


class ReadyMaker:
    """Takes the vectors that rows have.

    Args:
        metadata: what is known of them, `dim` among it.
    """

    def __init__(self, metadata: Mapping[str, Any]) -> None:
        self._metadata = dict(metadata)

    def metadata(self) -> dict[str, Any]:
        """What is known of the vectors."""
        return self._metadata

    def make(self, plans: Iterator[Plan]) -> Iterator[tuple[Plan, Made | None]]:
        """The plans in order, each with its vectors."""
        for plan in plans:
            vectors = [plan.batch.rows[at].vector for at in plan.make]
            flat = np.array(vectors, np.float32).reshape(-1, int(self._metadata["dim"]))
            yield plan, Made(flat, {})


class EncodingMaker:
    """Encodes inputs with a model that is loaded when there is something to encode.

    Args:
        load: loads the model.
    """

    def __init__(self, load: Callable[[], Embedder]) -> None:
        self._load = load
        self._embedder: Embedder | None = None

    @property
    def embedder(self) -> Embedder:
        """The model, loaded."""
        if self._embedder is None:
            self._embedder = self._load()
        return self._embedder

    def metadata(self) -> dict[str, Any]:
        """What the vectors depend on."""
        return self.embedder.describe()

    def make(self, plans: Iterator[Plan]) -> Generator[tuple[Plan, Made | None], None, None]:
        """The plans in order, each with its vectors; reads some plans ahead of the model."""
        for plan in plans:
            if plan.make:
                break
            yield plan, None
        else:
            return
        ahead = paired(
            chain([plan], plans),
            lambda waiting: self.embedder.embed(
                (one.inputs for one in waiting), lambda count: None
            ),
        )
        for one, encoded in ahead:
            yield one, Made(encoded.vectors, encoded.failures)
