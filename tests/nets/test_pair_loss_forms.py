"""One loss over matching points in the README's three forms, which all learn the same."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from readme_examples import run

from embedsvc.nets.pair_losses import InfoNCE

N_PAIRS, N_POINTS, DIM = 3, 6, 4


def tower():
    """Point by point, the same for both images; a real one looks at pixels."""
    a, b = (keras.Input((N_POINTS, 5), name=f"pixels_{side}") for side in "ab")
    project = keras.layers.Dense(DIM, kernel_initializer=keras.initializers.GlorotUniform(0))
    describe = keras.Sequential([project, keras.layers.UnitNormalization()])
    return keras.Model(
        {"pixels_a": a, "pixels_b": b},
        {"descriptors_a": describe(a), "descriptors_b": describe(b)},
    )


def made_batch():
    rng = np.random.default_rng(0)
    mask = np.ones((N_PAIRS, N_POINTS), np.float32)
    mask[1, 3:] = 0
    sides = {f"points_{side}": rng.uniform(0, 40, (N_PAIRS, N_POINTS, 2)) for side in "ab"}
    sides |= {f"pixels_{side}": rng.normal(size=(N_PAIRS, N_POINTS, 5)) for side in "ab"}
    batch = {name: values.astype(np.float32) for name, values in sides.items()}
    return {**batch, "mask": mask, "scene": np.array([1, 1, 2])}


FORMS = run("pair_losses", {})
by_batch, by_add_loss, by_outputs = (
    FORMS[name] for name in ("by_batch", "by_add_loss", "by_outputs")
)


def side_of(batch):
    """Float32 of shape (n_pairs, n_points, 6); a scene is exact up to 2^24."""
    scene = np.broadcast_to(batch["scene"][:, None], batch["mask"].shape)
    last = np.stack([batch["mask"], scene.astype(np.float32)], axis=-1)
    return np.concatenate([batch["points_a"], batch["points_b"], last], axis=-1)


# The three beside each other


def one_step(form, network, loss, batch):
    """The loss of one step of plain descent, as Keras reports it."""
    descent = keras.optimizers.SGD(1.0)
    if form == "batch":
        model = by_batch(network, loss)
        model.compile(optimizer=descent)
        data = tf.data.Dataset.from_tensors(batch)
        return model.fit(data, shuffle=False, verbose=0).history["total"][0]
    if form == "add_loss":
        model = by_add_loss(network, loss)
        model.compile(optimizer=descent)
        data = tf.data.Dataset.from_tensors((batch,))
        return model.fit(data, shuffle=False, verbose=0).history["loss"][0]
    model, two_argument_loss = by_outputs(network, loss, DIM)
    model.compile(optimizer=descent, loss=two_argument_loss)
    given = {name: batch[name] for name in ("pixels_a", "pixels_b")} | {"side": side_of(batch)}
    data = tf.data.Dataset.from_tensors((given, np.zeros(N_PAIRS, np.float32)))
    return model.fit(data, shuffle=False, verbose=0).history["loss"][0]


def value_and_gradient(network, loss, batch):
    with tf.GradientTape() as tape:
        outputs = network({name: batch[name] for name in ("pixels_a", "pixels_b")})
        value = loss({name: tf.constant(one) for name, one in batch.items()}, outputs)
    gradients = tape.gradient(value, network.trainable_variables)
    return float(value), [gradient.numpy() for gradient in gradients]


@pytest.mark.parametrize("form", ["batch", "add_loss", "outputs"])
def test_all_forms_have_the_same_loss_and_gradient(form):
    network, loss, batch = tower(), InfoNCE(temperature=0.1, safe_radius=6.0), made_batch()
    before = [weights.numpy() for weights in network.trainable_variables]
    value, gradients = value_and_gradient(network, loss, batch)
    assert one_step(form, network, loss, batch) == pytest.approx(value, rel=1e-5)
    after = [weights.numpy() for weights in network.trainable_variables]
    for old, new, gradient in zip(before, after, gradients, strict=True):
        assert np.abs(gradient).max() > 0.01
        np.testing.assert_allclose(old - new, gradient, atol=1e-5)
