"""What a classifier has learned, as a whole: set at once, saved at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from embedsvc.classify.labels import LabelCodec
from embedsvc.encoders.text_model import TextModel
from embedsvc.errors import ArtifactError
from embedsvc.nets.classifier_head import HeadConfig, build_head
from embedsvc.nets.text_encoder import build_text_encoder

Arrays = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Learned:
    """All that predicting needs.

    Attributes:
        model: the encoder as training left it.
        codec: the labels.
        head_config: the head.
        head: its weights by name, such as "logits/kernel"; float32.
        thresholds: probability above which a label applies; float64 of shape (n_labels,).
        class_weights: what classes weighed while training; float64 of shape (n_labels,).
        facts: how it came about, as JSON has it.
    """

    model: TextModel
    codec: LabelCodec
    head_config: HeadConfig
    head: Arrays
    thresholds: NDArray[np.float64]
    class_weights: NDArray[np.float64]
    facts: dict[str, Any]


def read_head(head: keras.Model) -> Arrays:
    """The weights of a head by name."""
    return {variable.path.removeprefix("head/"): variable.numpy() for variable in head.weights}


def restore_head(learned: Learned) -> keras.Model:
    """Build the head with its weights.

    Raises:
        ArtifactError: a weight is missing, not known, or of another shape.
    """
    encoder = build_text_encoder(
        learned.model.network, pooling=learned.model.pooling, modules=learned.model.modules
    )
    dim = int(encoder.output["embedding"].shape[-1])
    head = build_head(learned.head_config, dim, seed=0)
    variables = {variable.path.removeprefix("head/"): variable for variable in head.weights}
    if variables.keys() != learned.head.keys():
        raise ArtifactError(
            f"Expected the weights {', '.join(sorted(variables))} of the head, got "
            f"{', '.join(sorted(learned.head)) or 'none'}. Save the classifier again."
        )
    for name, variable in variables.items():
        if tuple(variable.shape) != learned.head[name].shape:
            raise ArtifactError(
                f"Expected {name} of shape {tuple(variable.shape)}, got "
                f"{learned.head[name].shape}. Save the classifier again."
            )
        variable.assign(learned.head[name])
    return head
