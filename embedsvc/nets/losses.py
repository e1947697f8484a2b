"""Classification losses that take the whole batch, and where weights act in them.

With B texts in a batch,

    L = 1/B * sum over i of  w_i * loss_i

and nothing else is weighted. `w_i` is the weight of text i: its sample weight times its class
weight. It is divided by B, not by the sum of weights, so that a text counts the same whatever its
neighbours weigh. For several labels `loss_i` is the mean over labels, and the positive weight of a
label multiplies its positive half alone:

    loss_i = 1/K * sum over k of  -(p_k * y_ik * log s_ik + (1 - y_ik) * log(1 - s_ik))
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from embedsvc.errors import InputError
from embedsvc.nets.batch_training import Batch, BatchLoss, Outputs
from embedsvc.nets.layers import Tensor

LOSSES = ("cross_entropy", "focal")


def classification_loss(
    task: str,
    *,
    kind: str = "cross_entropy",
    gamma: float = 2.0,
    positive_weights: Sequence[float] | None = None,
) -> BatchLoss:
    """The loss of a classifier.

    Args:
        task: "binary", "multiclass" or "multilabel".
        kind: "cross_entropy", or "focal", which multiplies each term by (1 - p)^gamma, p being the
            probability given to what is true (Lin et al. 2017, https://arxiv.org/abs/1708.02002).
        gamma: of the focal loss; 0 is cross-entropy.
        positive_weights: for "multilabel", what the positive half of each label is multiplied by.

    Returns:
        A function of a batch with `targets` (int64 of shape (batch,), or float32 of shape
        (batch, n_labels)) and `weights` (float32 of shape (batch,)), and of outputs with `logits`,
        that gives a scalar.

    Raises:
        InputError: an unknown kind, or a gamma below 0.
    """
    if kind not in LOSSES:
        raise InputError(f"Expected loss to be one of {', '.join(LOSSES)}, got {kind!r}.")
    if not gamma >= 0:
        raise InputError(f"Expected focal_gamma of at least 0, got {gamma}.")
    power = gamma if kind == "focal" else 0.0
    positive = None if positive_weights is None else tf.constant(positive_weights, tf.float32)

    def loss(batch: Batch, outputs: Outputs) -> Tensor:
        logits, targets = outputs["logits"], batch["targets"]
        if task == "multiclass":
            losses = _focused(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets, logits=logits), power
            )
        else:
            if task == "binary":
                targets = tf.cast(targets, tf.float32)[:, tf.newaxis]
            losses = _sigmoid_losses(targets, logits, positive, power)
        return tf.reduce_mean(batch["weights"] * losses)

    return loss


def _sigmoid_losses(
    targets: Tensor, logits: Tensor, positive_weights: Tensor | None, power: float
) -> Tensor:
    """Losses of shape (batch,), the mean over labels."""
    losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=logits)
    losses = _focused(losses, power)
    if positive_weights is not None:
        losses *= 1.0 + targets * (positive_weights - 1.0)
    return tf.reduce_mean(losses, axis=-1)


def _focused(losses: Tensor, power: float) -> Tensor:
    """Multiply cross-entropies, which are -log p, by (1 - p)^power."""
    if not power:
        return losses
    # The smallest number keeps the gradient of the power finite at p = 1.
    return losses * tf.pow(tf.maximum(-tf.math.expm1(-losses), 1e-12), power)
