"""Maps made of nothing, for tests of their pages and pictures."""

from __future__ import annotations

import base64
import json
import re

import numpy as np

from embedsvc.report.map_colors import colouring
from embedsvc.report.map_data import VectorMap


def made_map(n=60, *, groups=3, **changes):
    """Points in as many round groups, with texts."""
    rng = np.random.default_rng(0)
    codes = np.arange(n) % max(1, groups)
    angles = codes * 2 * np.pi / max(1, groups)
    middles = 10 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    values = {
        "title": "made.parquet",
        "method": "umap",
        "places": (middles + rng.normal(size=(n, 2))).astype(np.float32),
        "ids": [f"id{i}" for i in range(n)],
        "colouring": colouring("topic", [f"topic {code}" for code in codes]) if groups else None,
        "texts": [f"text {i} of topic {code}" for i, code in enumerate(codes)],
        "kind": "text",
    }
    return VectorMap(**{**values, **changes})


def data_of(page):
    """What a page's script reads."""
    found = re.search(r'<script type="application/json" id="map-data">(.*?)</script>', page, re.S)
    return json.loads(found[1])


def unpacked(text, dtype):
    return np.frombuffer(base64.b64decode(text), dtype)
