"""A pair of SavedModels as part of a classifier: an encoder of another family than BERT, frozen.

FOLDER/encoder/, preprocess/    the two, as TF Hub has them
FOLDER/pair.json                how a text's vector comes from them
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from embedsvc.encoders.text_model import TextModel
from embedsvc.errors import ArtifactError
from embedsvc.files import read_json
from embedsvc.nets.pooling import POOLINGS

PAIR, ENCODER = "pair.json", "encoder"


def is_saved_pair(folder: Path) -> bool:
    """Whether a folder holds one."""
    return (folder / PAIR).is_file()


def load_saved_pair(
    name: str,
    folder: Path,
    *,
    pooling: str | None,
    normalize: bool | None,
    max_tokens: int | None,
) -> TextModel:
    """Load a pair, with its own settings where none are given.

    Raises:
        InputError: a setting it cannot take.
        ArtifactError: a file is missing or broken.
    """
    # TensorFlow Text takes a second to import, which other models need not wait for.
    from embedsvc.encoders.tfhub import load_tfhub_model

    own = read_json(folder / PAIR)
    wrong = [
        key
        for key, fits in (
            ("pooling", own.get("pooling") in POOLINGS),
            ("normalize", isinstance(own.get("normalize"), bool)),
            ("max_tokens", type(own.get("max_tokens")) is int),
        )
        if not fits
    ]
    if wrong:
        raise ArtifactError(
            f"Expected pooling, normalize and max_tokens in {folder / PAIR}, got "
            f"{wrong[0]} = {own.get(wrong[0])!r:.40}. Save the classifier again."
        )
    model = load_tfhub_model(
        f"tfhub:{folder}",
        pooling=pooling or own["pooling"],
        normalize=own["normalize"] if normalize is None else normalize,
        max_tokens=max_tokens or own["max_tokens"],
    )
    return replace(model, name=name)
