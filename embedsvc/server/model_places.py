"""What is to be served, taken apart: "[NAME=]PLACE" is a name for requests and a place to load."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from embedsvc.encoders.tfhub_handles import is_tfhub_handle, parse_handle
from embedsvc.errors import InputError
from embedsvc.server.settings import ServeSettings

DEFAULT_MODEL = "minilm"
HUGGINGFACE, KERAS = "huggingface:", "keras:"
"""How the places of models begin that are no folders."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}")


@dataclass(frozen=True)
class NamedPlace:
    """A model to serve.

    Attributes:
        name: what requests call it.
        place: what it is loaded from, as `embedsvc.load_encoder` takes it, or a folder.
    """

    name: str
    place: str


@dataclass(frozen=True)
class ServedPlaces:
    """All that is to be served, with names that are unique over all kinds."""

    models: tuple[NamedPlace, ...]
    classifiers: tuple[NamedPlace, ...]
    detectors: tuple[NamedPlace, ...]

    def __iter__(self) -> Iterator[NamedPlace]:
        yield from (*self.models, *self.classifiers, *self.detectors)


def served_places(settings: ServeSettings) -> ServedPlaces:
    """Take apart what the settings say is to be served; minilm where they name nothing.

    Raises:
        InputError: a name cannot be one, or is used twice.
    """
    nothing = not (settings.models or settings.classifiers or settings.detectors)
    places = ServedPlaces(
        models=_parse_all((DEFAULT_MODEL,) if nothing else settings.models, "--model"),
        classifiers=_parse_all(settings.classifiers, "--classifier"),
        detectors=_parse_all(settings.detectors, "--detector"),
    )
    taken: dict[str, str] = {}
    for one in places:
        if one.name in taken:
            raise InputError(
                f"Expected each model, classifier and detector to have a name of its own, got "
                f"{one.name!r} for {taken[one.name]} and for {one.place}. Give one of them "
                f"another name: ANOTHER={one.place}"
            )
        taken[one.name] = one.place
    return places


def parse_place(text: str, flag: str) -> NamedPlace:
    """Take "[NAME=]PLACE" apart.

    What exists as it stands is a place, so that a folder may have "=" in its name. Otherwise the
    first "=" ends the name, where that can be one.

    Args:
        text: as it was given.
        flag: for the message, such as "--model".

    Raises:
        InputError: there is no place, or a place without a name whose own cannot be one.

    Example:
        >>> parse_place("parts=detectors/gears", "--detector")
        NamedPlace(name='parts', place='detectors/gears')
        >>> parse_place("huggingface:intfloat/e5-small", "--model").name
        'huggingface:intfloat/e5-small'
    """
    given, equals, rest = text.partition("=")
    if equals and _NAME.fullmatch(given) and not Path(text).exists():
        if not rest:
            raise InputError(
                f"Expected {flag} as PLACE or NAME=PLACE, got {text!r}, which has no place. Say "
                "what is to be loaded."
            )
        return NamedPlace(given, rest)
    name = _own_name(text)
    if not _NAME.fullmatch(name):
        raise InputError(
            f"Expected {flag} to have a name of letters, digits and . _ : / - (at most 100, the "
            f"first a letter or digit), got {name!r:.120} from {text!r:.200}. Give it one: "
            f"{flag} NAME={text:.200}"
        )
    return NamedPlace(name, text)


def _parse_all(texts: Sequence[str], flag: str) -> tuple[NamedPlace, ...]:
    return tuple(parse_place(text, flag) for text in texts)


def _own_name(place: str) -> str:
    """What a place is called where it was given no name; no path of this machine."""
    if is_tfhub_handle(place):
        return parse_handle(place).name
    if place.startswith((HUGGINGFACE, KERAS)):
        return place.partition("@")[0]
    if place and Path(place).is_dir():
        return Path(place).resolve().name
    return place
