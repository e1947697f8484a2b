"""How well anomaly maps show the defects, over a stream of maps and masks in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from sklearn.metrics import auc

from embedsvc.errors import InputError
from embedsvc.evaluation.checks import check_share

_MOST_BINS = 2**18
_MOST_PENDING = 2**19
_NORMAL, _ANOMALOUS, _REGIONS = range(3)
_EIGHT_NEIGHBOURS = np.ones((3, 3), bool)

Keys = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class PixelSummary:
    """The pixel figures of one detector.

    Attributes:
        pixel_auroc: the chance that a defect's pixel has a higher value than a normal one.
        pixel_average_precision: area under the pixels' precision-recall curve.
        aupro: the share of each defect that is found, averaged over defects of any size, and over
            false positive rates up to the limit; 0 to 1.
        n_images: how many maps were added.
        n_regions: how many connected defects their masks hold.

    A figure is None while there are no normal pixels or no defects.
    """

    pixel_auroc: float | None
    pixel_average_precision: float | None
    aupro: float | None
    n_images: int
    n_regions: int


class PixelMetrics:
    """Collects maps and masks one by one; keeps counts, never the maps.

    Args:
        max_false_positive_rate: how far the area of the per-region overlap goes; 1 is the whole
            curve. The area is divided by it.

    The pixels are counted by value. As long as no more than 262,144 different float32 values came,
    the figures are exact; after that, neighbouring values share a bin, and the bins are as fine
    as that number allows, whatever the range of the values. The order of the images does not
    matter. Memory: at most about 80 MB, and 40 bytes for each pixel of the largest map.

    Example:
        >>> metrics = PixelMetrics()
        >>> metrics.add(np.array([[0.1, 0.9]], "f4"), np.array([[False, True]]))
        >>> metrics.result().aupro
        1.0

    Source:
        Bergmann, Fauser, Sattlegger, Steger: Uninformed Students, CVPR 2020
        (https://arxiv.org/abs/1911.02357): the per-region overlap and its limit of 0.3.
        Bergmann, Batzner, Fauser, Sattlegger, Steger: The MVTec Anomaly Detection Dataset,
        IJCV 2021 (https://doi.org/10.1007/s11263-020-01400-4). As in the evaluation script of
        that data set, regions are 8-connected, normal pixels of all images count, and the curve
        is cut at the limit by a straight line.
    """

    def __init__(self, *, max_false_positive_rate: float = 0.3) -> None:
        if max_false_positive_rate != 1:
            check_share(max_false_positive_rate, name="max_false_positive_rate")
        self._limit = float(max_false_positive_rate)
        self._bins = _Bins()
        self._n_images = 0
        self._n_regions = 0

    def add(self, anomaly_map: ArrayLike, mask: ArrayLike) -> None:
        """Count the pixels of one image.

        Args:
            anomaly_map: finite numbers of shape (height, width); float32 is what is compared.
            mask: bool of the same shape, True on the defects; all False for a normal image.

        Raises:
            InputError: shapes that differ, values that are not finite, or a mask that is not bool.
        """
        values, defect = _check_pair(anomaly_map, mask)
        keys = _sortable(values)
        self._bins.add_normal(keys[~defect])
        if defect.any():
            regions, n_regions = ndimage.label(defect, structure=_EIGHT_NEIGHBOURS)
            region = regions[defect]
            shares = 1 / np.bincount(region)[1:]  # of a region of its pixels, (n_regions,)
            self._bins.add_anomalous(keys[defect], shares[region - 1])
            self._n_regions += int(n_regions)
        self._n_images += 1

    def result(self) -> PixelSummary:
        """The figures of all images so far; more can be added afterwards."""
        falling = self._bins.weights()[::-1]
        sums = np.vstack([np.zeros((1, 3)), np.cumsum(falling, axis=0)])  # (n_bins + 1, 3)
        n_normal, n_anomalous = sums[-1, _NORMAL], sums[-1, _ANOMALOUS]
        if not (n_normal and n_anomalous):
            return PixelSummary(None, None, None, self._n_images, self._n_regions)
        fpr, tpr = sums[:, _NORMAL] / n_normal, sums[:, _ANOMALOUS] / n_anomalous
        overlap = sums[:, _REGIONS] / sums[-1, _REGIONS]
        precision = sums[1:, _ANOMALOUS] / (sums[1:, _NORMAL] + sums[1:, _ANOMALOUS])
        return PixelSummary(
            pixel_auroc=float(auc(fpr, tpr)),
            pixel_average_precision=float(np.sum(np.diff(tpr) * precision)),
            aupro=_area_up_to(fpr, overlap, self._limit) / self._limit,
            n_images=self._n_images,
            n_regions=self._n_regions,
        )


class _Bins:
    """Counts of sorted 32-bit keys, in as fine bins as fit.

    A bin is all keys that agree in all but their last `_shift` bits; only bins that hold something
    are kept. The shift is the smallest with which all keys so far fit, so that it does not depend
    on their order.
    """

    def __init__(self) -> None:
        self._shift = 0
        self._keys: Keys = np.empty(0, np.uint32)
        self._weights = np.empty((0, 3))
        self._pending: list[tuple[Keys, NDArray[np.float64]]] = []
        self._n_pending = 0

    def add_normal(self, keys: Keys) -> None:
        """Count the keys of normal pixels, shape (n,)."""
        for part in _parts(len(keys)):
            found, counts = np.unique(keys[part] >> np.uint32(self._shift), return_counts=True)
            weights = np.zeros((len(found), 3))
            weights[:, _NORMAL] = counts
            self._put(found, weights)

    def add_anomalous(self, keys: Keys, shares: NDArray[np.float64]) -> None:
        """Count the keys of a defect's pixels, and which share of its region each is."""
        for part in _parts(len(keys)):
            weights = np.ones((len(keys[part]), 3))
            weights[:, _NORMAL] = 0
            weights[:, _REGIONS] = shares[part]
            self._put(*_add_up(keys[part] >> np.uint32(self._shift), weights))

    def weights(self) -> NDArray[np.float64]:
        """Counts and shares by rising value, shape (n_bins, 3)."""
        self._merge()
        return self._weights

    def _put(self, keys: Keys, weights: NDArray[np.float64]) -> None:
        self._pending.append((keys, weights))
        self._n_pending += len(keys)
        if self._n_pending >= _MOST_PENDING:
            self._merge()

    def _merge(self) -> None:
        self._pending.append((self._keys, self._weights))
        keys = np.concatenate([keys for keys, _ in self._pending])
        weights = np.concatenate([weights for _, weights in self._pending])
        self._pending, self._n_pending = [], 0
        self._keys, self._weights = _add_up(keys, weights)
        while len(self._keys) > _MOST_BINS:
            self._shift += 1
            self._keys, self._weights = _add_up(self._keys >> np.uint32(1), self._weights)


def _parts(n: int) -> Iterator[slice]:
    """Slices of n pixels, so that a large map needs little memory beside itself."""
    for start in range(0, n, _MOST_PENDING):
        yield slice(start, start + _MOST_PENDING)


def _add_up(keys: Keys, weights: NDArray[np.float64]) -> tuple[Keys, NDArray[np.float64]]:
    """The different keys in order, and the sum of the weights of each."""
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    starts = np.flatnonzero(np.diff(keys, prepend=~keys[:1]))
    return keys[starts], np.add.reduceat(weights[order], starts, axis=0)


def _sortable(values: NDArray[np.float32]) -> Keys:
    """Integers in the order of the floats: for negative ones all bits turn, else the first."""
    bits = (values + np.float32(0)).view(np.uint32)  # the sum makes -0.0 a 0.0
    return np.where(bits >> np.uint32(31), ~bits, bits | np.uint32(0x80000000))


def _area_up_to(x: NDArray[np.float64], y: NDArray[np.float64], limit: float) -> float:
    """The area below the curve from 0 to the limit, cut there by a straight line."""
    inside = int(np.searchsorted(x, limit, side="right"))
    end = np.interp(limit, x, y)
    return float(auc(np.append(x[:inside], limit), np.append(y[:inside], end)))


def _check_pair(
    anomaly_map: ArrayLike, mask: ArrayLike
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    with np.errstate(over="ignore"):  # the infinity is refused below
        values = np.asarray(anomaly_map).astype(np.float32)
    defect = np.asarray(mask)
    if values.ndim != 2 or values.shape != defect.shape or not values.size:
        raise InputError(
            "Expected an anomaly map and a mask of the same shape (height, width), got "
            f"{values.shape} and {defect.shape}. Bring the map back to the size of its picture."
        )
    if defect.dtype != np.bool_:
        raise InputError(
            f"Expected a mask of bool, got {defect.dtype}. Compare it first: mask > 0."
        )
    if not np.isfinite(values).all():
        raise InputError("Expected finite values in the anomaly map, got nan or infinity.")
    return values, defect
