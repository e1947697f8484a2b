"""The schedule, what is decayed, and seeded dropout."""

import keras
import numpy as np
import pytest

from embedsvc.nets.optimizing import WarmupLinear, build_optimizer, seed_dropouts


def test_schedule_by_hand():
    schedule = WarmupLinear(1.0, warmup_steps=2, total_steps=6)
    rates = [float(schedule(step)) for step in range(7)]
    assert rates == pytest.approx([0.5, 1.0, 1.0, 0.75, 0.5, 0.25, 0.0])
    assert WarmupLinear.from_config(schedule.get_config()).get_config() == schedule.get_config()


def test_without_warmup_the_first_step_is_the_largest():
    schedule = WarmupLinear(2.0, warmup_steps=0, total_steps=4)
    assert [float(schedule(step)) for step in range(5)] == [2.0, 1.5, 1.0, 0.5, 0.0]


def test_biases_and_normalizations_are_not_decayed():
    layer = keras.layers.Dense(2)
    layer.build((None, 2))
    norm = keras.layers.LayerNormalization()
    norm.build((None, 2))
    variables = [*layer.trainable_variables, *norm.trainable_variables]
    for variable in variables:
        variable.assign(np.ones(variable.shape))
    optimizer = build_optimizer(
        variables, learning_rate=0.5, warmup=0, total_steps=10, weight_decay=0.1, clip_norm=1.0
    )
    optimizer.apply([np.zeros(variable.shape, np.float32) for variable in variables], variables)
    kernel, *others = (variable.numpy() for variable in variables)
    np.testing.assert_allclose(kernel, 1 - 0.5 * 0.1, rtol=1e-6)
    for other in others:
        np.testing.assert_array_equal(other, 1)


def test_seeded_dropout_repeats():
    x = keras.Input((50,))
    drop = keras.layers.Dropout(0.5, name="a")(keras.layers.Dropout(0.5, name="b")(x))
    network = keras.Model(x, drop)
    ones = np.ones((2, 50), np.float32)

    def draw(seed):
        seed_dropouts(network, seed)
        return [np.array(network(ones, training=True)) for _ in range(2)]

    first, again, other = draw(1), draw(1), draw(2)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first[0], first[1])
