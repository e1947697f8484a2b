"""What a map says of itself in words."""

from __future__ import annotations

import numpy as np

from embedsvc.report.map_colors import Groups, Measure
from embedsvc.report.map_data import VectorMap
from embedsvc.report.numbers import format_percent, plural
from embedsvc.report.shown_text import isolated, shown_label
from embedsvc.report.svg import tick_labels

METHOD_NAMES = {"umap": "UMAP", "tsne": "t-SNE", "pca": "PCA"}
_NEIGHBOURS = 10
_READINGS = {
    "umap": "UMAP keeps neighbours together. How far apart two groups lie, and how much room one "
    "takes, means little; the axes mean nothing.",
    "tsne": "t-SNE keeps neighbours together. How far apart two groups lie, and how much room one "
    "takes, means little; the axes mean nothing.",
    "pca": "PCA shows the two directions in which the vectors differ most, and nothing of the "
    "others: what is far apart here differs, what is close together need not be alike.",
}


def heading(shown: VectorMap) -> str:
    """Such as "3,080 texts in 77 groups"."""
    points = plural(len(shown), shown.kind)
    colouring = shown.colouring
    if isinstance(colouring, Measure):
        return f"{points} by {isolated(shown_label(colouring.name))}"
    if isinstance(colouring, Groups):
        return f"{points} in {plural(len(colouring.names), colouring.noun)}"
    return points


def reading(shown: VectorMap) -> list[str]:
    """How the map is to be read, in sentences."""
    n = len(shown)
    said = [f"A point is {_a(shown.kind)}. What lies close together is alike to the model."]
    said.append(_READINGS[shown.method])
    if shown.kept is not None and shown.kept == shown.kept and n > _NEIGHBOURS + 1:
        said.append(
            f"Of the {_NEIGHBOURS} nearest neighbours of a vector, {format_percent(shown.kept)} "
            f"are among the {_NEIGHBOURS} nearest on the map; at random it would be "
            f"{format_percent(_NEIGHBOURS / (n - 1))}."
        )
    if shown.n_all is not None and shown.n_all > n:
        said.append(f"Shown are {n:,} of {plural(shown.n_all, 'vector')}, chosen at random.")
    return [*said, *shown.notes]


def about(shown: VectorMap) -> str:
    """The whole map in one sentence, for who cannot see it."""
    said = f"Map of {heading(shown)}"
    if isinstance(shown.colouring, Groups) and shown.colouring.names:
        counts = shown.colouring.counts
        order = sorted(range(len(counts)), key=lambda group: -counts[group])[:5]
        named = ", ".join(shown_label(shown.colouring.names[group], 40) for group in order)
        said += f"; the largest: {named}"
    return f"{said}."


def ends(measure: Measure) -> tuple[str, str, str]:
    """What stands at the ends and in the middle of the scale of colours."""
    finite = measure.values[np.isfinite(measure.values)]
    low, middle, high = tick_labels([measure.low, measure.middle, measure.high])
    under = "≤ " if len(finite) and finite.min() < measure.low else ""
    over = "≥ " if len(finite) and finite.max() > measure.high else ""
    return under + low, middle, over + high


def _a(kind: str) -> str:
    return "an image" if kind == "image" else f"a {kind}"
