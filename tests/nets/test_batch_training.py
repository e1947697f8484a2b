"""Losses that see the whole batch."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from embedsvc.errors import InputError
from embedsvc.nets.batch_training import BatchModel
from embedsvc.nets.penalties import parse_penalty

rng = np.random.default_rng(0)
X = rng.normal(size=(10, 3)).astype(np.float32)
TEACHER = rng.normal(size=(10, 2)).astype(np.float32)


def network():
    x = keras.Input((3,), name="x")
    initializer = keras.initializers.GlorotUniform(0)
    return keras.Model({"x": x}, {"y": keras.layers.Dense(2, kernel_initializer=initializer)(x)})


def distillation(batch, outputs):
    return tf.reduce_mean(tf.square(outputs["y"] - batch["teacher"]))


def far_from_first(batch, outputs):
    """A loss that no pair of y_true and y_pred can express: it compares texts by their group."""
    same = tf.cast(batch["group"][:, None] == batch["group"][None, :], tf.float32)
    distances = tf.reduce_sum(tf.square(outputs["y"][:, None] - outputs["y"][None, :]), -1)
    return tf.reduce_mean(same * distances)


def test_losses_get_what_stands_in_the_batch():
    model = BatchModel(network(), {"distillation": distillation, "groups": far_from_first})
    batch = {"x": X, "teacher": TEACHER, "group": np.arange(10) % 2}
    terms = model.terms({name: tf.constant(value) for name, value in batch.items()})
    y = model.network({"x": X})["y"].numpy()
    by_hand = ((y - TEACHER) ** 2).mean()
    same = (batch["group"][:, None] == batch["group"]).astype(float)
    groups = (same * ((y[:, None] - y[None]) ** 2).sum(-1)).mean()
    assert float(terms["distillation"]) == pytest.approx(by_hand, rel=1e-5)
    assert float(terms["groups"]) == pytest.approx(groups, rel=1e-5)
    assert float(terms["total"]) == pytest.approx(by_hand + groups, rel=1e-5)


def test_fits_as_any_keras_model():
    model = BatchModel(network(), {"distillation": distillation})
    model.compile(optimizer=keras.optimizers.SGD(0.1))
    data = tf.data.Dataset.from_tensor_slices({"x": X, "teacher": TEACHER}).batch(4)
    history = model.fit(data, epochs=20, shuffle=False, verbose=0).history
    assert history["distillation"][-1] < history["distillation"][0]
    assert history["total"] == history["distillation"]


def test_means_are_over_examples():
    """The last batch is smaller: the mean of batches is not the mean of examples."""
    model = BatchModel(network(), {"distillation": distillation})
    model.compile(optimizer=keras.optimizers.SGD(0.0))
    data = tf.data.Dataset.from_tensor_slices({"x": X, "teacher": TEACHER}).batch(4)
    expected = ((model.network({"x": X})["y"].numpy() - TEACHER) ** 2).mean()
    assert model.evaluate(data, verbose=0, return_dict=True)["distillation"] == pytest.approx(
        expected, rel=1e-5
    )


def test_weight_penalty_is_on_kernels():
    model = BatchModel(
        network(), {"distillation": distillation}, weight_penalty=parse_penalty("l2:0.5")
    )
    terms = model.terms({"x": tf.constant(X), "teacher": tf.constant(TEACHER)})
    kernel = model.network.trainable_variables[0].numpy()
    assert float(terms["weight penalty"]) == pytest.approx(0.5 * (kernel**2).sum(), rel=1e-6)


def test_a_frozen_network_has_no_weight_penalty():
    frozen = network()
    frozen.trainable = False
    model = BatchModel(frozen, {"d": distillation}, weight_penalty=parse_penalty("l2:0.5"))
    terms = model.terms({"x": tf.constant(X), "teacher": tf.constant(TEACHER)})
    assert float(terms["weight penalty"]) == 0


def test_names_of_terms_are_not_taken_twice():
    with pytest.raises(InputError, match="other names than total"):
        BatchModel(network(), {"total": distillation})
