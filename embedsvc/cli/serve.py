"""`embedsvc serve`."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from embedsvc.cli.grouped_help import GroupedCommand
from embedsvc.cli.startup import quiet_start
from embedsvc.errors import MissingExtraError

# Modules of the extra "serve", by what pip calls them.
_EXTRA = {
    "fastapi": "fastapi",
    "httptools": "httptools",
    "prometheus_client": "prometheus-client",
    "pydantic": "pydantic",
    "pydantic_settings": "pydantic-settings",
    "python_multipart": "python-multipart",
    "uvicorn": "uvicorn",
}


class _Serve(GroupedCommand):
    groups = {  # noqa: RUF012
        "What is served": ("models", "classifiers", "detectors", "truncate"),
        "Where": ("host", "port", "workers", "config"),
        "Who may call": ("api_key_file", "allowed_hosts", "cors_origins"),
        "Batches": ("max_batch_tokens", "batch_wait_ms"),
        "How much at once": (
            "max_concurrent",
            "max_queue_tokens",
            "max_items",
            "max_text_characters",
            "max_body_bytes",
            "max_memory_bytes",
            "max_image_bytes",
            "max_image_pixels",
        ),
        "How long": ("request_timeout", "body_timeout", "shutdown_timeout"),
        "Log": ("log_format", "log_texts"),
    }


def _value(flag: str, name: str, kind: str, text: str) -> Callable[..., Any]:
    """An option whose value is checked with the other sources of settings, in the same words."""
    return click.option(flag, name, metavar=kind, help=text)


@click.command(cls=_Serve, short_help="Serve models over HTTP, with a page to try them.")
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="[NAME=]MODEL",
    help="A model for vectors: a catalogue name, a folder, huggingface:OWNER/NAME, tfhub:HANDLE "
    "or keras:NAME; requests call it NAME. May be repeated.  [default: minilm, where nothing "
    "else is served]",
)
@click.option(
    "--classifier",
    "classifiers",
    multiple=True,
    metavar="[NAME=]DIR",
    help="A classifier that embedsvc train made. May be repeated.  [default: none]",
)
@click.option(
    "--detector",
    "detectors",
    multiple=True,
    metavar="[NAME=]DIR",
    help="A detector that embedsvc detect-anomalies saved. May be repeated.  [default: none]",
)
@click.option(
    "--truncate/--no-truncate",
    "truncate",
    default=None,
    help="Whether texts that do not fit are cut where a request does not say; otherwise they are "
    "refused.  [default: no-truncate]",
)
@_value("--host", "host", "ADDRESS", "Address to listen on; 0.0.0.0 is all.  [default: 127.0.0.1]")
@_value("--port", "port", "N", "Port to listen on; 0 takes a free one.  [default: 8080]")
@_value(
    "--workers",
    "workers",
    "N",
    "Processes, each with its own models and its share of the cores.  [default: 1]",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Settings from this TOML file; flags and variables win.  [default: none]",
)
@_value(
    "--api-key-file",
    "api_key_file",
    "FILE",
    "Ask for one of the keys in this file; see embedsvc api-key.  [default: ask for none]",
)
@click.option(
    "--allowed-host",
    "allowed_hosts",
    multiple=True,
    metavar="HOST",
    help="Name by which the service may be called. May be repeated.  [default: any; on loopback "
    "without keys, loopback's]",
)
@click.option(
    "--cors-origin",
    "cors_origins",
    multiple=True,
    metavar="ORIGIN",
    help="Origin of other pages that may call from a browser. May be repeated.  [default: none]",
)
@_value(
    "--max-batch-tokens",
    "max_batch_tokens",
    "N",
    "Tokens computed together.  [default: what suits the machine]",
)
@_value(
    "--batch-wait-ms",
    "batch_wait_ms",
    "MS",
    "How long a batch that is not full waits for more.  [default: 2]",
)
@_value(
    "--max-concurrent",
    "max_concurrent",
    "N",
    "Requests a process works on; more get status 429.  [default: 512]",
)
@_value(
    "--max-queue-tokens",
    "max_queue_tokens",
    "N",
    "Tokens that may wait for a model; more get status 429.  [default: 100000]",
)
@_value("--max-items", "max_items", "N", "Texts or images a request.  [default: 16384]")
@_value("--max-text-characters", "max_text_characters", "N", "Of a text.  [default: 200000]")
@_value("--max-body-bytes", "max_body_bytes", "N", "Of a request.  [default: 32000000]")
@_value(
    "--max-memory-bytes",
    "max_memory_bytes",
    "N",
    "Of all requests worked on.  [default: 512000000]",
)
@_value("--max-image-bytes", "max_image_bytes", "N", "Of an image.  [default: 20000000]")
@_value("--max-image-pixels", "max_image_pixels", "N", "Of an image.  [default: 40000000]")
@_value(
    "--request-timeout",
    "request_timeout",
    "SECONDS",
    "Until a request is answered with status 504.  [default: 120]",
)
@_value(
    "--body-timeout",
    "body_timeout",
    "SECONDS",
    "In which a request's body has to arrive.  [default: 30]",
)
@_value(
    "--shutdown-timeout",
    "shutdown_timeout",
    "SECONDS",
    "That accepted requests have when the service stops.  [default: 120]",
)
@_value("--log-format", "log_format", "FORMAT", "json, text or auto.  [default: auto]")
@click.option(
    "--log-texts/--no-log-texts",
    "log_texts",
    default=None,
    help="Whether the texts of requests are logged.  [default: no-log-texts]",
)
def serve(*, config: Path | None, **flags: Any) -> None:
    """Serve models over HTTP: vectors as OpenAI's clients ask for them, labels, anomaly scores.

    Every setting can be a flag, a variable (EMBEDSVC_SERVE_PORT=9000), or a line of the TOML file
    that --config or EMBEDSVC_SERVE_CONFIG names (port = 9000, models = ["minilm"]); the first of
    these wins. Relative paths start at the working folder, in the file too.

    It answers at once, and is ready when GET /readyz says so. SIGTERM or Ctrl-C stops it when all
    that was accepted is answered; a second Ctrl-C at once.

    \b
    Examples:
      embedsvc serve
      embedsvc serve --model minilm --classifier topics=mymodel --detector gears=report/detector
      embedsvc serve --host 0.0.0.0 --api-key-file keys.toml --workers 2
      embedsvc serve --config serve.toml

    \b
      curl http://127.0.0.1:8080/v1/embeddings -H 'Content-Type: application/json' \\
           -d '{"input": "a late parcel"}'

    Exit codes beside the usual: 0 when it was asked to stop, 130 at the second Ctrl-C.
    """
    _check_extra()
    from embedsvc.server.running import run
    from embedsvc.server.settings_sources import load_settings

    run(load_settings(flags, config), say=_say, quiet=quiet_start)


def _say(text: str) -> None:
    click.echo(text, err=True)


def _check_extra() -> None:
    missing = [name for module, name in _EXTRA.items() if find_spec(module) is None]
    if missing:
        raise MissingExtraError(
            f"Expected the packages of the service, got no {', '.join(missing)}. Run: "
            'pip install "embedsvc[serve]"'
        )
