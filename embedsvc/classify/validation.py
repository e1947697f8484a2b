"""What the best epoch made of the texts that were held out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Validation:
    """Held-out texts and their probabilities.

    Attributes:
        indices: their positions among the texts given to `fit`, or among those given as
            `validation`; int64 of shape (n,).
        targets: what is true of them, see `LabelCodec.encode`.
        probabilities: float32 of shape (n, n_labels).
    """

    indices: NDArray[np.int64]
    targets: NDArray[Any]
    probabilities: NDArray[np.float32]
