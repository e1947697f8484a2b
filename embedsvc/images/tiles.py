"""Large pictures cut into overlapping tiles, and the tiles' maps put together without seams."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedsvc.errors import InputError


def tile_origins(length: int, tile: int, overlap: int) -> NDArray[np.int64]:
    """Where tiles begin along one side, so that all of it is covered.

    Args:
        length: pixels of the side.
        tile: pixels of a tile.
        overlap: pixels that neighbours share at least.

    Returns:
        Int64 array of increasing origins. The last tile ends with the side; where the side is
        shorter than a tile there is one tile, at 0.

    Raises:
        InputError: a length is below 1, or the overlap is not below the tile.

    Example:
        >>> tile_origins(100, 40, 10).tolist()
        [0, 30, 60]
    """
    if length < 1 or tile < 1 or not 0 <= overlap < tile:
        raise InputError(
            "Expected a side and a tile of at least 1 pixel and an overlap from 0 to below the "
            f"tile, got side {length}, tile {tile}, overlap {overlap}."
        )
    last = max(length - tile, 0)
    return np.append(np.arange(0, last, tile - overlap, dtype=np.int64), last)


def cut_tiles(
    pixels: NDArray[np.uint8], tile: tuple[int, int], *, overlap: int = 0
) -> NDArray[np.uint8]:
    """Cut a picture into tiles, row by row.

    Args:
        pixels: uint8 array of shape (height, width, 3).
        tile: (height, width) of a tile. A shorter picture is continued by its last pixels.
        overlap: pixels that neighbours share at least.

    Returns:
        Uint8 array of shape (n_tiles, tile height, tile width, 3).

    Raises:
        InputError: as `tile_origins`, or the shape is another.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise InputError(f"Expected an image of shape (height, width, 3), got {pixels.shape}.")
    rows, columns = (
        tile_origins(length, side, overlap)
        for length, side in zip(pixels.shape[:2], tile, strict=True)
    )
    missing = [max(side - length, 0) for length, side in zip(pixels.shape[:2], tile, strict=True)]
    pixels = np.pad(pixels, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
    return np.stack([pixels[y : y + tile[0], x : x + tile[1]] for y in rows for x in columns])


def stitch_maps(
    maps: NDArray[np.float32], size: tuple[int, int], tile: tuple[int, int], *, overlap: int = 0
) -> NDArray[np.float32]:
    """Put the tiles' maps together; where tiles overlap, one fades into the next.

    Args:
        maps: float32 array of shape (n_tiles, map height, map width), in the order of
            `cut_tiles`. Maps may be coarser or finer than the tiles.
        size: (height, width) of the picture.
        tile: (height, width) of a tile.
        overlap: as given to `cut_tiles`.

    Returns:
        Float32 array: the picture's map, at the scale at which the maps are to the tiles. Where
        a tile does not begin on a whole cell, its cells are interpolated.

    Raises:
        InputError: as `tile_origins`, or there are more or fewer maps than tiles.
    """
    (n_rows, rows), (n_columns, columns) = (
        _stretches(length, side, overlap, cells)
        for length, side, cells in zip(size, tile, maps.shape[1:], strict=True)
    )
    if len(maps) != len(rows) * len(columns):
        raise InputError(
            f"Expected {len(rows)} x {len(columns)} maps for tiles of {tile} in a picture of "
            f"{size}, got {len(maps)}. Give size, tile and overlap as they were cut."
        )
    total = np.zeros((n_rows, n_columns))
    weights = np.zeros((n_rows, n_columns))
    for i, values in enumerate(maps):
        row, column = rows[i // len(columns)], columns[i % len(columns)]
        weight = np.outer(row.fade, column.fade)
        total[row.place, column.place] += weight * (row.cells @ values @ column.cells.T)
        weights[row.place, column.place] += weight
    return np.asarray(total / weights, np.float32)


@dataclass(frozen=True)
class _Stretch:
    """What one tile gives to the stitched map along one side.

    Attributes:
        place: where in the stitched map.
        cells: shares of the tile's cells in those of the stitched map, shape (n, tile's cells).
        fade: how much the tile counts there, shape (n,).
    """

    place: slice
    cells: NDArray[np.float64]
    fade: NDArray[np.float64]


def _stretches(length: int, tile: int, overlap: int, n_cells: int) -> tuple[int, list[_Stretch]]:
    n_stitched = max(round(length * n_cells / tile), 1)
    centres = (np.arange(n_stitched) + 0.5) * length / n_stitched  # in pixels of the picture
    stretches = []
    for origin in tile_origins(length, tile, overlap):
        start, stop = np.searchsorted(centres, (origin, origin + tile))
        inside = centres[start:stop] - origin
        position = np.clip(inside * n_cells / tile - 0.5, 0, n_cells - 1)
        # Between two cells each counts by how near it is.
        cells = np.maximum(1 - np.abs(position[:, None] - np.arange(n_cells)), 0)
        # Never 0: at the rim of the picture there is no other tile.
        fade = np.clip(np.minimum(inside, tile - inside) / max(overlap, 1), 1e-3, 1)
        stretches.append(_Stretch(slice(int(start), int(stop)), cells, fade))
    return n_stitched, stretches
