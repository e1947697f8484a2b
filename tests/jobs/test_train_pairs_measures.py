"""A trained descriptor beside others, and the picture of one pair before and after."""

import numpy as np
import pytest
from PIL import Image

from embedsvc.jobs import train_pairs_measures as measures
from embedsvc.jobs.train_pairs_result import TRAINED
from embedsvc.pairs.pair import MatchedPair

SIDE = 64


class ByPlace:
    """Describes a point by where it is, right of the shift of its pair; and some not at all."""

    def __init__(self, name, n_blind):
        self.name, self.n_blind = name, n_blind

    def describe(self, image, points):
        # The picture says by how much it is shifted.
        shift = image[0, 0, 0]
        rows = np.concatenate([points - [shift, 0], np.full((len(points), 1), 30)], axis=1)
        rows[: self.n_blind(shift)] = [0, 0, 1]
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def picture(folder, shift):
    path = folder / f"{shift}.png"
    Image.new("RGB", (SIDE, SIDE), (shift, 9, 9)).save(path)
    return path.read_bytes()


@pytest.fixture
def pairs(tmp_path):
    """Three pairs, whose second pictures are shifted by 1, 2 and 3 pixels."""
    x, y = np.meshgrid(np.arange(6, 60, 9), np.arange(6, 60, 9))
    points = np.stack([x, y], -1).reshape(-1, 2).astype(np.float32)
    return [
        MatchedPair(f"a{shift}", picture(tmp_path, 0), picture(tmp_path, shift), points,
                    points + np.array([shift, 0], np.float32), f"s{shift}")
        for shift in (1, 2, 3)
    ]  # fmt: skip


@pytest.fixture
def describers():
    # What learned sees all; the other is blind to 20, 4 and 12 points, by the shift.
    blind = {0: 0, 1: 20, 2: 4, 3: 12}
    return ByPlace("learned", lambda shift: 0), ByPlace("untrained net", blind.get)


@pytest.fixture
def compared(pairs, describers, monkeypatch):
    monkeypatch.setattr(measures, "BASELINES", {"blind": lambda: ByPlace("b", lambda shift: 36)})
    return measures.compare(lambda: iter(pairs), *describers, network="net", n_pairs=3)


def test_all_are_measured(compared):
    found = compared.evaluation
    assert found.models == (TRAINED, "net", "blind")
    assert found.names == {TRAINED: "learned", "net": "untrained net", "blind": "b"}
    assert [found.mean(one).accuracy[5] for one in found.models] == pytest.approx(
        [1, 1 - np.mean([20, 4, 12]) / 36, 1 / 36], abs=0.02
    )


def test_the_pair_with_the_median_gain_is_shown(compared):
    assert compared.pair.name == "a3"


def test_before_and_after_is_drawn(compared, describers, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        measures, "write_match_picture", lambda a, b, rows, path: drawn.extend([a, b, *rows])
    )
    told = measures.draw_before_and_after(compared, describers[0], tmp_path / "m.png")
    assert told.startswith("Of a3: each point of the first picture")
    first, second, before, after = drawn
    assert first.shape == (SIDE, SIDE, 3) and second[0, 0, 0] == 3
    assert (before.title, after.title) == ("Before: untrained net", "After training")
    assert after.summary == "36 matches, 36 (100 %) right, within 5 px"
    figures = compared.evaluation.of("net")[2].figures
    assert before.inliers.mean() == pytest.approx(figures.accuracy[5]) and figures.accuracy[5] < 0.8


def test_the_picture_is_written(compared, describers, tmp_path):
    measures.draw_before_and_after(compared, describers[0], tmp_path / "m.png")
    with Image.open(tmp_path / "m.png") as drawn:
        assert drawn.width == 1600
