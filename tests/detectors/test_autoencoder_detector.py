"""The autoencoder as a detector; its network and training are tested with the networks."""

from __future__ import annotations

import numpy as np
import pytest
from textures import planted, woven

from embedsvc.detectors import autoencoder
from embedsvc.detectors.autoencoder import Autoencoder
from embedsvc.errors import InputError


def test_scores_with_maps_take_one_reconstruction(monkeypatch: pytest.MonkeyPatch):
    built = autoencoder.reconstructor
    drawn: list[int] = []

    def counting(*given: object) -> object:
        residuals = built(*given)  # type: ignore[arg-type]
        return lambda pixels: (drawn.append(len(pixels)), residuals(pixels))[1]

    monkeypatch.setattr(autoencoder, "reconstructor", counting)
    detector = Autoencoder(size=16, latent=4, epochs=1).fit(woven(8))
    images = planted(3)
    scores, maps = detector.anomaly_score(images), detector.anomaly_map(images)
    drawn.clear()
    (batch,) = detector.score_stream(images, with_maps=True)
    assert drawn == [3]
    np.testing.assert_array_equal(batch.scores, scores)
    np.testing.assert_array_equal(batch.maps, maps)


@pytest.mark.parametrize("penalty", [-1.0, -1e-9])
def test_a_penalty_below_nothing(penalty: float):
    with pytest.raises(InputError, match="activity_penalty to be 0 or more"):
        Autoencoder(activity_penalty=penalty).check_settings()
