"""What a map says of itself."""

import numpy as np
from made_maps import made_map

from embedsvc.report.map_colors import colouring
from embedsvc.report.map_words import about, ends, heading, reading


def test_headings():
    assert heading(made_map(60)) == "60 texts in 3 groups"
    assert heading(made_map(1, groups=0)) == "1 text"
    clusters = colouring("cluster", [0, 1, -1], of_clusters=True)
    shown = made_map(3, colouring=clusters, kind="image")
    assert heading(shown) == "3 images in 2 clusters"
    numbers = made_map(2, colouring=colouring("n_tokens", [0.5, 1.5]))
    assert heading(numbers) == "2 texts by \u2068n_tokens\u2069"


def test_about_names_the_largest_groups():
    shown = made_map(4, colouring=colouring("t", ["b", "a", "a", "c"]))
    assert about(shown) == "Map of 4 texts in 3 groups; the largest: a, b, c."


def test_reading():
    said = " ".join(reading(made_map(60, kept=0.5, n_all=900, notes=("Mind this.",))))
    assert "UMAP keeps neighbours together" in said
    assert "50 % are among the 10 nearest on the map; at random it would be 16.9 %" in said
    assert "60 of 900 vectors, chosen at random" in said
    assert said.endswith("Mind this.")
    few = " ".join(reading(made_map(3, method="pca", kept=float("nan"), kind="image")))
    assert "an image" in few
    assert "two directions" in few
    assert "at random" not in few


def test_ends_of_the_scale():
    assert ends(colouring("n", [0.0, 0.25, 1.0])) == ("0.0", "0.5", "1.0")
    low, _, high = ends(colouring("n", [-1e6, *np.linspace(0, 1, 1000), 1e6]))
    assert low.startswith("≤ ")
    assert high.startswith("≥ ")
