"""Describers measured on pairs: figures by hand, one pair at a time, and who failed on what."""

import gc
import weakref
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from made_evaluations import FakeDescriber, made_pair
from PIL import Image

from embedsvc.errors import ArtifactError, InputError
from embedsvc.pairs.baselines import BASELINES
from embedsvc.pairs.measuring import drawn_points, evaluate
from embedsvc.pairs.pair import MatchedPair


def test_figures_by_hand():
    # Of 4 points 2 pixels apart, shifted by one in a ring: three are off by 2 px, one by 6 px.
    found = evaluate([made_pair()], {"good": FakeDescriber(), "off": FakeDescriber(shift=1)})
    assert found.mean("good").accuracy == {1: 1.0, 3: 1.0, 5: 1.0, 10: 1.0}
    assert found.mean("good").ap == 1.0
    assert found.mean("off").accuracy == {1: 0.0, 3: 0.75, 5: 0.75, 10: 1.0}
    assert 0 < found.mean("off").ap <= 0.75
    assert found.names == {"good": "Fake", "off": "Fake"}
    assert [(row.pair, row.model, row.n_points) for row in found.rows] == [
        ("p", "good", 4),
        ("p", "off", 4),
    ]


def test_thresholds_are_put_in_order_and_a_point_at_one_is_right():
    found = evaluate([made_pair()], {"off": FakeDescriber(shift=1)}, thresholds=(6, 2, 2, 1.5))
    assert found.thresholds == (1.5, 2, 6)
    assert found.mean("off").accuracy == {1.5: 0.0, 2: 0.75, 6: 1.0}


def test_a_real_baseline_knows_a_picture_again():
    rng, buffer = np.random.default_rng(0), BytesIO()
    Image.fromarray(rng.integers(0, 255, (60, 80, 3), np.uint8)).save(buffer, "PNG")
    points = rng.uniform(5, 50, (20, 2)).astype(np.float32)
    same = MatchedPair("p", buffer.getvalue(), buffer.getvalue(), points, points, "s")
    found = evaluate([same], {"raw": BASELINES["raw"]()})
    assert found.mean("raw").accuracy[1] == 1.0
    assert found.mean("raw").ap == pytest.approx(1.0)


def test_many_points_are_drawn_the_same_for_all_and_whatever_else_is_measured():
    first, second = FakeDescriber(), FakeDescriber()
    pairs = [made_pair(f"p{at}", n=50) for at in range(3)]
    found = evaluate(pairs, {"a": first, "b": second}, max_points=10)
    alone = FakeDescriber()
    evaluate(pairs[2:], {"a": alone}, max_points=10)
    assert {(row.n_points, row.n_measured) for row in found.rows} == {(50, 10)}
    for one, other in zip(first.seen[1:], second.seen[1:], strict=True):
        np.testing.assert_array_equal(one[1], other[1])
    np.testing.assert_array_equal(first.seen[-1][1], alone.seen[-1][1])
    assert not np.array_equal(first.seen[1][1], first.seen[3][1])
    drawn = drawn_points(pairs[0], 10, seed=1)
    assert (np.diff(drawn.points_a[:, 0]) > 0).all()
    np.testing.assert_array_equal(drawn.points_a, drawn.points_b)
    assert not np.array_equal(drawn.points_a, drawn_points(pairs[0], 10, seed=2).points_a)
    assert drawn_points(pairs[0], 50, seed=1) is pairs[0]


def test_pairs_are_taken_one_at_a_time_and_let_go():
    alive, most = [], 0

    def pairs():
        nonlocal most
        for at in range(6):
            pair = made_pair(f"p{at}")
            alive.append(weakref.ref(pair))
            yield pair
            del pair
            gc.collect()
            most = max(most, sum(one() is not None for one in alive))

    steps = []
    evaluate(pairs(), {"a": FakeDescriber(), "b": FakeDescriber()}, advance=steps.append)
    assert most <= 1
    assert steps == [1] * 12


def test_only_the_first_call_of_a_describer_is_for_warming_up():
    describer = FakeDescriber()
    evaluate([made_pair("p"), made_pair("q")], {"a": describer})
    assert [level for level, _ in describer.seen] == [1, 1, 2, 1, 2]


@pytest.mark.parametrize(
    ("fails", "error"),
    [
        (InputError("no such layer"), InputError),
        (ArtifactError("broken weights"), ArtifactError),
        (RuntimeError("no memory"), InputError),
        (KeyError("layer"), InputError),
    ],
)
def test_who_fails_and_on_what_is_named(fails, error):
    describers = {"good": FakeDescriber(), "bad": FakeDescriber(fails=fails)}
    with pytest.raises(error, match=r"bad .*the pair p") as caught:
        evaluate([made_pair()], describers)
    assert str(fails.args[0]) in str(caught.value)


@pytest.mark.parametrize(
    "vectors",
    [np.full((4, 2), np.nan), np.zeros((3, 2)), np.zeros(4), np.zeros((4, 0)), None, "abc"],
)
def test_vectors_that_are_not_usable(vectors):
    describer = FakeDescriber()
    describer.describe = lambda image, points: vectors
    with pytest.raises(InputError, match="bad on the pair p|bad to describe points of the pair p"):
        evaluate([made_pair()], {"bad": describer})


def test_zeros_are_like_nothing_but_no_mistake():
    describer = FakeDescriber()
    describer.describe = lambda image, points: np.zeros((len(points), 3), np.float32)
    figures = evaluate([made_pair(gap=100.0)], {"zero": describer}).mean("zero")
    assert figures.accuracy[10] == 0.25


def test_interrupting_is_no_failure_of_a_describer():
    with pytest.raises(KeyboardInterrupt):
        evaluate([made_pair()], {"a": FakeDescriber(fails=KeyboardInterrupt())})


@pytest.mark.parametrize(
    ("pairs", "describers", "options", "message"),
    [
        ([], {"a": FakeDescriber()}, {}, "at least one pair"),
        ([made_pair()], {}, {}, "at least one describer"),
        ([made_pair()], {"a": FakeDescriber()}, {"max_points": 0}, "max_points"),
        ([made_pair()], {"a": FakeDescriber()}, {"thresholds": ()}, "one threshold or more"),
        ([made_pair()], {"a": FakeDescriber()}, {"thresholds": (1, -1)}, "0 pixels or more"),
        ([made_pair()], {"a": FakeDescriber()}, {"thresholds": (float("nan"),)}, "threshold"),
        ([made_pair(n=0)], {"a": FakeDescriber()}, {}, "points in the pair p, got none"),
        ([replace(made_pair(), image_b=b"no")], {"a": FakeDescriber()}, {}, "The pair p: "),
    ],
)
def test_mistakes(pairs, describers, options, message):
    with pytest.raises(InputError, match=message):
        evaluate(pairs, describers, **options)
