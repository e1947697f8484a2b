"""A row of a manifest to a matched pair: its files opened, its points checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedsvc.datasets.match_files import Given, read_bytes, read_given
from embedsvc.datasets.pair_manifest import PairRow, Reject, open_pair_manifest
from embedsvc.errors import InputError
from embedsvc.images.homographies import inside, points_from_homography, scaled_points
from embedsvc.images.plain_files import PlainFile, plain_file
from embedsvc.pairs.pair import MatchedPair

_MOST_IMAGE_BYTES = 1 << 29
_MOST_OUTSIDE = 0.1


@dataclass(frozen=True)
class PairLoading:
    """How pairs are read.

    Attributes:
        min_matches: points that a pair needs at least.
        max_side: pixels of an image's longer side from which it is made smaller, with its points.
        n_points: how many points are drawn where a homography says how the images match; not less
            than twice min_matches are.

    Raises:
        InputError: a setting is too small.
    """

    min_matches: int = 8
    max_side: int = 1024
    n_points: int = 500

    def __post_init__(self) -> None:
        if min(self.min_matches, self.max_side, self.n_points) < 1:
            raise InputError(
                "Expected min_matches, max_side and n_points to be at least 1, got "
                f"{self.min_matches}, {self.max_side} and {self.n_points}."
            )


@dataclass(frozen=True, slots=True)
class LoadedPair:
    """A pair that can be used.

    Attributes:
        pair: its images are JPEGs or PNGs that are upright and not too large.
        size_a: height and width of the first image.
        size_b: those of the second one.
        n_shrunk: how many of its two images were made smaller.
        n_outside: points that were left out because they lie outside an image.
        n_repeated: points that were left out because one of them came before.
    """

    pair: MatchedPair
    size_a: tuple[int, int]
    size_b: tuple[int, int]
    n_shrunk: int
    n_outside: int
    n_repeated: int


def read_pair_manifest(
    path: str | Path, loading: PairLoading | None = None
) -> Iterator[MatchedPair | Reject]:
    """Read the pairs of a manifest one by one.

    Args:
        path: see `open_pair_manifest`.
        loading: how pairs are read; None for the defaults.

    Raises:
        InputError: the manifest cannot be read; a pair that cannot be used is a `Reject`.
    """
    for row in open_pair_manifest(path).rows():
        loaded = load_pair(row, loading or PairLoading())
        yield loaded if isinstance(loaded, Reject) else loaded.pair


def load_pair(row: PairRow | Reject, loading: PairLoading) -> LoadedPair | Reject:
    """Open the files of a row, and check that they are a pair.

    Points outside an image are left out if they are at most a tenth of the pair: a few come from
    rounding and from points at the edges. More are a sign of another image, another resolution or
    of x and y exchanged, and the pair is refused. Of several points at the same place in either
    image the first is kept.

    Args:
        row: one of a manifest.
        loading: how pairs are read.
    """
    if isinstance(row, Reject):
        return row
    try:
        return _load(row, loading)
    except InputError as err:
        return Reject(row.row, row.name, str(err))


def _load(row: PairRow, loading: PairLoading) -> LoadedPair:
    given = read_given(row.value, folder=row.folder, column=row.column)
    files = [
        plain_file(read_bytes(path, _MOST_IMAGE_BYTES), max_side=loading.max_side, name=str(path))
        for path in (row.image_a, row.image_b)
    ]
    matches = _matches(given, files, row.name, loading)
    n_given = len(matches)
    matches = _within(matches, files, row)
    n_inside = len(matches)
    points_a, points_b = (
        _scaled(matches[:, at : at + 2], file) for at, file in zip((0, 2), files, strict=True)
    )
    kept = _first_ones(points_a) & _first_ones(points_b)
    n_kept = int(kept.sum())
    if n_kept < loading.min_matches:
        raise _too_few(given, n_given, n_inside, n_kept, loading.min_matches)
    pair = MatchedPair(
        name=row.name,
        image_a=files[0].data,
        image_b=files[1].data,
        points_a=points_a[kept],
        points_b=points_b[kept],
        sequence=row.sequence,
    )
    n_shrunk = sum(file.size != file.original for file in files)
    outside, repeated = n_given - n_inside, n_inside - n_kept
    return LoadedPair(pair, files[0].size, files[1].size, n_shrunk, outside, repeated)


def _matches(
    given: Given, files: list[PlainFile], name: str, loading: PairLoading
) -> NDArray[np.float64]:
    if given.shape != (3, 3):
        return given
    # Of its own name: other pairs of the manifest change nothing.
    seed = int.from_bytes(sha256(name.encode("utf-8", "surrogatepass")).digest()[:8])
    n_points = max(loading.n_points, 2 * loading.min_matches)
    a, b = points_from_homography(given, files[0].original, files[1].original, n_points, seed)
    return np.concatenate([a, b], axis=1).astype(np.float64)


def _within(matches: Given, files: list[PlainFile], row: PairRow) -> Given:
    a, b = files
    outside = [~inside(matches[:, at : at + 2], *file.original) for at, file in ((0, a), (2, b))]
    n_outside = int((outside[0] | outside[1]).sum())
    if n_outside > _MOST_OUTSIDE * len(matches):
        second = not outside[0].any()
        at = int(np.flatnonzero(outside[second])[0])
        x, y = matches[at, 2:] if second else matches[at, :2]
        path, (height, width) = (row.image_b, b.original) if second else (row.image_a, a.original)
        raise InputError(
            f"Expected points inside their images, in pixels, got {n_outside:,} of "
            f"{len(matches):,} outside; match {at + 1:,} has ({x:g}, {y:g}) in {path}, which is "
            f"{width:,} wide and {height:,} high. Check that the points are of these images, at "
            "this resolution, and x before y."
        )
    return matches[~(outside[0] | outside[1])]


def _scaled(points: Given, file: PlainFile) -> NDArray[np.float32]:
    """Points of the original picture in the one that is kept: middles of pixels stay middles."""
    size = np.array(file.size[::-1])
    scaled = scaled_points(points, size / file.original[::-1])
    # Rounding takes no point out of its picture.
    return np.asarray(np.clip(scaled, -0.5, size - 0.5), np.float32)


def _first_ones(points: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which points have no other at the same place before them."""
    first = np.zeros(len(points), np.bool_)
    first[np.unique(points, axis=0, return_index=True)[1]] = True
    return first


def _too_few(given: Given, n_given: int, n_inside: int, n_kept: int, least: int) -> InputError:
    if given.shape == (3, 3):
        return InputError(
            f"Expected images that share at least {least:,} points by the homography, got "
            f"{n_kept:,}. It maps points (x, y) of image_a, in pixels, to image_b: is it the other "
            "way round?"
        )
    left_out = [
        f"{n:,} {what}"
        for n, what in ((n_given - n_inside, "outside"), (n_inside - n_kept, "at the same place"))
        if n
    ]
    but = f" ({n_given:,} without {' and '.join(left_out)})" if left_out else ""
    return InputError(
        f"Expected at least {least:,} matches, got {n_kept:,}{but}. Add matches, or ask for fewer "
        "(--min-matches)."
    )
