"""The histogram of anomaly scores against the threshold, as inline SVG."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from embedsvc.errors import InputError
from embedsvc.report import svg
from embedsvc.report.numbers import format_count, format_score, plural

_Floats = NDArray[np.floating]

_N_BINS = 48
_SKEW = 8.0  # times the median from which on scores are drawn by their logarithm
_ROW, _BAND = 74, 28  # pixels: height of a histogram, and of the label above it
_SHORTEST = 1.5  # pixels: a single image among thousands can still be seen


def score_histogram(
    normal_scores: _Floats,
    other_scores: _Floats,
    threshold: float,
    *,
    labels: NDArray[np.int64] | None = None,
    width: int = 560,
) -> str:
    """How scores are distributed: one row for the normal images, one or two for the scored ones.

    The rows share the axis of scores, each has its own axis of counts, and none covers another.
    The axis is logarithmic when scores are positive and the largest is far from the rest.

    Args:
        normal_scores: of the normal images the threshold was set with, shape (n_normal,).
        other_scores: of the scored images, shape (n_images,).
        threshold: scores above it are anomalous.
        labels: 0 normal, 1 anomalous, -1 unknown, of the scored images; splits their row in two.
        width: pixels.

    Returns:
        An svg element.

    Raises:
        InputError: a score or the threshold is not finite.
    """
    groups = _score_groups(normal_scores, other_scores, labels)
    everything = np.concatenate([scores for _, scores in groups] + [np.array([threshold])])
    if not np.isfinite(everything).all():
        raise InputError(
            "Expected finite scores and threshold, got some that are not. "
            "List images without a score among the failures."
        )
    log = _is_skewed(everything)
    edges = _bin_edges(everything, threshold, log=log)
    x = svg.Scale(float(edges[0]), float(edges[-1]), 40, width - 12, log)
    parts = [
        part
        for i, (name, scores) in enumerate(groups)
        for part in _histogram_row(name, scores, edges, threshold, x, top=20 + i * (_ROW + _BAND))
    ]
    bottom = 20 + len(groups) * (_ROW + _BAND)
    parts.append(_threshold_label(threshold, x))
    parts += _score_axis(x, bottom, "Anomaly score (log scale)" if log else "Anomaly score")
    return svg.drawing(width, bottom + 42, _describe(groups, threshold), parts)


def _score_groups(
    normal_scores: _Floats, other_scores: _Floats, labels: NDArray[np.int64] | None
) -> list[tuple[str, _Floats]]:
    groups = [("Normal (calibration)", normal_scores)]
    if labels is None or (labels < 0).all():
        return [*groups, ("Scored images", other_scores)]
    names = {0: "Scored, labelled normal", 1: "Scored, labelled anomalous", -1: "Scored, no label"}
    split = [(name, other_scores[labels == label]) for label, name in names.items()]
    return groups + [(name, scores) for name, scores in split if len(scores)]


def _is_skewed(scores: _Floats) -> bool:
    low, median, high = np.quantile(scores, [0.0, 0.5, 1.0])
    return bool(low > 0 and high > _SKEW * median)


def _bin_edges(scores: _Floats, threshold: float, *, log: bool) -> _Floats:
    """Edges of equal bins, one of them at the threshold, so that every bin is on one side."""
    values = np.log(scores) if log else scores.astype(np.float64)
    at = float(np.log(threshold)) if log else threshold
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-9 * max(1.0, abs(high)):
        low, high = low - 0.5 * max(1e-6, abs(low)), high + 0.5 * max(1e-6, abs(high))
    step = (high - low) / _N_BINS
    below, above = int(np.ceil((at - low) / step)) + 1, int(np.ceil((high - at) / step)) + 1
    edges = at + step * np.arange(-below, above + 1)
    return np.exp(edges) if log else edges


def _histogram_row(
    name: str, scores: _Floats, edges: _Floats, threshold: float, x: svg.Scale, *, top: float
) -> list[str]:
    # Bins are open to the left: an image exactly at the threshold is not above it.
    counts = np.bincount(
        np.clip(np.searchsorted(edges, scores, side="left") - 1, 0, len(edges) - 2),
        minlength=len(edges) - 1,
    )
    most = max(1, int(counts.max(initial=0)))
    base = top + _BAND + _ROW - 8
    y = svg.Scale(0, most, base, top + _BAND + 2)
    above = int((scores > threshold).sum())
    said = f"{format_count(above)} of {format_count(len(scores))} above"
    parts = [
        svg.label(x.start, top + 17, name, weight=600),
        svg.label(x.end, top + 17, said, anchor="end", fill=svg.SOFT),
        svg.line(x.start, y(most), x.end, y(most)),
        svg.label(x.start - 6, y(most) + 4, format_count(most), anchor="end", fill=svg.SOFT),
    ]
    for count, low, high in zip(counts.tolist(), edges[:-1], edges[1:], strict=True):
        if count:
            parts.append(_bar(count, float(low), float(high), threshold, x, y))
    dashed = f"stroke:{svg.INK};stroke-width:1.5;stroke-dasharray:4 3"
    parts.append(svg.line(x(threshold), y.end - 4, x(threshold), base, style=dashed))
    parts.append(svg.line(x.start, base, x.end, base, style=f"stroke:{svg.SOFT}"))
    return parts


def _bar(count: int, low: float, high: float, threshold: float, x: svg.Scale, y: svg.Scale) -> str:
    height = max(y.start - y(count), _SHORTEST)
    centre = (low * high) ** 0.5 if x.log else (low + high) / 2
    attributes: dict[str, str | float] = {
        "x": round(x(low) + 0.5, 1),
        "y": round(y.start - height, 1),
        "width": round(max(x(high) - x(low) - 1, 1), 1),
        "height": round(height, 1),
        "style": f"fill:{svg.ALARM if centre > threshold else svg.CALM}",
    }
    said = f"{format_score(low)} to {format_score(high)}: {plural(count, 'image')}"
    return svg.element("rect", attributes, svg.hint(said))


def _threshold_label(threshold: float, x: svg.Scale) -> str:
    text = f"Threshold {format_score(threshold)}"
    half = svg.text_width(text) / 2
    middle = min(max(x(threshold), x.start + half), x.end - half)
    return svg.label(middle, 13, text, anchor="middle", weight=600)


def _score_axis(x: svg.Scale, bottom: float, title: str) -> list[str]:
    ticks = x.ticks(6)
    parts, free = [], 0.0
    for tick, text in zip(ticks, svg.tick_labels(ticks), strict=True):
        half = svg.text_width(text) / 2
        if x(tick) - half >= free and x(tick) + half <= x.end + 12:
            parts.append(svg.line(x(tick), bottom - 8, x(tick), bottom - 3))
            parts.append(svg.label(x(tick), bottom + 12, text, anchor="middle", fill=svg.SOFT))
            free = x(tick) + half + 6
    middle = (x.start + x.end) / 2
    return [*parts, svg.label(middle, bottom + 34, title, anchor="middle", fill=svg.SOFT)]


def _describe(groups: list[tuple[str, _Floats]], threshold: float) -> str:
    said = [
        f"{name}: {plural(len(scores), 'image')}, {int((scores > threshold).sum())} above"
        for name, scores in groups
    ]
    return f"Histograms of anomaly scores, threshold {format_score(threshold)}. {'. '.join(said)}"
