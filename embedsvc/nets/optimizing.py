"""AdamW as BERT is fine-tuned with it: warm-up, linear decay, clipped gradients, seeded dropout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from embedsvc.nets.layers import Tensor
from embedsvc.nets.penalties import layer_paths

_NOT_DECAYED = ("bias", "gamma", "beta")


class WarmupLinear(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly to a peak, then falls linearly to zero.

    Args:
        peak: the highest learning rate.
        warmup_steps: steps until it is reached.
        total_steps: steps until the rate is zero.
    """

    def __init__(self, peak: float, warmup_steps: int, total_steps: int) -> None:
        self.peak, self.warmup_steps, self.total_steps = peak, warmup_steps, total_steps

    def __call__(self, step: Any) -> Tensor:
        """The rate of a step, counted from 0."""
        step = tf.cast(step, tf.float32)
        rising = (step + 1.0) / max(self.warmup_steps, 1)
        falling = (self.total_steps - step) / max(self.total_steps - self.warmup_steps, 1)
        return self.peak * tf.clip_by_value(tf.minimum(rising, falling), 0.0, 1.0)

    def get_config(self) -> dict[str, Any]:
        """The settings that rebuild the schedule."""
        return {
            "peak": self.peak,
            "warmup_steps": self.warmup_steps,
            "total_steps": self.total_steps,
        }


def build_optimizer(
    variables: list[keras.Variable],
    *,
    learning_rate: float,
    warmup: float,
    total_steps: int,
    weight_decay: float,
    clip_norm: float | None,
    rates: Mapping[str, float] | None = None,
) -> keras.optimizers.Optimizer:
    """AdamW (Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101) with a schedule.

    Args:
        variables: what is trained.
        learning_rate: the highest one.
        warmup: share of the steps until it is reached.
        total_steps: steps of the whole training.
        weight_decay: share of each weight that a step takes away, times the learning rate; not of
            biases and normalizations.
        clip_norm: longest gradient over all variables; None clips nothing.
        rates: learning rates of some variables, by path, as shares of that of the others.
    """
    schedule = WarmupLinear(learning_rate, round(warmup * total_steps), total_steps)
    shares = [(rates or {}).get(variable.path, 1.0) for variable in variables]
    optimizer = RatedAdamW(schedule, shares, weight_decay=weight_decay, global_clipnorm=clip_norm)
    optimizer.exclude_from_weight_decay(var_names=list(_NOT_DECAYED))
    optimizer.build(variables)
    return optimizer


class RatedAdamW(keras.optimizers.AdamW):
    """AdamW with a learning rate for each variable.

    Args:
        learning_rate: the highest one, or its schedule.
        shares: of it, a number a variable.
    """

    def __init__(self, learning_rate: Any, shares: list[float], **settings: Any) -> None:
        super().__init__(learning_rate, **settings)
        self._shares = shares

    def update_step(self, gradient: Tensor, variable: Tensor, learning_rate: Tensor) -> None:
        """Take a step at the variable's own rate."""
        share = self._shares[self._get_variable_index(variable)]
        super().update_step(gradient, variable, learning_rate * share)


def seed_dropouts(network: keras.Model, seed: int) -> None:
    """Start the random numbers of all dropout layers anew; no global seed is touched."""
    layers = [
        layer for layer in layer_paths(network).values() if isinstance(layer, keras.layers.Dropout)
    ]
    seeds = np.random.SeedSequence(seed).generate_state(max(len(layers), 1))
    for layer, one in zip(layers, seeds, strict=False):
        if layer.rate > 0:
            layer.seed_generator.state.assign([one, 0])
