"""What all parts of the running service share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from embedsvc.server.hosting import Hosting
from embedsvc.server.metrics import Metrics
from embedsvc.server.settings import ServeSettings


class Keys(Protocol):
    """Who may call: the name of a presented API key."""

    def name_of(self, presented: str) -> str | None:
        """The key's name, None for an unknown one."""


@dataclass
class Service:
    """The running service.

    Attributes:
        settings: as it was started.
        hosting: its models.
        metrics: what it counts.
        keys: who may call; None is everybody.
        all_ready: whether other processes on its socket are ready too.
        stopping: whether it is about to stop: it is not ready any more, and asks its clients to
            open no further request on their connections.
        n_active: requests being worked on.
        n_bytes: bytes of their bodies.
    """

    settings: ServeSettings
    hosting: Hosting
    metrics: Metrics
    keys: Keys | None = None
    all_ready: Callable[[], bool] = lambda: True
    stopping: bool = False
    n_active: int = 0
    n_bytes: int = 0
