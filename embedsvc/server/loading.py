"""From the settings to what loads each model."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial

from embedsvc.cores import available_cores
from embedsvc.server.hosting import Hosted, Hosting
from embedsvc.server.metrics import Metrics
from embedsvc.server.model_places import NamedPlace, served_places
from embedsvc.server.settings import ServeSettings

Loader = Callable[[str, str, ServeSettings, Executor, Metrics], Hosted]


def host(settings: ServeSettings, metrics: Metrics) -> Hosting:
    """The models of the settings, none of them loaded yet.

    Raises:
        InputError: two have the same name, or one none that can be one.
    """
    pool = ThreadPoolExecutor(available_cores(), thread_name_prefix="serving")
    places = served_places(settings)
    kinds: list[tuple[tuple[NamedPlace, ...], Loader]] = [
        (places.models, _load_model),
        (places.classifiers, _load_classifier),
        (places.detectors, _load_detector),
    ]
    return Hosting(
        {
            one.name: partial(load, one.name, one.place, settings, pool, metrics)
            for named, load in kinds
            for one in named
        },
        pool,
    )


def _load_model(
    name: str, place: str, settings: ServeSettings, pool: Executor, metrics: Metrics
) -> Hosted:
    from embedsvc.encoders.registry import load_encoder
    from embedsvc.encoders.text import TextEncoder
    from embedsvc.server.text_models import HostedText

    encoder = load_encoder(place)
    if isinstance(encoder, TextEncoder):
        return HostedText(name, encoder, settings=settings, pool=pool, metrics=metrics.model(name))
    from embedsvc.server.image_models import HostedImageEncoder

    return HostedImageEncoder(name, encoder, settings=settings, metrics=metrics.model(name))


def _load_classifier(
    name: str, place: str, settings: ServeSettings, pool: Executor, metrics: Metrics
) -> Hosted:
    from embedsvc.server.text_models import HostedText
    from embedsvc.store.classifiers import load_classifier

    return HostedText(
        name, load_classifier(place), settings=settings, pool=pool, metrics=metrics.model(name)
    )


def _load_detector(
    name: str, place: str, settings: ServeSettings, pool: Executor, metrics: Metrics
) -> Hosted:
    del pool  # images have threads of their own
    from embedsvc.server.image_models import HostedDetector
    from embedsvc.store.detectors import load_detector

    return HostedDetector(
        name, load_detector(place), settings=settings, metrics=metrics.model(name)
    )
