"""`match`: which point of one picture is which point of another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from embedsvc.datasets.point_files import read_points
from embedsvc.errors import InputError
from embedsvc.images.decode import decode_image
from embedsvc.pairs.homography_fit import HomographyFit, fit_homography
from embedsvc.pairs.keypoints import MAX_SIDE, Method, check_method, find_keypoints
from embedsvc.pairs.matching import match_points
from embedsvc.pairs.pair import Describer, Points
from embedsvc.progress import Advance

N_DESCRIPTIONS = 2
"""Pictures that are described for one model."""

_RADIUS, _THRESHOLD = 8.0, 3.0  # pixels of pictures of up to MAX_SIDE


@dataclass(frozen=True)
class MatchOptions:
    """How pictures are matched.

    Attributes:
        n_points: of each picture at most, where none are given.
        keypoints: where to look, as `find_keypoints` has it.
        ratio: leaves out matches that have a rival; see `match_points`.
        mutual: whether each of a match must be the most similar to the other.
        ransac: whether a homography is looked for.
        threshold: pixels of the second picture up to which a match agrees with it; None takes 3,
            and in proportion more where a side is longer than `MAX_SIDE`.
    """

    n_points: int = 2000
    keypoints: Method = "corners"
    ratio: float | None = None
    mutual: bool = True
    ransac: bool = True
    threshold: float | None = None

    def __post_init__(self) -> None:
        check_method(self.keypoints)


@dataclass(frozen=True)
class Picture:
    """A picture and the points of it that are matched.

    Attributes:
        path: its file.
        image: uint8 RGB of shape (height, width, 3).
        points: float32 array of shape (n_points, 2).
    """

    path: Path
    image: NDArray[np.uint8]
    points: Points


@dataclass(frozen=True)
class Matched:
    """Matching points of two pictures, the most similar first.

    Attributes:
        points_a: of the first picture, float32 array of shape (n_matches, 2).
        points_b: the matching ones of the second picture.
        similarity: float32 array of shape (n_matches,), the cosines.
        ratio: float32 array of shape (n_matches,); see `Matches`.
        fit: the homography; None where none was looked for.
        threshold: pixels up to which a match agrees with it.
    """

    points_a: Points
    points_b: Points
    similarity: NDArray[np.float32]
    ratio: NDArray[np.float32]
    fit: HomographyFit | None
    threshold: float

    def __len__(self) -> int:
        return len(self.points_a)

    def table(self) -> pa.Table:
        """Rows x1, y1, x2, y2, similarity, ratio, and inlier where a homography was looked for."""
        columns: dict[str, Any] = {
            "x1": self.points_a[:, 0],
            "y1": self.points_a[:, 1],
            "x2": self.points_b[:, 0],
            "y2": self.points_b[:, 1],
            "similarity": self.similarity,
            "ratio": pa.array(self.ratio, mask=np.isnan(self.ratio)),
        }
        if self.fit is not None:
            columns["inlier"] = self.fit.inliers
        return pa.table(columns)


def read_picture(path: Path, points: Path | None, options: MatchOptions) -> Picture:
    """Decode a picture, and read its points or look for some.

    Args:
        path: of the picture.
        points: a table of points, or None.
        options: where to look otherwise.

    Raises:
        InputError: the picture or the points are not usable.
    """
    image = decode_image(path)
    if points is None:
        found = find_keypoints(image, options.keypoints, n=options.n_points)
    else:
        found = read_points(points, height=image.shape[0], width=image.shape[1])
    return Picture(path, image, found)


def match_pictures(
    a: Picture,
    b: Picture,
    describer: Describer,
    options: MatchOptions,
    *,
    advance: Advance = lambda count: None,
) -> Matched:
    """Describe the points of both pictures, match them, and look for a homography.

    Args:
        a: the first picture.
        b: the second one, of any size.
        describer: gives the points their vectors.
        options: how.
        advance: called with 1 for each picture that is described.

    Raises:
        InputError: the vectors are not usable.
    """
    vectors = [_described(describer, one, advance) for one in (a, b)]
    coarse = max(1.0, max(b.image.shape[:2]) / MAX_SIDE)
    found = match_points(
        *vectors,
        mutual=options.mutual,
        ratio=options.ratio,
        points_b=b.points,
        radius=_RADIUS * coarse,
    )
    points_a, points_b = a.points[found.rows_a], b.points[found.rows_b]
    threshold = _THRESHOLD * coarse if options.threshold is None else options.threshold
    fit = None
    if options.ransac:
        # Without a rival nothing is known against a match, nor for it.
        quality = -np.nan_to_num(found.ratio, nan=1.0)
        fit = fit_homography(points_a, points_b, threshold=threshold, quality=quality)
    return Matched(points_a, points_b, found.similarity, found.ratio, fit, threshold)


def _described(
    describer: Describer, picture: Picture, advance: Callable[[int], None]
) -> NDArray[np.float32]:
    vectors = describer.describe(picture.image, picture.points)
    if np.ndim(vectors) != 2 or len(vectors) != len(picture.points):
        raise InputError(
            f"Expected a vector for each of {len(picture.points)} points from {describer.name}, "
            f"got shape {np.shape(vectors)}."
        )
    advance(1)
    return vectors
