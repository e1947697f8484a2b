"""Losses over matching points, against loops in NumPy and numbers worked out on paper."""

import math
from itertools import product

import keras
import numpy as np
import pytest
import tensorflow as tf

from embedsvc.errors import InputError
from embedsvc.nets.batch_training import BatchModel
from embedsvc.nets.pair_losses import (
    PAIR_LOSSES,
    ContrastiveMargin,
    HardestTriplet,
    InfoNCE,
)
from embedsvc.nets.penalties import parse_penalty

LOSSES = [
    InfoNCE(temperature=0.2, safe_radius=3.0),
    InfoNCE(temperature=0.2, safe_radius=3.0, in_batch=False),
    HardestTriplet(margin=0.8, safe_radius=3.0),
    HardestTriplet(margin=0.8, safe_radius=3.0, in_batch=False),
    ContrastiveMargin(margin=1.2, safe_radius=3.0),
    ContrastiveMargin(margin=1.2, safe_radius=3.0, in_batch=False),
]
POINTS = ("points_a", "points_b", "descriptors_a", "descriptors_b")


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def made_batch(n_pairs=3, n_points=4, dim=3, *, seed=0, scenes=(7, 7, 9)):
    """Real points first; the second pair has two of them, the third has one."""
    rng = np.random.default_rng(seed)
    mask = np.ones((n_pairs, n_points), np.float32)
    mask[1:2, 2:], mask[2:3, 1:] = 0, 0
    return {
        "points_a": rng.uniform(0, 8, (n_pairs, n_points, 2)).astype(np.float32),
        "points_b": rng.uniform(0, 8, (n_pairs, n_points, 2)).astype(np.float32),
        "mask": mask,
        "scene": np.array(scenes[:n_pairs], np.int64),
        "descriptors_a": unit(rng.normal(size=(n_pairs, n_points, dim))),
        "descriptors_b": unit(rng.normal(size=(n_pairs, n_points, dim))),
    }


def evaluate(loss, batch):
    """Value and gradients by TensorFlow."""
    return as_numbers(*differentiated(loss, {n: tf.constant(value) for n, value in batch.items()}))


def differentiated(loss, tensors):
    outputs = {name: tensors[name] for name in ("descriptors_a", "descriptors_b")}
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        value = loss(tensors, outputs)
    return value, tape.gradient(value, outputs)


def as_numbers(value, gradients):
    return float(value), {name: gradient.numpy() for name, gradient in gradients.items()}


def by_loops(loss, batch):
    """The same value, one point after the other."""
    a, b = batch["descriptors_a"], batch["descriptors_b"]
    everywhere = list(product(range(a.shape[0]), range(a.shape[1])))
    real = [at for at in everywhere if batch["mask"][at]]

    def cosines_of_negatives(at, own, others, points):
        found = []
        for other in real:
            if other[0] == at[0]:
                wanted = math.dist(points[at], points[other]) > loss.safe_radius
            else:
                wanted = loss.in_batch and batch["scene"][at[0]] != batch["scene"][other[0]]
            if wanted:
                found.append(float(own[at] @ others[other]))
        return found

    losses = []
    for at in real:
        match = float(a[at] @ b[at])
        in_b = cosines_of_negatives(at, a, b, batch["points_b"])
        in_a = cosines_of_negatives(at, b, a, batch["points_a"])
        losses.append(one_point(loss, match, in_b, in_a))
    return sum(losses) / len(losses) if losses else 0.0


def one_point(loss, match, in_b, in_a):
    def distance(cosine):
        return math.sqrt(max(2 - 2 * cosine, 1e-6))

    if isinstance(loss, InfoNCE):
        t = loss.temperature
        return -0.5 * sum(
            math.log(
                math.exp(match / t) / (math.exp(match / t) + sum(math.exp(n / t) for n in some))
            )
            for some in (in_b, in_a)
        )
    if isinstance(loss, HardestTriplet):
        nearest = min([distance(n) for n in in_b + in_a], default=math.inf)
        return max(0.0, loss.margin + distance(match) - nearest)
    pushes = [
        max(0.0, loss.margin - min([distance(n) for n in some], default=math.inf)) ** 2
        for some in (in_b, in_a)
    ]
    return 0.5 * (2 - 2 * match) + 0.5 * sum(pushes) / 2


def by_differences(loss, batch, name, step=1e-6):
    """The gradient by central differences."""
    gradient = np.zeros_like(batch[name])
    for at in np.ndindex(gradient.shape):
        values = []
        for sign in (1, -1):
            moved = batch[name].copy()
            moved[at] += sign * step
            values.append(by_loops(loss, {**batch, name: moved}))
        gradient[at] = (values[0] - values[1]) / (2 * step)
    return gradient


# On paper

ON_PAPER = {
    "points_a": np.float32([[[0, 0], [9, 0]]]),
    "points_b": np.float32([[[0, 0], [0, 9]]]),
    "mask": np.ones((1, 2), np.float32),
    "scene": np.int64([0]),
    "descriptors_a": np.array([[[1.0, 0.0], [0.0, 1.0]]]),
    "descriptors_b": np.array([[[1.0, 0.0], [0.6, 0.8]]]),
}
"""Cosines of the matches: 1 and 0.8; from the first of a to the second of b 0.6, and back 0."""


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        # The mean of log(1 + e^-0.8), log(1 + e^-2), log(1 + e^-1.6) and log(1 + e^-0.4).
        (InfoNCE(temperature=0.5), 0.298736),
        # 1 + 0.001 - sqrt 0.8 and 1 + sqrt 0.4 - sqrt 0.8.
        (HardestTriplet(margin=1.0), 0.422301),
        # 0 and 0.2, and for both a quarter of (1 - sqrt 0.8)^2.
        (ContrastiveMargin(margin=1.0), 0.102786),
    ],
)
def test_values_on_paper(loss, expected):
    assert evaluate(loss, ON_PAPER)[0] == pytest.approx(expected, abs=1e-6)
    assert by_loops(loss, ON_PAPER) == pytest.approx(expected, abs=1e-6)


def test_gradient_of_infonce_on_paper():
    """Of log(1 + e^(n - s)/t) it is p (n' - s') / t, with p the softmax of the negative."""
    _, gradients = evaluate(InfoNCE(temperature=0.5), ON_PAPER)
    (a1, a2), (b1, b2) = ON_PAPER["descriptors_a"][0], ON_PAPER["descriptors_b"][0]
    first_b, first_a, second_b, second_a = 1 / (1 + np.exp([0.8, 2.0, 1.6, 0.4])) / (0.5 * 4)
    expected = [
        first_b * (b2 - b1) - first_a * b1 + second_a * b2,
        second_b * (b1 - b2) - second_a * b2 + first_a * b1,
    ]
    np.testing.assert_allclose(gradients["descriptors_a"][0], expected, atol=1e-7)
    expected = [
        first_a * (a2 - a1) - first_b * a1 + second_b * a2,
        second_a * (a1 - a2) - second_b * a2 + first_b * a1,
    ]
    np.testing.assert_allclose(gradients["descriptors_b"][0], expected, atol=1e-7)


def test_gradient_of_the_triplet_on_paper():
    """The first match is identical and has no gradient; the cosine of 0.6 is hardest for both."""
    _, gradients = evaluate(HardestTriplet(margin=1.0), ON_PAPER)
    (a1, a2), b2 = ON_PAPER["descriptors_a"][0], ON_PAPER["descriptors_b"][0][1]
    root_8, root_4 = np.sqrt([0.8, 0.4])
    expected = [b2 / root_8, -0.5 * b2 / root_4]
    np.testing.assert_allclose(gradients["descriptors_a"][0], expected, atol=1e-7)
    expected = [np.zeros(2), a1 / root_8 - 0.5 * a2 / root_4]
    np.testing.assert_allclose(gradients["descriptors_b"][0], expected, atol=1e-7)


# Against loops


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_value_and_gradient_by_loops(loss, seed):
    batch = made_batch(seed=seed)
    value, gradients = evaluate(loss, batch)
    assert value == pytest.approx(by_loops(loss, batch), abs=1e-9)
    assert value > 0
    for name, gradient in gradients.items():
        np.testing.assert_allclose(gradient, by_differences(loss, batch, name), atol=1e-6)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_single_precision_is_enough(loss):
    batch = made_batch()
    single = {**batch, **{name: batch[name].astype(np.float32) for name in POINTS}}
    value, gradients = evaluate(loss, single)
    expected, slopes = evaluate(loss, batch)
    assert value == pytest.approx(expected, abs=1e-5)
    for name, gradient in gradients.items():
        assert gradient.dtype == np.float32
        np.testing.assert_allclose(gradient, slopes[name], atol=1e-5)


@pytest.mark.parametrize("loss", LOSSES[::2], ids=repr)
def test_a_graph_needs_no_shapes(loss):
    batch = made_batch()
    signature = {
        name: tf.TensorSpec([None] * value.ndim, value.dtype) for name, value in batch.items()
    }
    graph = tf.function(lambda tensors: differentiated(loss, tensors), input_signature=[signature])
    for given in (batch, {name: value[:2] for name, value in batch.items()}):
        value, gradients = as_numbers(*graph(given))
        expected, slopes = evaluate(loss, given)
        assert value == pytest.approx(expected, abs=1e-12)
        for name, gradient in gradients.items():
            np.testing.assert_allclose(gradient, slopes[name], atol=1e-12)


# What counts


@pytest.mark.parametrize("garbage", [0.0, 3e38, -1e20, np.nan, np.inf])
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_padding_changes_nothing(loss, garbage):
    batch = made_batch()
    wider = {"scene": batch["scene"], "mask": np.pad(batch["mask"], ((0, 0), (0, 2)))}
    for name in POINTS:
        wider[name] = np.pad(batch[name], ((0, 0), (0, 2), (0, 0)))
        wider[name][wider["mask"] == 0] = garbage
    value, gradients = evaluate(loss, wider)
    expected, slopes = evaluate(loss, batch)
    assert value == pytest.approx(expected, abs=1e-12)
    for name, gradient in gradients.items():
        assert not gradient[wider["mask"] == 0].any()
        np.testing.assert_allclose(gradient[:, :4], slopes[name], atol=1e-12)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_a_padded_pair_changes_nothing(loss):
    batch = made_batch()
    batch["mask"][2] = 0
    shorter = {name: value[:2] for name, value in batch.items()}
    assert evaluate(loss, batch)[0] == pytest.approx(evaluate(loss, shorter)[0], abs=1e-12)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_without_real_points_all_is_zero(loss):
    batch = made_batch()
    batch["mask"][:] = 0
    value, gradients = evaluate(loss, batch)
    assert value == 0
    assert not any(gradient.any() for gradient in gradients.values())
    none = {name: rows[:, :0] if rows.ndim > 1 else rows for name, rows in batch.items()}
    assert evaluate(loss, none)[0] == 0


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_one_point_has_no_negatives(loss):
    batch = {name: value[2:] for name, value in made_batch().items()}
    value, gradients = evaluate(loss, batch)
    assert value == pytest.approx(by_loops(loss, batch), abs=1e-12)
    if isinstance(loss, ContrastiveMargin):
        assert value > 0
        match = -batch["descriptors_b"][0, 0]
        np.testing.assert_allclose(gradients["descriptors_a"][0, 0], match, atol=1e-12)
    else:
        assert value == 0
        assert not any(gradient.any() for gradient in gradients.values())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_identical_descriptors_have_finite_gradients(loss, dtype):
    batch = made_batch()
    for name in ("descriptors_a", "descriptors_b"):
        batch[name] = np.full((3, 4, 3), 3**-0.5, dtype)
    value, gradients = evaluate(loss, batch)
    assert value == pytest.approx(by_loops(loss, batch), abs=1e-5)
    assert all(np.isfinite(gradient).all() for gradient in gradients.values())


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_within_the_safe_radius_nothing_is_a_negative(loss):
    """All points of a pair stand on one spot, and all pairs show one scene."""
    batch = made_batch(scenes=(1, 1, 1))
    for name in ("points_a", "points_b"):
        batch[name][:] = 5.0
    alone = 0.0
    if isinstance(loss, ContrastiveMargin):
        cosines = (batch["descriptors_a"] * batch["descriptors_b"]).sum(-1)
        alone = 1 - cosines[batch["mask"] == 1].mean()
    assert evaluate(loss, batch)[0] == pytest.approx(alone, abs=1e-12)


def test_the_radius_itself_is_still_safe():
    at_radius = {**ON_PAPER, "scene": np.int64([0])}
    assert evaluate(InfoNCE(safe_radius=9.0), at_radius)[0] == 0
    assert evaluate(InfoNCE(safe_radius=8.99), at_radius)[0] > 0


def test_the_radius_is_around_the_match_in_the_other_image():
    """Far apart in a and near in b: negatives from b to a alone."""
    batch = {**ON_PAPER, "points_b": np.float32([[[0, 0], [1, 0]]])}
    expected = 0.5 * np.mean(np.log1p(np.exp([-2.0, -0.4])))
    assert evaluate(InfoNCE(temperature=0.5), batch)[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("make", PAIR_LOSSES.values())
def test_one_scene_has_no_negatives_in_the_batch(make):
    batch = made_batch(scenes=(4, 4, 4))
    alone, together = evaluate(make(in_batch=False), batch)[0], evaluate(make(), batch)[0]
    assert together == pytest.approx(alone, abs=1e-12)
    others = made_batch(scenes=(4, 5, 6))
    assert evaluate(make(), others)[0] > alone


@pytest.mark.parametrize("loss", [loss for loss in LOSSES if not loss.in_batch], ids=repr)
def test_without_in_batch_negatives_the_batch_does_not_matter(loss):
    batch = made_batch()
    counts = batch["mask"].sum(1)
    alone = [
        evaluate(loss, {name: value[i : i + 1] for name, value in batch.items()})[0]
        for i in range(3)
    ]
    assert evaluate(loss, batch)[0] == pytest.approx(np.average(alone, weights=counts), abs=1e-12)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_both_images_count_the_same(loss):
    batch = made_batch()
    turned = {
        "mask": batch["mask"],
        "scene": batch["scene"],
        **{name: batch[name[:-1] + ("b" if name[-1] == "a" else "a")] for name in POINTS},
    }
    value, gradients = evaluate(loss, batch)
    other, turned_gradients = evaluate(loss, turned)
    assert other == pytest.approx(value, abs=1e-12)
    np.testing.assert_allclose(
        turned_gradients["descriptors_b"], gradients["descriptors_a"], atol=1e-12
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: InfoNCE(temperature=0), "temperature above 0, got 0"),
        (lambda: InfoNCE(temperature=math.nan), "temperature above 0, got nan"),
        (lambda: HardestTriplet(margin=-1), "margin above 0, got -1"),
        (lambda: ContrastiveMargin(margin=math.inf), "margin above 0, got inf"),
        (lambda: InfoNCE(safe_radius=-1), "safe_radius of 0 pixels or more, got -1"),
        (lambda: HardestTriplet(safe_radius=math.nan), "safe_radius of 0"),
        (lambda: ContrastiveMargin(safe_radius=-0.1), "safe_radius of 0"),
    ],
)
def test_settings_that_make_no_sense(make, message):
    with pytest.raises(InputError, match=message):
        make()


# In training


def tiny_network(dim=3):
    """One layer that is shared by both images; real ones look at pixels."""
    a, b = keras.Input((None, 5), name="pixels_a"), keras.Input((None, 5), name="pixels_b")
    hidden = keras.layers.Dense(4, "tanh", kernel_initializer="orthogonal", name="hidden")
    project = keras.layers.Dense(dim, kernel_initializer="orthogonal", name="project")
    unit_length = keras.layers.UnitNormalization()
    outputs = {
        f"descriptors_{side}": unit_length(project(hidden(x))) for side, x in (("a", a), ("b", b))
    }
    return keras.Model({"pixels_a": a, "pixels_b": b}, outputs)


def pixels_batch(n_points=6, *, seed=0):
    rng = np.random.default_rng(seed)
    batch = made_batch(n_points=n_points, seed=seed)
    places = rng.normal(size=(3, n_points, 5))
    for side in ("a", "b"):
        del batch[f"descriptors_{side}"]
        noise = 0.1 * rng.normal(size=places.shape)
        batch[f"pixels_{side}"] = (places + noise).astype(np.float32)
    return batch


def batches(batch):
    return tf.data.Dataset.from_tensors(batch)


@pytest.mark.parametrize("name", PAIR_LOSSES)
def test_trains_with_a_penalty_on_a_layer_between(name):
    keras.utils.set_random_seed(0)
    batch = pixels_batch()
    model = BatchModel(
        tiny_network(),
        {name: PAIR_LOSSES[name]()},
        activity_penalties={"hidden": parse_penalty("l2:0.01")},
    )
    tensors = {key: tf.constant(value) for key, value in batch.items()}
    terms = {term: float(value) for term, value in model.terms(tensors).items()}
    seen = model.network.get_layer("hidden")
    activations = [seen(batch[f"pixels_{side}"]).numpy() for side in ("a", "b")]
    penalty = 0.01 * sum((rows**2).sum() for rows in activations) / 3
    assert terms["activity penalty: hidden"] == pytest.approx(penalty, rel=1e-5)
    assert terms["total"] == pytest.approx(terms[name] + penalty, rel=1e-5)
    model.compile(optimizer=keras.optimizers.Adam(0.01))
    history = model.fit(batches(batch), epochs=30, shuffle=False, verbose=0).history
    assert history[name][-1] < 0.9 * history[name][0]
