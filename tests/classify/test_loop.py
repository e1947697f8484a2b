"""The loop: the best weights are kept, a stopped training goes on, a diverging one stops."""

import dataclasses
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from embedsvc.classify.batches import TrainingVectors
from embedsvc.classify.loop import LoopOptions, run_epochs
from embedsvc.errors import ArtifactError, EmbedsvcError
from embedsvc.nets.batch_training import BatchModel
from embedsvc.nets.classifier_head import HeadConfig, build_head
from embedsvc.nets.losses import classification_loss
from embedsvc.nets.optimizing import build_optimizer, seed_dropouts
from embedsvc.nets.training_state import TrainingState

rng = np.random.default_rng(0)
X = rng.normal(size=(64, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)
DATA = TrainingVectors({"embedding": X, "targets": Y, "weights": np.ones(64, np.float32)})
ROWS = np.arange(64)


def build(rate=0.05, epochs=6, loss=None):
    head = build_head(HeadConfig("multiclass", 2, hidden=(8,), dropout=0.3), 4, seed=0)
    seed_dropouts(head, 0)
    model = BatchModel(head, {"data": loss or classification_loss("multiclass")})
    model.optimizer = build_optimizer(
        head.trainable_variables,
        learning_rate=rate,
        warmup=0.1,
        total_steps=epochs * 4,
        weight_decay=0.01,
        clip_norm=None,
    )
    return model


def options(epochs=6, patience=None):
    return LoopOptions(epochs, 16, patience, seed=0)


def scores(*values):
    found = iter(values)
    return lambda: ((next(found),), {"loss": 1.0})


def test_it_learns_and_tells():
    told, counted = [], []
    outcome = run_epochs(
        build(), DATA, ROWS, options=options(), on_epoch=told.append, advance=counted.append
    )
    assert [record.epoch for record in outcome.history] == [1, 2, 3, 4, 5, 6]
    assert tuple(told) == outcome.history
    assert sum(counted) == 6 * 64
    assert outcome.history[-1].terms["total"] < outcome.history[0].terms["total"]
    assert outcome.best_epoch == 6
    assert outcome.history[-1].learning_rate == 0
    assert not outcome.diverged


def test_the_best_weights_are_kept():
    best = build()
    run_epochs(best, DATA, ROWS, options=options(2))
    model = build()
    outcome = run_epochs(model, DATA, ROWS, options=options(), measure=scores(1, 3, 2, 3, 0, 0))
    assert outcome.best_epoch == 2
    for one, two in zip(model.network.get_weights(), best.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_patience():
    measure = scores(1, 3, 2, 2, 9)
    outcome = run_epochs(build(), DATA, ROWS, options=options(patience=2), measure=measure)
    assert (len(outcome.history), outcome.best_epoch) == (4, 2)


def test_the_beginning_may_be_the_best():
    model = build()
    before = model.network.get_weights()
    outcome = run_epochs(
        model, DATA, ROWS, options=options(2), measure=scores(5, 1, 2), measure_first=True
    )
    assert outcome.best_epoch == 0
    np.testing.assert_array_equal(model.network.get_weights()[0], before[0])


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_going_on_equals_never_having_stopped(stop):
    measured = (1, 4, 2, 3, 5, 2)
    whole, states = build(), []
    expected = run_epochs(
        whole, DATA, ROWS, options=options(), measure=scores(*measured), save=states.append
    )

    rest = build()
    outcome = run_epochs(
        rest,
        DATA,
        ROWS,
        options=options(),
        measure=scores(*measured[stop:]),
        state=states[stop - 1],
    )

    def told(result):
        return [dataclasses.replace(record, seconds=0) for record in result.history]

    assert told(outcome) == told(expected)
    assert outcome.best_epoch == expected.best_epoch == 5
    for one, two in zip(rest.network.get_weights(), whole.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_finished_training_has_nothing_to_go_on_with():
    states = []
    run_epochs(build(), DATA, ROWS, options=options(2), save=states.append)
    outcome = run_epochs(build(), DATA, ROWS, options=options(2), state=states[-1])
    assert len(outcome.history) == 2


def test_a_state_of_another_network_is_refused():
    states = []
    run_epochs(build(), DATA, ROWS, options=options(1), save=states.append)
    arrays = {**states[0].arrays, "network.0": np.zeros((2, 2), np.float32)}
    with pytest.raises(ArtifactError, match="shapes of this network"):
        run_epochs(
            build(), DATA, ROWS, options=options(2), state=TrainingState(arrays, states[0].facts)
        )


def exploding(after):
    """A loss that is NaN once it was computed so often."""
    count = tf.Variable(0)
    plain = classification_loss("multiclass")

    def loss(batch, outputs):
        bad = tf.where(count.assign_add(1) > after, math.nan, 0.0)
        return plain(batch, outputs) + bad

    return loss


def test_a_diverging_loss_stops_and_keeps_the_best():
    outcome = run_epochs(
        build(loss=exploding(after=10)), DATA, ROWS, options=options(), measure=scores(1, 2)
    )
    assert outcome.diverged
    assert (len(outcome.history), outcome.best_epoch) == (3, 2)
    assert math.isnan(outcome.history[-1].terms["total"])


def test_weights_are_finite_after_divergence():
    model = build(loss=exploding(after=10))
    run_epochs(model, DATA, ROWS, options=options(), measure=scores(1, 2))
    assert all(np.isfinite(weight).all() for weight in model.network.get_weights())


def test_divergence_in_the_first_epoch_is_an_error():
    with pytest.raises(EmbedsvcError, match="Lower the learning rate"):
        run_epochs(build(loss=exploding(after=1)), DATA, ROWS, options=options())


def test_keras_is_not_seeded():
    """Equal seeds give equal results whatever was drawn before."""
    one, two = build(), None
    run_epochs(one, DATA, ROWS, options=options(2))
    keras.random.normal((3,))
    two = build()
    run_epochs(two, DATA, ROWS, options=options(2))
    for a, b in zip(one.network.get_weights(), two.network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
