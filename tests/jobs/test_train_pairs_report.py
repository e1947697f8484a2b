"""The settings of a training as its page shows them."""

import pytest
from tiny_pair_training import SETTINGS, draw_photos

from embedsvc.jobs.train_pairs_model import make_descriptor
from embedsvc.jobs.train_pairs_options import PairTrainOptions
from embedsvc.jobs.train_pairs_plan import plan_pair_training
from embedsvc.jobs.train_pairs_report import settings_shown


@pytest.fixture
def shown(tmp_path):
    def show(**settings):
        options = PairTrainOptions(SETTINGS | settings)
        data = [str(draw_photos(tmp_path / "photos", 1))]
        plan = plan_pair_training(data, tmp_path / "out", options=options)
        return settings_shown(plan, make_descriptor(options.settings))

    return show


def test_settings_in_words(shown):
    found = shown(rotation=20, scale=1.5, perspective=0.1, rotations=[-10, 0, 10], scales=[1, 1.5])
    assert found["network"] == "small" and found["components"] == "8"
    assert found["loss"] == "infonce, temperature 0.02, safe radius 32 px"
    assert found["crops"] == "64 x 64 px, 24 points"
    assert found["warps"] == (
        "turned up to 20 degrees, enlarged up to 1.5 times, perspective up to 0.1"
    )
    assert found["views"] == "6: turned by -10, 0, 10 degrees at 1, 1.5 times the size"
    assert found["held out"] == "0.2 of what there is" and "penalties" not in found


def test_what_was_asked_for_alone(shown):
    found = shown(loss="triplet", margin=0.5, activity_penalties={"stride2": "l2:1e-4"})
    assert found["loss"] == "triplet, margin 0.5, safe radius 32 px"
    assert found["penalties"] == "stride2 l2:1e-4"
