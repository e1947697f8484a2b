"""Texts of all requests computed together, in batches of nearly the same length.

    request -> job -> a few of its texts wait -> batch -> worker thread -> vectors -> job -> answer

Everything here runs in the event loop's thread but the computation itself, so nothing is locked.
A batch is begun as soon as a worker is free: under load texts gather while the workers compute, and
a text that comes alone does not wait for company. A long list never stands in the way of a short
one, since each request has only a few batches' worth of its texts waiting at a time.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from embedsvc.server.problems import Overloaded

Rows = NDArray[np.float32]
TokenIds = list[int]

# Texts looked through for those that go well with the one that has waited longest.
_WINDOW = 256
# A batch of one short text takes as long as so many tokens in a full one: weights have to come
# from memory, and operations to be called. Measured for minilm on two cores: 9 ms, and 0.23 ms a
# token.
_BATCH_COST = 40
# A pair of tokens that attend to each other costs so much of a token: 4 of 24 x 384 products, done
# half as fast.
_ATTENTION_COST = 1 / 1152
# Where padding costs nothing, it still takes memory.
_MOST_PADDED = 4
# Of a worker's share of what is usually under way, so much makes a batch worth beginning.
_SHARE = 0.75
# Below that many tokens a batch is not shared among idle workers.
_WORTH_SHARING = 64
_FIRST_GUESS = 2000.0  # tokens a second, until some were computed


@dataclass(frozen=True)
class BatchReport:
    """What became of a batch, for the metrics.

    Attributes:
        n_texts: how many were computed.
        n_tokens: theirs, without padding.
        fill: `n_tokens` as a share of the tokens a batch may have.
        seconds: what it took.
    """

    n_texts: int
    n_tokens: int
    fill: float
    seconds: float


class Observer(Protocol):
    """Who wants to know what happens in a queue."""

    def batch(self, report: BatchReport) -> None:
        """A batch was computed."""

    def waiting(self, n_texts: int, n_tokens: int) -> None:
        """So much waits now."""


@dataclass(frozen=True)
class QueueLimits:
    """How much is computed together, and how much may wait.

    Attributes:
        workers: batches computed at the same time.
        batch_tokens: tokens a batch, padded ones as far as they cost something.
        padding: what a padded place costs of a token, from 0 to 1.
        wait_seconds: how long a batch that is not full waits for more while others are computed.
        most_tokens: tokens waiting above which no further request is taken in.
    """

    workers: int
    batch_tokens: int
    padding: float
    wait_seconds: float
    most_tokens: int


class _Job:
    """The texts of one request: which still have to be computed, and the rows of those done."""

    def __init__(self, sequences: Sequence[TokenIds], width: int) -> None:
        self.sequences = sequences
        self.rows = np.empty((len(sequences), width), np.float32)
        # The longest first, as they are batched best with their like.
        lengths = [-len(ids) for ids in sequences]
        self.ahead = deque(sorted(range(len(sequences)), key=lengths.__getitem__))
        self.waiting_tokens = 0
        self.n_left = len(sequences)
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def finish(self, place: int, row: Rows) -> None:
        self.rows[place] = row
        self.n_left -= 1
        if not self.n_left and not self.done.done():
            self.done.set_result(None)

    def fail(self, err: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(err)


@dataclass(frozen=True, slots=True, eq=False)
class _Item:
    job: _Job
    place: int
    ids: TokenIds
    since: float


class BatchQueue:
    """The texts that wait for one model.

    Args:
        compute: token ids of a batch to float32 rows of shape (n_texts, width); called in a thread
            of `pool`.
        width: components of a row.
        pool: threads, shared by all models.
        limits: how much at once.
        observer: told of each batch.

    Example:
        >>> rows = await queue.run([[101, 7592, 102]])
        >>> rows.shape
        (1, 384)
    """

    def __init__(
        self,
        compute: Callable[[list[TokenIds]], Rows],
        *,
        width: int,
        pool: Executor,
        limits: QueueLimits,
        observer: Observer,
    ) -> None:
        self._compute, self._width, self._pool = compute, width, pool
        self._limits, self._observer = limits, observer
        self._waiting: deque[_Item] = deque()
        self._n_waiting_tokens = 0
        self._n_running = self._n_running_tokens = 0
        self._usual_tokens = 0.0  # being computed or waiting, when a batch begins
        self._tokens_a_second = _FIRST_GUESS
        self._timer: asyncio.TimerHandle | None = None
        # Enough that no worker runs dry, and little enough that others get their turn.
        self._share = 2 * limits.workers * limits.batch_tokens

    async def run(self, sequences: Sequence[TokenIds]) -> Rows:
        """Compute a request's texts; cancelling the call drops those not yet begun.

        Args:
            sequences: token ids of each text, special tokens included.

        Returns:
            Float32 array of shape (n_texts, width), in the order of the texts.

        Raises:
            Overloaded: too much waits already.
        """
        self._check_room()
        job = _Job(sequences, self._width)
        if not sequences:
            return job.rows
        self._feed(job)
        self._begin()
        try:
            await job.done
        finally:
            if job.n_left:
                self._drop(job)
        return job.rows

    def seconds_waiting(self) -> float:
        """How long what waits now will take."""
        return self._n_waiting_tokens / self._tokens_a_second

    # What waits

    def _check_room(self) -> None:
        if self._n_waiting_tokens >= self._limits.most_tokens:
            raise Overloaded(
                f"Expected at most {self._limits.most_tokens:,} tokens to wait for this model, got "
                f"{self._n_waiting_tokens:,} already. Try again after the seconds in Retry-After.",
                code="queue_full",
                retry_after=self.seconds_waiting(),
            )

    def _feed(self, job: _Job) -> None:
        now = time.monotonic()
        while job.ahead and (not job.waiting_tokens or job.waiting_tokens < self._share):
            place = job.ahead.popleft()
            ids = job.sequences[place]
            self._waiting.append(_Item(job, place, ids, now))
            job.waiting_tokens += len(ids)
            self._n_waiting_tokens += len(ids)

    def _drop(self, job: _Job) -> None:
        """Forget what waits of a request that failed or whose client went away."""
        job.ahead.clear()
        self._n_waiting_tokens -= job.waiting_tokens
        job.waiting_tokens = 0
        self._waiting = deque(item for item in self._waiting if item.job is not job)
        self._observe()

    def _observe(self) -> None:
        self._observer.waiting(len(self._waiting), self._n_waiting_tokens)

    # Batches

    def _begin(self) -> None:
        """Begin as many batches as there are free workers and enough texts."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting and self._n_running < self._limits.workers:
            patience = self._patience()
            if patience > 0:
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(patience, self._begin)
                break
            self._start(self._take())
        self._observe()

    def _patience(self) -> float:
        """Seconds worth waiting for a fuller batch.

        None while nothing else is computed, and none once a worker's share of what is usually
        under way has come together. Between the two, waiting as long as a batch costs however
        small it is cannot be far from the best.
        """
        enough = min(self._limits.batch_tokens, _SHARE * self._usual_tokens / self._limits.workers)
        if not self._n_running or self._n_waiting_tokens >= enough:
            return 0.0
        return self._waiting[0].since + self._limits.wait_seconds - time.monotonic()

    def _take(self) -> list[_Item]:
        """The text that has waited longest, and others of about its length."""
        n_idle = self._limits.workers - self._n_running
        fair = max(_WORTH_SHARING, self._n_waiting_tokens // n_idle + 1)
        window = [self._waiting.popleft() for _ in range(min(_WINDOW, len(self._waiting)))]
        budget = min(self._limits.batch_tokens, fair)
        batch = _choose(window, budget=budget, padding=self._limits.padding)
        taken = set(batch)
        self._waiting.extendleft(item for item in reversed(window) if item not in taken)
        for item in batch:
            self._n_waiting_tokens -= len(item.ids)
            item.job.waiting_tokens -= len(item.ids)
        for job in dict.fromkeys(item.job for item in batch):
            self._feed(job)
        return batch

    def _start(self, batch: list[_Item]) -> None:
        n_tokens = sum(len(item.ids) for item in batch)
        self._n_running += 1
        self._n_running_tokens += n_tokens
        under_way = self._n_running_tokens + self._n_waiting_tokens
        self._usual_tokens += 0.1 * (under_way - self._usual_tokens)
        task = asyncio.get_running_loop().create_task(self._run(batch, n_tokens))
        # The loop keeps no reference of its own.
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)

    async def _run(self, batch: list[_Item], n_tokens: int) -> None:
        start = time.perf_counter()
        try:
            await self._compute_batch(batch)
        finally:
            self._n_running -= 1
            self._n_running_tokens -= n_tokens
        seconds = time.perf_counter() - start
        self._tokens_a_second += 0.1 * (
            n_tokens * self._limits.workers / max(seconds, 1e-6) - self._tokens_a_second
        )
        self._observer.batch(
            BatchReport(len(batch), n_tokens, n_tokens / self._limits.batch_tokens, seconds)
        )
        self._begin()

    async def _compute_batch(self, batch: list[_Item]) -> None:
        """Compute a batch; where that fails, each of its texts alone, so that only bad ones do."""
        loop = asyncio.get_running_loop()
        try:
            rows = await loop.run_in_executor(
                self._pool, self._compute, [item.ids for item in batch]
            )
        except Exception as err:  # noqa: BLE001 - whatever it is, it is its requests' alone
            if len(batch) == 1:
                batch[0].job.fail(err)
                return
            for item in batch:
                await self._compute_batch([item])
            return
        for item, row in zip(batch, rows, strict=True):
            item.job.finish(item.place, row)


_tasks: set[asyncio.Task[None]] = set()


def _choose(items: list[_Item], *, budget: int, padding: float) -> list[_Item]:
    """The first item, and those of about its length that make the batch as cheap as can be.

    What a batch costs is `_BATCH_COST`, its tokens, its padding, and attention, which grows with
    the square of the longest; what it is worth, its tokens. All runs of items by length that hold
    the first one are compared.
    """
    ordered = sorted(items, key=lambda item: len(item.ids))
    first = next(i for i, item in enumerate(ordered) if item is items[0])
    lengths = np.fromiter((len(item.ids) for item in ordered), np.int64, count=len(ordered))
    ends = np.concatenate([[0], np.cumsum(lengths)])
    low = np.arange(first + 1)[:, np.newaxis]
    high = np.arange(first, len(ordered))
    longest, n_tokens = lengths[high], ends[high + 1] - ends[low]
    padded = (high - low + 1) * longest
    computed = n_tokens + padding * (padded - n_tokens)
    worth = n_tokens / (_BATCH_COST + computed + _ATTENTION_COST * padded * longest)
    # A single text may be longer than any budget.
    worth[((computed > budget) | (padded > _MOST_PADDED * budget)) & (high > low)] = -1
    best_low, best_high = np.unravel_index(np.argmax(worth), worth.shape)
    return ordered[int(best_low) : first + int(best_high) + 1]
