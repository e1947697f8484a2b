"""What a map of vectors shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from embedsvc.errors import InputError
from embedsvc.report.map_colors import Colouring


@dataclass(frozen=True)
class VectorMap:
    """Points on a plane, and what is known of each.

    Attributes:
        title: the name of the file, or what the user calls it.
        method: "umap", "tsne" or "pca".
        places: float32 array of shape (n, 2).
        ids: of the points.
        colouring: groups or numbers; None where all points are alike.
        texts: of the points, None where one is not known; for images their names.
        pictures: thumbnails, as JPEG bytes, None where there is none.
        columns: more to show of each point, by name.
        kind: what a point is.
        n_all: vectors in the file; more than points where a part is shown.
        kept: the share of the 10 nearest neighbours that are nearest on the map, too.
        notes: what the reader should know, in sentences.
    """

    title: str
    method: str
    places: NDArray[np.float32]
    ids: Sequence[str]
    colouring: Colouring | None = None
    texts: Sequence[str | None] | None = None
    pictures: Sequence[bytes | None] | None = None
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    kind: Literal["text", "image", "vector"] = "vector"
    n_all: int | None = None
    kept: float | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.places)
        lengths = {"ids": len(self.ids)} | {
            name: len(values)
            for name, values in (
                ("texts", self.texts),
                ("pictures", self.pictures),
                *self.columns.items(),
            )
            if values is not None
        }
        if self.places.shape != (n, 2) or set(lengths.values()) != {n}:
            raise InputError(
                f"Expected places of shape (n, 2) and as many of everything, got the shape "
                f"{self.places.shape} and {lengths}. Pass one of each a point."
            )

    def __len__(self) -> int:
        return len(self.places)
