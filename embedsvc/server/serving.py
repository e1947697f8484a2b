"""One process that serves: it takes connections while models are loaded, and stops without loss.

How it stops, once SIGTERM or Ctrl-C asks for it:

1. `/readyz` says no and every answer closes its connection, while new connections are still taken
   for a moment: whoever spreads requests over several services learns of it.
2. The socket is closed; what the system had accepted by then is taken over, not reset.
3. Connections are served until all have their answers and nothing new came for a moment.
4. Models are let go.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import time
from collections.abc import Callable, Generator
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from embedsvc.server.api_keys import ApiKeys
from embedsvc.server.app import create_app
from embedsvc.server.last_connections import let_none_in, take_all
from embedsvc.server.listening import BACKLOG
from embedsvc.server.logs import LOGGER, start_logging
from embedsvc.server.process import INTERRUPTED, Told, allow_many_files, end_now
from embedsvc.server.protocol import Protocol, State
from embedsvc.server.service import Service
from embedsvc.server.settings import ServeSettings

# Longer than clients keep an idle connection (httpx 5 s, nginx 60 s): whoever closes it first must
# be the client, or a request may meet the closing.
_KEEP_ALIVE_SECONDS = 75
_STILL_TAKEN_SECONDS = 0.2
_QUIET_SECONDS = 0.5
_TICK = 0.02


def serve(
    settings: ServeSettings,
    listener: socket.socket,
    told: Told,
    *,
    all_ready: Callable[[], bool] = lambda: True,
    load_first: bool = False,
) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Args:
        settings: of the service.
        listener: a socket that listens.
        told: who is told how it goes.
        all_ready: whether all processes on the socket were ready.
        load_first: whether connections wait until models are loaded.

    Raises:
        EmbedsvcError: a model cannot be loaded; or whatever else loading raised.
    """
    allow_many_files()
    start_logging(settings.log_format)
    keys = None if settings.api_key_file is None else ApiKeys.read(settings.api_key_file)
    app = create_app(
        settings,
        keys=keys,
        on_loaded=lambda err: server.loaded(err),
        all_ready=all_ready,
        load_first=load_first,
    )
    for name in ("uvicorn", "asyncio"):
        # What clients do wrong is in the service's own log, or is no news.
        logger = logging.getLogger(name)
        logger.setLevel(logging.ERROR)
        logger.handlers[:] = LOGGER.handlers
        logger.propagate = False
    server = Server(http_config(app), app.state.service, told)
    server.run([listener])
    if server.failure is not None:
        raise server.failure


def http_config(app: ASGIApp) -> uvicorn.Config:
    """How HTTP is spoken."""
    return uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        workers=1,
        backlog=BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
    )


class Server(uvicorn.Server):
    """uvicorn, stopping gently and with exit code 0.

    Args:
        config: of uvicorn.
        service: that is served.
        told: who is told how it goes.

    Attributes:
        failure: what kept models from being loaded.
    """

    def __init__(self, config: uvicorn.Config, service: Service, told: Told) -> None:
        super().__init__(config)
        self.server_state: State = State()
        self.failure: BaseException | None = None
        self._service, self._told = service, told
        self._is_loading = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take connections."""
        await super().startup(sockets)
        self._told.listening()

    def loaded(self, err: BaseException | None) -> None:
        """Learn how loading the models ended."""
        self._is_loading = False
        self._told.loaded(err)
        if err is not None:
            self.failure = err
            self.should_exit = True

    # Signals

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Handle signals; one that was handled is not raised again, which would be an error."""
        handled = (signal.SIGINT, signal.SIGTERM)
        before = {one: signal.signal(one, self.handle_exit) for one in handled}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop gently at the first signal, and at once where Ctrl-C follows."""
        del frame
        if self.should_exit and sig == signal.SIGINT:
            end_now(INTERRUPTED)
        self.should_exit = True

    # Stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop without losing a request that was accepted."""
        end = time.monotonic() + self._service.settings.shutdown_timeout
        if self.failure is None:
            self._told.stopping()
            await self._drain(sockets or [], end)
        left = max(end - time.monotonic(), 0.1)
        # uvicorn says whole seconds, and passes any number on to asyncio.
        self.config.timeout_graceful_shutdown = left  # type: ignore[assignment]
        await super().shutdown(sockets)
        if self._is_loading:
            # A thread that imports TensorFlow or fetches weights cannot be stopped, and Python
            # would wait for it.
            end_now(0)

    async def _drain(self, sockets: list[socket.socket], end: float) -> None:
        self._service.stopping = self.server_state.stopping = True
        for connection in self.server_state.connections:
            cycle = connection.cycle  # type: ignore[union-attr]
            if cycle is not None and not cycle.response_started:
                cycle.keep_alive = False
        await asyncio.sleep(_STILL_TAKEN_SECONDS)
        await self._stop_listening(sockets)
        quiet_since = time.monotonic()
        while time.monotonic() < min(end, quiet_since + _QUIET_SECONDS):
            if not self.server_state.connections:
                return
            await asyncio.sleep(_TICK)
            if self.server_state.tasks:
                quiet_since = time.monotonic()

    async def _stop_listening(self, sockets: list[socket.socket]) -> None:
        """Close the sockets, and take what was waiting to be accepted."""
        ours = [sock.dup() for sock in sockets]
        for sock in ours:
            let_none_in(sock)
        await asyncio.sleep(_TICK)
        for server in self.servers:
            server.close()
        # The loop lets go of its own sockets in its next turns.
        await asyncio.sleep(_TICK)
        taken: list[socket.socket] = []
        for sock in ours:
            taken += take_all(sock)
        for one in taken:
            await asyncio.get_running_loop().connect_accepted_socket(self._make_protocol, one)

    def _make_protocol(self) -> Protocol:
        return Protocol(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
