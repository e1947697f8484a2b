"""Several processes on one socket, each a whole service on its share of the cores.

The system hands each connection to one of them. One that dies is replaced; one whose models cannot
be loaded ends all.
"""

from __future__ import annotations

import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import allow_connection_pickling, get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from shutil import rmtree
from types import FrameType
from typing import Any

from prometheus_client.multiprocess import mark_process_dead

from embedsvc.errors import EmbedsvcError
from embedsvc.server.native_notes import Quiet
from embedsvc.server.process import INTERRUPTED, Told, end_now
from embedsvc.server.settings import ServeSettings
from embedsvc.server.worker import LISTENING, LOADED, work

# A process that dies so often before it is ready will not get ready at all.
_MOST_DEATHS = 3
_KILL_AFTER_SECONDS = 10.0

# A forked TensorFlow hangs; a fresh process imports its own.
_SPAWN = get_context("spawn")


class Workers:
    """The process that watches over the others.

    Args:
        settings: of the service.
        listener: a socket that listens; it is closed when the service stops.
        told: who is told how it goes.
        say: tells people what happens later.
        quiet: as for `quietly`.
    """

    def __init__(
        self,
        settings: ServeSettings,
        listener: socket.socket,
        told: Told,
        *,
        say: Callable[[str], None],
        quiet: Quiet,
    ) -> None:
        self._settings, self._listener, self._told = settings, listener, told
        self._say, self._quiet = say, quiet
        self._shares = core_shares(_cores(), settings.workers)
        self._workers: list[_Worker] = []
        self._deaths = 0
        self._all_ready, self._heard = _SPAWN.Event(), False
        self._stopping = False
        self._wake, self._woken = _SPAWN.Pipe(duplex=False)
        self._metrics = ""

    def run(self) -> None:
        """Serve until SIGTERM or Ctrl-C; the second Ctrl-C ends all at once.

        Raises:
            EmbedsvcError: a process could not load its models.
        """
        allow_connection_pickling()
        with (
            tempfile.TemporaryDirectory(prefix="embedsvc-metrics-") as self._metrics,
            _handling(self._on_signal),
        ):
            try:
                self._workers = [self._start(slot) for slot in range(self._settings.workers)]
                while not self._stopping:
                    self._watch()
                self._told.stopping()
            finally:
                self._stop()

    def _start(self, slot: int) -> _Worker:
        ours, theirs = _SPAWN.Pipe(duplex=False)
        process = _SPAWN.Process(
            target=work,
            args=(self._settings.model_dump_json(), self._listener, theirs),
            kwargs={
                "cores": self._shares[slot],
                "metrics": self._metrics,
                "all_ready": self._all_ready,
                "quiet": self._quiet,
            },
            name=f"embedsvc-worker-{slot + 1}",
        )
        with _without_interrupts():
            process.start()
        theirs.close()
        return _Worker(process, ours)

    # While it runs

    def _watch(self) -> None:
        """Wait until something happens, and act on it."""
        reports = [worker.report for worker in self._workers if not worker.report.closed]
        sentinels = [worker.process.sentinel for worker in self._workers]
        wait([self._wake, *reports, *sentinels])
        for slot, worker in enumerate(self._workers):
            self._hear(worker)
            if not self._stopping and not worker.process.is_alive():
                # It may have said something before it died.
                self._hear(worker)
                self._workers[slot] = self._replace(slot, worker)

    def _hear(self, worker: _Worker) -> None:
        for message in worker.messages():
            if isinstance(message, BaseException):
                raise message
            if message == LISTENING and not self._heard:
                self._heard = True
                self._told.listening()
            if message == LOADED:
                worker.ready = True
                self._deaths = 0
        if not self._all_ready.is_set() and all(one.ready for one in self._workers):
            self._all_ready.set()
            self._told.loaded(None)

    def _replace(self, slot: int, dead: _Worker) -> _Worker:
        dead.process.join()
        mark_process_dead(dead.process.pid, self._metrics)  # type: ignore[no-untyped-call]
        how = _how_it_ended(dead.process.exitcode)
        self._deaths += not dead.ready
        if self._deaths >= _MOST_DEATHS:
            raise EmbedsvcError(
                f"Expected a process to load its models, got {self._deaths} that died before "
                f"(the last {how}). Its last words may stand above; memory may be short: each of "
                "the --workers has its own models."
            )
        self._say(f"A process {how}; another takes its place.")
        return self._start(slot)

    # The end

    def _on_signal(self, sig: int, frame: FrameType | None) -> None:
        del frame
        if self._stopping and sig == signal.SIGINT:
            for worker in self._workers:
                worker.process.kill()
            rmtree(self._metrics, ignore_errors=True)
            end_now(INTERRUPTED)
        self._stopping = True
        self._woken.send_bytes(b"stop")

    def _stop(self) -> None:
        """Let all finish what they accepted."""
        self._stopping = True
        # First, so that the socket is closed by the last process that takes from it.
        self._listener.close()
        for worker in self._workers:
            worker.process.terminate()
        end = time.monotonic() + self._settings.shutdown_timeout + _KILL_AFTER_SECONDS
        for worker in self._workers:
            worker.process.join(max(0.0, end - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()


class _Worker:
    """A process, and what it reports."""

    def __init__(self, process: SpawnProcess, report: Connection[Any, Any]) -> None:
        self.process, self.report = process, report
        self.ready = False

    def messages(self) -> Iterator[Any]:
        """What it has said since."""
        try:
            while not self.report.closed and self.report.poll():
                yield self.report.recv()
        except (EOFError, OSError):
            self.report.close()


def core_shares(cores: Sequence[int], n_workers: int) -> list[frozenset[int]]:
    """Share cores out: to each process as many as to the others, or one more.

    Args:
        cores: the numbers of the cores there are; empty where a system does not say.
        n_workers: processes; where there are more of them than cores, some share one.

    Returns:
        The cores of each process.

    Example:
        >>> core_shares([0, 1, 2, 3, 4], 2)
        [frozenset({0, 1, 2}), frozenset({3, 4})]
    """
    if not cores:
        return [frozenset()] * n_workers
    if len(cores) < n_workers:
        return [frozenset({cores[i % len(cores)]}) for i in range(n_workers)]
    small, larger = divmod(len(cores), n_workers)
    ends = [(i + 1) * small + min(i + 1, larger) for i in range(n_workers)]
    return [frozenset(cores[a:b]) for a, b in zip([0, *ends], ends, strict=False)]


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def _how_it_ended(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


@contextmanager
def _handling(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    handled = (signal.SIGINT, signal.SIGTERM)
    before = {one: signal.signal(one, handler) for one in handled}
    try:
        yield
    finally:
        for one, old in before.items():
            signal.signal(one, old)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Start processes that Ctrl-C, which a terminal sends to all, does not reach."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
