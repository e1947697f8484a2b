"""Images of all requests computed together, a batch at a time, on a thread of the model's own.

While a batch is computed the next gathers, so that batches are as large as the load is heavy and
a lone image never waits for company. Requests take turns: a long one does not keep others out.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from embedsvc.server.image_data import Picture
from embedsvc.server.problems import NotReady, Overloaded, Problem, problem_of

Result = TypeVar("Result")

_FIRST_GUESS = 0.05  # seconds an image, until some were computed
_NEW_SHARE = 0.2

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """A picture to compute.

    Attributes:
        picture: its bytes, and what to call it.
        heatmap: whether its map is wanted too.
    """

    picture: Picture
    heatmap: bool = False


@dataclass(frozen=True)
class ImageLimits:
    """How much is computed together, and how much may wait.

    Attributes:
        most_waiting: images. A request of more is taken in while nothing else waits.
        batch_images: images a batch.
        batch_pixels: pixels a batch, of the pictures as they came: they say how long it takes, as
            a file of few bytes may hold many.
    """

    most_waiting: int = 256
    batch_images: int = 32
    batch_pixels: int = 64_000_000


class Observer(Protocol):
    """Who wants to know what happens in a queue."""

    def image_batch(self, n_images: int, seconds: float) -> None:
        """A batch was computed."""

    def waiting(self, n_items: int, n_tokens: int) -> None:
        """So much waits now; images have no tokens."""


class _Request(Generic[Result]):
    """The images of one request: which still have to be computed, and the results of others."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self.tasks = tasks
        self.results: dict[int, Result | Problem] = {}
        self.n_taken = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def n_waiting(self) -> int:
        return len(self.tasks) - self.n_taken

    def finish(self, place: int, result: Result | Problem) -> None:
        self.results[place] = result
        if len(self.results) == len(self.tasks) and not self.done.done():
            self.done.set_result(None)


class ImageQueue(Generic[Result]):
    """The images that wait for one model.

    All but the computation happens on the event loop's thread, so nothing is locked.

    Args:
        compute: images to a result or a problem each, in their order; called in one thread.
        name: of the model.
        limits: how much at once.
        observer: told of each batch.

    Example:
        >>> results = await queue.run([Task(picture)])
    """

    def __init__(
        self,
        compute: Callable[[list[Task]], list[Result | Problem]],
        *,
        name: str,
        observer: Observer,
        limits: ImageLimits = ImageLimits(),  # noqa: B008 - it is frozen
    ) -> None:
        self._compute, self._name, self._limits, self._observer = compute, name, limits, observer
        self._requests: deque[_Request[Result]] = deque()
        self._n_waiting = 0
        self._seconds_an_image = _FIRST_GUESS
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"serving-{name:.40}")
        self._worker: asyncio.Task[None] | None = None
        self._closed = False

    async def run(self, tasks: Sequence[Task]) -> list[Result | Problem]:
        """Compute a request's images; cancelling the call drops those not yet begun.

        Returns:
            A result or a problem each, in the order of the images.

        Raises:
            Overloaded: too much waits already.
            NotReady: the queue was closed.
        """
        self._check_room(len(tasks))
        if not tasks:
            return []
        request: _Request[Result] = _Request(tasks)
        self._requests.append(request)
        self._count(len(tasks))
        if self._worker is None:
            self._worker = asyncio.get_running_loop().create_task(self._work())
        try:
            await request.done
        finally:
            self._drop(request)
        return [request.results[place] for place in range(len(tasks))]

    def seconds_waiting(self) -> float:
        """How long what waits now will take."""
        return self._n_waiting * self._seconds_an_image

    async def close(self) -> None:
        """Take nothing in any more, and finish what was."""
        self._closed = True
        if self._worker is not None:
            await asyncio.shield(self._worker)
        self._thread.shutdown()

    # What waits

    def _check_room(self, n_images: int) -> None:
        if self._closed:
            raise NotReady(
                "Expected a running service, but it is stopping. Send the request again to the "
                "one that takes its place.",
                code="stopping",
            )
        most = self._limits.most_waiting
        if self._n_waiting and self._n_waiting + n_images > most:
            raise Overloaded(
                f"Expected at most {most:,} images to wait for {self._name}, got {n_images:,} more "
                f"beside {self._n_waiting:,}. Try again after the seconds in Retry-After.",
                code="queue_full",
                retry_after=self.seconds_waiting(),
            )

    def _count(self, change: int) -> None:
        self._n_waiting += change
        self._observer.waiting(self._n_waiting, 0)

    def _drop(self, request: _Request[Result]) -> None:
        """Forget what waits of a request whose client went away."""
        if request.n_waiting:
            self._requests.remove(request)
            self._count(-request.n_waiting)

    # Batches

    async def _work(self) -> None:
        try:
            while self._requests:
                await self._run(self._take())
        finally:
            self._worker = None

    def _take(self) -> list[tuple[_Request[Result], int]]:
        """The next batch: an image of each request in turn."""
        batch: list[tuple[_Request[Result], int]] = []
        n_pixels = 0
        while self._requests and len(batch) < self._limits.batch_images:
            request = self._requests[0]
            n_pixels += request.tasks[request.n_taken].picture.n_pixels
            if batch and n_pixels > self._limits.batch_pixels:
                break
            batch.append((request, request.n_taken))
            request.n_taken += 1
            self._requests.popleft()
            if request.n_waiting:
                self._requests.append(request)
        self._count(-len(batch))
        return batch

    async def _run(self, batch: list[tuple[_Request[Result], int]]) -> None:
        tasks = [request.tasks[place] for request, place in batch]
        start = time.perf_counter()
        try:
            results = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._compute_safely, tasks
            )
        except Exception as err:  # noqa: BLE001 - nobody may be left waiting
            results = [problem_of(err)] * len(batch)
        seconds = time.perf_counter() - start
        self._seconds_an_image += _NEW_SHARE * (seconds / len(batch) - self._seconds_an_image)
        self._observer.image_batch(len(batch), seconds)
        for (request, place), result in zip(batch, results, strict=True):
            request.finish(place, result)

    def _compute_safely(self, tasks: list[Task]) -> list[Result | Problem]:
        """Compute a batch; where that fails, each image alone, so that only bad ones do."""
        try:
            results = self._compute(tasks)
            if len(results) != len(tasks):
                raise ValueError(f"{len(results)} results of {len(tasks)} images")
            return results
        except Exception as err:  # whatever it is, it is its images' alone
            if len(tasks) == 1:
                problem = problem_of(err)
                if problem.status >= 500:
                    _logger.exception("An image could not be computed by %s", self._name)
                return [problem]
        return [self._compute_safely([task])[0] for task in tasks]
