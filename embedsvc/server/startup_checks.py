"""What can be found wrong with the settings before TensorFlow is imported, which takes seconds."""

from __future__ import annotations

import re
from pathlib import Path

from embedsvc.catalogue.cards import get_model, list_models
from embedsvc.encoders.tfhub_handles import is_tfhub_handle, parse_handle
from embedsvc.errors import ArtifactError, InputError
from embedsvc.files import read_json
from embedsvc.server.api_keys import ApiKeys
from embedsvc.server.model_places import (
    HUGGINGFACE,
    KERAS,
    NamedPlace,
    ServedPlaces,
    served_places,
)
from embedsvc.server.settings import ServeSettings
from embedsvc.store.manifest import read_manifest

_FLAGS_OF = {"text-classifier": "--classifier", "anomaly-detector": "--detector"}
_ORIGIN = re.compile(r"https?://[^/\s]+")
_NEWEST = 1


def check_settings(settings: ServeSettings) -> ServedPlaces:
    """Check all that can be checked without loading a model.

    Returns:
        What is to be served.

    Raises:
        InputError: an unknown model, a name used twice, an origin that is none, or a key file that
            is not usable.
        ArtifactError: a folder is not of the kind it is said to be.
    """
    places = served_places(settings)
    for model in places.models:
        _check_model(model)
    for classifier in places.classifiers:
        _check_saved(
            classifier, "text-classifier", noun="classifier", beside="head.safetensors and encoder/"
        )
    for detector in places.detectors:
        _check_saved(detector, "anomaly-detector", noun="detector", beside="state.safetensors")
    if settings.api_key_file is not None:
        ApiKeys.read(settings.api_key_file)
    for origin in settings.cors_origins:
        _check_origin(origin)
    return places


def _check_model(model: NamedPlace) -> None:
    place = model.place
    names = [card.name for card in list_models()]
    if is_tfhub_handle(place):
        parse_handle(place)
    elif place in names or place.startswith((HUGGINGFACE, KERAS)):
        return  # what the hub and Keras have, they alone know
    elif Path(place).is_dir():
        _check_model_folder(Path(place))
    elif "/" in place or place.startswith("."):
        raise InputError(
            f"Expected --model to be a folder, {HUGGINGFACE}OWNER/NAME, tfhub:HANDLE, {KERAS}NAME "
            f"or a name of the catalogue ({', '.join(names)}), got {place!r}, which is no folder. "
            "Correct its path; relative ones start at the working folder."
        )
    else:
        get_model(place)


def _check_model_folder(folder: Path) -> None:
    """Refuse a folder with nothing to load, and one that another flag is for."""
    about = folder / "model.json"
    what = read_json(about).get("what") if about.is_file() else None
    if what == "anomaly-detector":
        raise ArtifactError(
            f"Expected --model to be a model that gives vectors, got a detector in {folder}. "
            f"Use: {_FLAGS_OF['anomaly-detector']} {folder}"
        )
    if what is None and not (folder / "config.json").is_file():
        raise ArtifactError(
            f"Expected a model folder with config.json or model.json, got {folder} without. Name "
            "the folder that holds the model itself."
        )


def _check_saved(place: NamedPlace, what: str, *, noun: str, beside: str) -> None:
    folder = Path(place.place)
    about = folder / "model.json"
    other = read_json(about).get("what") if about.is_file() else None
    flag = _FLAGS_OF.get(str(other))
    if flag is not None and other != what:
        raise ArtifactError(
            f"Expected {_FLAGS_OF[what]} to be a saved {noun}, got {folder}, which holds "
            f"what = {other!r}. Use: {flag} {folder}"
        )
    read_manifest(about, what=what, newest=_NEWEST, noun=noun, beside=beside)


def _check_origin(origin: str) -> None:
    if not _ORIGIN.fullmatch(origin):
        raise InputError(
            "Expected --cors-origin as a browser sends it, scheme and host without a path, such as "
            f"https://example.org or http://localhost:3000, got {origin!r}. Name each origin."
        )
