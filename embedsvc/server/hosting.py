"""The models that are served: named once, loaded in the background, found by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Executor
from typing import Any, Literal, Protocol

from embedsvc.server.problems import NotReady, UnknownModel

Kind = Literal["text", "image", "classifier", "detector"]
Load = Callable[[], "Hosted"]

_USUAL_LOADING_SECONDS = 5.0


class Hosted(Protocol):
    """A model in memory."""

    @property
    def name(self) -> str:
        """What requests call it."""

    @property
    def kind(self) -> Kind:
        """What it is for."""

    def about(self) -> dict[str, Any]:
        """What `/v1/models` says of it beside its name and kind."""

    def warm(self) -> None:
        """Compute something, so that the first request need not wait; blocks."""

    async def close(self) -> None:
        """Finish what was accepted, and let go of threads of its own."""


class Hosting:
    """The models of the service, in the order they were asked for.

    Nothing can be added to it once it runs: a request chooses by name among what the service was
    started with.

    Args:
        loads: from a model's name to what loads it.
        pool: threads that the models share.
    """

    def __init__(self, loads: dict[str, Load], pool: Executor | None = None) -> None:
        self._loads, self._pool = loads, pool
        self._hosted: dict[str, Hosted] = {}
        self._loading = ""
        self.ready = False

    def load(self) -> None:
        """Load and warm all models; blocks, so call it in a thread.

        Raises:
            EmbedsvcError: a model cannot be loaded.
        """
        for name, load in self._loads.items():
            self._loading = name
            hosted = load()
            hosted.warm()
            self._hosted[name] = hosted
        self.ready = True

    async def close(self) -> None:
        """Let go of all threads; models are of no use any more."""
        for hosted in self._hosted.values():
            await hosted.close()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def check_ready(self) -> None:
        """Check that all models are loaded.

        Raises:
            NotReady: they are not.
        """
        if not self.ready:
            raise NotReady(
                "Expected the models to be loaded, but the service is still loading "
                f"{self._loading or 'them'}. Try again in some seconds; /readyz tells when.",
                code="loading",
                retry_after=_USUAL_LOADING_SECONDS,
            )

    def get(self, name: str | None, kinds: Collection[Kind]) -> Hosted:
        """Find a model.

        Args:
            name: as the request has it; None takes the first of these kinds.
            kinds: that will do.

        Raises:
            NotReady: models are still being loaded.
            UnknownModel: there is none of that name, or it is of another kind.
        """
        self.check_ready()
        fitting = [hosted for hosted in self._hosted.values() if hosted.kind in kinds]
        if name is None and fitting:
            return fitting[0]
        for hosted in fitting:
            if hosted.name == name:
                return hosted
        names = [hosted.name for hosted in fitting]
        raise UnknownModel(self._refusal(name, names, kinds), param="model")

    def __iter__(self) -> Iterator[Hosted]:
        return iter(self._hosted.values())

    def _refusal(self, name: str | None, fitting: list[str], kinds: Collection[Kind]) -> str:
        sort = " or ".join(kinds)
        if not fitting:
            return (
                f"Expected this service to have a {sort} model, got none. Start it with one: "
                "embedsvc serve --help."
            )
        close = difflib.get_close_matches(name or "", fitting, 1)
        other = self._hosted.get(name or "")
        came = f"{name!r:.100}" + (f", which is a {other.kind}" if other else "")
        cure = f"Did you mean {close[0]!r}?" if close else "GET /v1/models lists all."
        return f"Expected model to be one of {', '.join(fitting)} ({sort}), got {came}. {cure}"
