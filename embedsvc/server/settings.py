"""The service's settings, and what each may be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ENVIRONMENT = "EMBEDSVC_SERVE_"
_A_DAY = 86_400


def _split(value: object) -> object:
    """A list where a single text stands for one, as it does in the environment."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        return json.loads(text)
    return tuple(part.strip() for part in text.split(",") if part.strip())


Positive = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, le=_A_DAY)]
Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class ServeSettings(BaseSettings):
    """What is served, where, and how much of it at once.

    Every setting can be given as a flag of `embedsvc serve`, as an environment variable
    (EMBEDSVC_SERVE_PORT=9000), or in the TOML file (port = 9000); see `load_settings`. Made
    directly, it reads the environment for what is not given.

    Attributes:
        models: pretrained models for vectors, "minilm" or "NAME=minilm".
        classifiers: folders of trained classifiers, "DIR" or "NAME=DIR".
        detectors: folders of anomaly detectors, "DIR" or "NAME=DIR".
        host: address to listen on.
        port: to listen on; 0 takes a free one.
        workers: processes, each with its own models and its share of the cores.
        api_key_file: of API keys, hashed; None asks for no key.
        allowed_hosts: names by which the service may be called; empty: any, or, on loopback
            without keys, loopback's names alone.
        cors_origins: other pages' origins that may call from a browser.
        max_batch_tokens: tokens a batch, with padding as far as it costs; None suits the machine.
        batch_wait_ms: how long a batch that is not full waits for more, at most.
        max_concurrent: requests a process works on at the same time; more are refused with 429.
        max_queue_tokens: tokens that may wait for a model before requests are refused with 429.
        max_items: texts or images a request.
        max_text_characters: of a text, whether it is cut or not.
        max_body_bytes: bytes a request.
        max_memory_bytes: bytes of all requests being worked on together.
        max_image_bytes: bytes an image.
        max_image_pixels: pixels an image, going by its header.
        request_timeout: seconds until a request is answered with 504.
        body_timeout: seconds in which a request's body has to arrive.
        shutdown_timeout: seconds that accepted requests have when the service stops.
        truncate: whether texts that do not fit are cut where a request does not say; otherwise
            they are refused.
        log_format: "auto" is "text" on a terminal and "json" elsewhere.
        log_texts: whether the texts of requests are logged.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT, extra="forbid", frozen=True, allow_inf_nan=False
    )

    models: Texts = ()
    classifiers: Texts = ()
    detectors: Texts = ()
    host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    workers: Positive = 1
    api_key_file: Path | None = None
    allowed_hosts: Texts = ()
    cors_origins: Texts = ()
    max_batch_tokens: Positive | None = None
    batch_wait_ms: Annotated[float, Field(ge=0, le=1000)] = 2.0
    max_concurrent: Positive = 512
    max_queue_tokens: Positive = 100_000
    max_items: Positive = 16_384
    max_text_characters: Positive = 200_000
    max_body_bytes: Positive = 32_000_000
    max_memory_bytes: Positive = 512_000_000
    max_image_bytes: Positive = 20_000_000
    max_image_pixels: Positive = 40_000_000
    request_timeout: Seconds = 120.0
    body_timeout: Seconds = 30.0
    shutdown_timeout: Seconds = 120.0
    truncate: bool = False
    log_format: Literal["auto", "json", "text"] = "auto"
    log_texts: bool = False
