"""The README's examples of descriptors, on tiny pictures; that of losses is in nets."""

import numpy as np
import pytest
from readme_examples import run
from tiny_pairs import blobs, write_pictures


@pytest.mark.slow
def test_a_descriptor(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = "epochs=1, steps_per_epoch=1, start_pairs=4, taps=['stride2'], dim=16"
    names = run(
        "descriptor",
        {'PointDescriptor(loss="triplet"': f'PointDescriptor("small", loss="triplet", {small}'},
        files=write_pictures(tmp_path / "pictures", 2).files,
        image=blobs(9),
        points=[[20, 30], [40.5, 50.25]],
    )
    descriptor = names["descriptor"]
    vectors = descriptor.describe(names["image"], names["points"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    loaded = names["embedsvc"].load_descriptor("descriptor")
    np.testing.assert_array_equal(loaded.describe(names["image"], names["points"]), vectors)
