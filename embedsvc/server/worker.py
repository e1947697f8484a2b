"""One of several processes that serve.

Nothing heavy is imported before it has its cores: libraries count them once, when imported.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from typing import Any

from embedsvc.errors import EmbedsvcError
from embedsvc.server.native_notes import Quiet, quietly
from embedsvc.server.process import Told

LISTENING, LOADED = "listening", "loaded"
"""What a process reports; and an error is what kept it from loading its models."""

_METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def work(
    settings: str,
    listener: socket.socket,
    report: Connection[Any, Any],
    *,
    cores: frozenset[int],
    metrics: str,
    all_ready: Event,
    quiet: Quiet,
) -> None:
    """Serve in this process until SIGTERM, or until the process that started it is gone.

    Args:
        settings: of the service, as JSON.
        listener: a socket that listens, shared with the other processes.
        report: where to say how starting goes.
        cores: to run on; empty is any.
        metrics: the folder in which the processes' numbers meet.
        all_ready: set once each process was ready. Where it is already, this one takes the place
            of another, and takes no connections before its models are loaded.
        quiet: as for `quietly`.
    """
    os.environ[_METRICS_FOLDER] = metrics
    if cores:
        os.sched_setaffinity(0, cores)
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    with quietly(quiet) as loud:
        from embedsvc.server.serving import serve
        from embedsvc.server.settings import ServeSettings

        def loaded(err: BaseException | None) -> None:
            loud(err)
            if err is None:
                report.send(LOADED)

        told = Told(listening=lambda: report.send(LISTENING), loaded=loaded)
        try:
            serve(
                ServeSettings.model_validate_json(settings),
                listener,
                told,
                all_ready=all_ready.is_set,
                load_first=all_ready.is_set(),
            )
        except EmbedsvcError as err:
            report.send(type(err)(str(err)))


def _stop_with_parent() -> None:
    """Stop when the parent is gone, even where it was killed."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
