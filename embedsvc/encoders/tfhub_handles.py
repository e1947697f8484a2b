"""Handles of TF-Hub models: an encoder and the preprocess model that makes its token ids.

    tfhub:FOLDER                 a local folder with the SavedModels encoder/ and preprocess/
    tfhub:ENCODER                an encoder of a known family; its preprocess model is filled in
    tfhub:ENCODER+PREPROCESS     any two

where ENCODER and PREPROCESS are each

    a local SavedModel folder
    PUBLISHER/NAME/VERSION                               on tfhub.dev
    https://HOST/...                                     tfhub.dev, kaggle.com or another host
    kaggle:OWNER/MODEL/FRAMEWORK/VARIATION/VERSION       fetched by kagglehub

and "kaggle:..." alone is short for "tfhub:kaggle:...". A version is always part of the handle: the
same handle means the same weights tomorrow.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from embedsvc.errors import InputError

PREFIX = "tfhub:"
KAGGLE = "kaggle:"
HOST = "https://tfhub.dev/"
FORMS = (
    f"{PREFIX}FOLDER (with encoder/ and preprocess/ in it), {PREFIX}ENCODER or "
    f"{PREFIX}ENCODER+PREPROCESS, each a folder, PUBLISHER/NAME/VERSION, https://... or "
    f"{KAGGLE}OWNER/MODEL/FRAMEWORK/VARIATION/VERSION"
)

_SHORT = re.compile(r"[\w.-]+(/[\w.-]+)+/\d+")
_KAGGLE = re.compile(r"[\w.-]+/[\w.-]+/[\w.-]+/[\w.-]+/\d+")
# What the web site of Kaggle puts between the parts of a handle in some of its addresses.
_KAGGLE_WORDS = re.compile(r"/(frameworks|variations|versions)(?=/)")

# Which preprocess model an encoder was trained with, as their pages on TF Hub and the tutorial
# https://www.tensorflow.org/text/tutorials/classify_text_with_bert say; the first match counts.
_TFHUB_PAIRS = (
    (
        r"tensorflow/(small_bert/)?bert_en_(wwm_)?uncased_l|tensorflow/talkheads_ggelu_bert_en_"
        r"|google/electra_|google/experts/bert/|google/universal-sentence-encoder-cmlm/en-",
        "tensorflow/bert_en_uncased_preprocess/3",
    ),
    (r"tensorflow/bert_en_(wwm_)?cased_l", "tensorflow/bert_en_cased_preprocess/3"),
    (r"tensorflow/bert_multi_cased_l", "tensorflow/bert_multi_cased_preprocess/3"),
    (r"tensorflow/bert_zh_l", "tensorflow/bert_zh_preprocess/3"),
    (r"tensorflow/albert_en_(x*large|base)", "tensorflow/albert_en_preprocess/3"),
    (
        r"google/labse/|google/universal-sentence-encoder-cmlm/multilingual-base",
        "google/universal-sentence-encoder-cmlm/multilingual-preprocess/2",
    ),
    (r"google/muril/", "google/MuRIL_preprocess/1"),
)
_KAGGLE_PAIRS = (
    (r"tensorflow/bert/tensorflow2/(bert-)?en-(wwm-)?uncased-l", "en-uncased-preprocess/3"),
    (r"tensorflow/bert/tensorflow2/(bert-)?en-(wwm-)?cased-l", "en-cased-preprocess/3"),
    (r"tensorflow/bert/tensorflow2/(bert-)?multi-cased-l", "multi-cased-preprocess/3"),
)


@dataclass(frozen=True)
class Source:
    """Where one SavedModel is.

    Attributes:
        kind: "folder", "url" or "kaggle".
        address: the folder, the URL, or "OWNER/MODEL/FRAMEWORK/VARIATION/VERSION".
    """

    kind: Literal["folder", "url", "kaggle"]
    address: str


@dataclass(frozen=True)
class Pair:
    """An encoder and its preprocess model.

    Attributes:
        name: what to call them; it holds no path.
        encoder: from token ids to vectors.
        preprocess: from texts to token ids.
    """

    name: str
    encoder: Source
    preprocess: Source


def is_tfhub_handle(model: str | Path) -> bool:
    """Whether a model's name is one of the forms that `parse_handle` reads."""
    return isinstance(model, str) and model.startswith((PREFIX, KAGGLE))


def parse_handle(model: str) -> Pair:
    """Find the two SavedModels that a handle means; nothing is fetched.

    Args:
        model: one of the forms above.

    Raises:
        InputError: another form, a folder that is none, or an encoder whose preprocess model is
            not known and not given.

    Example:
        >>> parse_handle("tfhub:tensorflow/small_bert/bert_en_uncased_L-2_H-128_A-2/2").preprocess
        Source(kind='url', address='https://tfhub.dev/tensorflow/bert_en_uncased_preprocess/3')
    """
    text = model.removeprefix(PREFIX)
    folder = Path(text).expanduser()
    if text and folder.is_dir():
        return _local_pair(model, folder)
    first, plus, second = text.partition("+")
    if "+" in second:
        raise InputError(
            f"Expected one + between encoder and preprocess model, got {model!r}. Where a folder "
            "has a + in its name, rename it."
        )
    encoder = _source(model, first)
    preprocess = _source(model, second) if plus else _known_preprocess(model, encoder)
    name = model.partition("+")[0] if preprocess.kind == "folder" else model
    if encoder.kind == "folder":
        name = Path(encoder.address).resolve().name
    return Pair(name, encoder, preprocess)


def _local_pair(model: str, folder: Path) -> Pair:
    parts = [folder / "encoder", folder / "preprocess"]
    missing = [part.name for part in parts if not part.is_dir()]
    if missing:
        raise InputError(
            f"Expected the folders encoder and preprocess in {str(folder)!r}, found no "
            f"{' and no '.join(missing)}. Pass a folder that has them, or name the two: "
            f"{PREFIX}ENCODER+PREPROCESS"
        )
    encoder, preprocess = (Source("folder", str(part)) for part in parts)
    return Pair(folder.resolve().name, encoder, preprocess)


def _source(model: str, text: str) -> Source:
    if text and Path(text).expanduser().is_dir():
        return Source("folder", str(Path(text).expanduser()))
    if text.startswith(("https://", "http://")):
        return Source("url", text)
    if text.startswith(KAGGLE):
        handle = text.removeprefix(KAGGLE)
        if _KAGGLE.fullmatch(handle):
            return Source("kaggle", handle)
        raise InputError(
            f"Expected {KAGGLE}OWNER/MODEL/FRAMEWORK/VARIATION/VERSION, got {text!r}. The page of "
            "the model on Kaggle shows all five; the version makes sure that it stays the same."
        )
    if _SHORT.fullmatch(text) and not text.startswith("."):
        return Source("url", HOST + text)
    raise InputError(
        f"Expected {FORMS}; got {model!r}, in which {text!r} is no existing folder and no handle "
        "with a version. Check the path, or add the version."
    )


def _known_preprocess(model: str, encoder: Source) -> Source:
    if encoder.kind == "kaggle":
        handle = _match(_KAGGLE_PAIRS, encoder.address)
        if handle:
            return Source("kaggle", f"{encoder.address.rsplit('/', 2)[0]}/{handle}")
    elif encoder.kind == "url":
        # "https://tfhub.dev/tensorflow/..." and "https://www.kaggle.com/models/tensorflow/..."
        scheme, _, rest = encoder.address.partition("?")[0].partition("://")
        host, _, path = rest.partition("/")
        handle = _match(_TFHUB_PAIRS, path)
        if handle:
            return Source("url", f"{scheme}://{host}/{handle}")
        path = _KAGGLE_WORDS.sub("", path.removeprefix("models/"))
        handle = _match(_KAGGLE_PAIRS, path)
        if handle:
            family = "/".join(path.split("/")[:3])
            return Source("url", f"{scheme}://{host}/models/{family}/{handle}")
    raise InputError(
        f"Expected a preprocess model behind a +, got {model!r}, for which none is known. Its page "
        f"names the one it was trained with: {PREFIX}ENCODER+PREPROCESS"
    )


def _match(pairs: tuple[tuple[str, str], ...], path: str) -> str | None:
    found = (preprocess for pattern, preprocess in pairs if re.match(pattern, path.lower()))
    return next(found, None)
