"""Requests that share batches: order, turns, failures, cancellation, limits and the end."""

import asyncio
import itertools
import logging
import threading

import pytest

from embedsvc.server import image_queue
from embedsvc.server.image_data import Picture
from embedsvc.server.image_queue import ImageLimits, ImageQueue, Task
from embedsvc.server.problems import BadRequest, NotReady, Overloaded, Problem


def tasks(*names, n_pixels=1):
    return [Task(Picture(name.encode(), name, name, n_pixels)) for name in names]


class Watcher:
    def __init__(self):
        self.batches, self.waits = [], []

    def image_batch(self, n_images, seconds):
        assert seconds >= 0
        self.batches.append(n_images)

    def waiting(self, n_items, n_tokens):
        assert n_tokens == 0
        self.waits.append(n_items)


class Model:
    """Upper-cases names; waits for its gate; what it was asked for is in `batches`."""

    def __init__(self, *, is_open=True):
        self.batches, self.threads = [], set()
        self.gate = threading.Event()
        if is_open:
            self.gate.set()

    def __call__(self, batch):
        assert self.gate.wait(30)
        self.threads.add(threading.current_thread())
        names = [task.picture.name for task in batch]
        self.batches.append(names)
        if any(name.startswith("crash") for name in names):
            raise RuntimeError("the secret reason")
        return [
            BadRequest(f"{name} is bad") if name.startswith("bad") else name.upper()
            for name in names
        ]


def queue_of(model, **limits):
    queue = ImageQueue(
        model,
        name="gears",
        observer=Watcher(),
        limits=ImageLimits(**limits) if limits else ImageLimits(),
    )
    queue.watcher = queue._observer
    return queue


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.001)


def run(scenario):
    async def bounded():
        async with asyncio.timeout(60):
            return await scenario()

    return asyncio.run(bounded())


# Batches


def test_results_come_in_the_order_of_the_request():
    model = Model()
    names = [f"x{i}" for i in range(100)]

    async def scenario():
        queue = queue_of(model, batch_images=7)
        assert await queue.run(tasks(*names)) == [name.upper() for name in names]
        assert queue.seconds_waiting() == 0
        assert queue.watcher.waits[-1] == 0
        assert sum(queue.watcher.batches) == 100
        await queue.close()

    run(scenario)
    assert max(map(len, model.batches)) == 7
    assert len(model.threads) == 1
    assert threading.current_thread() not in model.threads


def test_no_images_are_no_work():
    async def scenario():
        queue = queue_of(Model())
        assert await queue.run([]) == []
        await queue.close()
        assert queue.watcher.batches == []

    run(scenario)


def test_requests_that_wait_are_computed_together_each_with_its_own_results():
    model = Model(is_open=False)

    async def scenario():
        queue = queue_of(model)
        first = asyncio.ensure_future(queue.run(tasks("first")))
        await until(lambda: queue.watcher.waits == [1, 0])
        rest = [asyncio.ensure_future(queue.run(tasks(f"a{i}", f"b{i}"))) for i in range(8)]
        await until(lambda: queue._n_waiting == 16)
        model.gate.set()
        assert await first == ["FIRST"]
        assert await asyncio.gather(*rest) == [[f"A{i}", f"B{i}"] for i in range(8)]
        await queue.close()

    run(scenario)
    assert [len(batch) for batch in model.batches] == [1, 16]


def test_a_long_request_does_not_keep_others_out():
    model = Model(is_open=False)

    async def scenario():
        queue = queue_of(model, batch_images=4)
        long = asyncio.ensure_future(queue.run(tasks(*(f"long{i}" for i in range(40)))))
        await until(lambda: queue._n_waiting == 36)
        short = asyncio.ensure_future(queue.run(tasks("short")))
        await until(lambda: queue._n_waiting == 37)
        model.gate.set()
        assert await short == ["SHORT"]
        assert not long.done()
        assert len(await long) == 40
        await queue.close()

    run(scenario)
    assert "short" in model.batches[1]


def test_a_batch_is_bounded_by_pixels_too():
    model = Model(is_open=False)

    async def scenario():
        queue = queue_of(model, batch_pixels=100)
        images = [*tasks("a", "b", "c", n_pixels=50), *tasks("huge", n_pixels=1000), *tasks("d")]
        running = asyncio.ensure_future(queue.run(images))
        await until(lambda: queue._n_waiting == 3)
        model.gate.set()
        assert await running == ["A", "B", "C", "HUGE", "D"]
        await queue.close()

    run(scenario)
    assert model.batches == [["a", "b"], ["c"], ["huge"], ["d"]]


# Failures


def test_a_bad_image_fails_alone():
    async def scenario():
        queue = queue_of(Model())
        mine, other = await asyncio.gather(queue.run(tasks("a", "bad", "b")), queue.run(tasks("c")))
        assert (mine[0], str(mine[1]), mine[2], other) == ("A", "bad is bad", "B", ["C"])
        await queue.close()

    run(scenario)


def test_where_a_batch_crashes_only_the_image_that_did_it_fails(caplog):
    model = Model()

    async def scenario():
        queue = queue_of(model)
        results = await queue.run(tasks("a", "crash", "b", "bad"))
        assert (results[0], results[2]) == ("A", "B")
        assert results[1].status == 500
        assert "secret" not in str(results[1])
        assert results[3].status == 400
        assert await queue.run(tasks("later")) == ["LATER"]
        await queue.close()

    with caplog.at_level(logging.ERROR):
        run(scenario)
    assert model.batches == [
        ["a", "crash", "b", "bad"],
        ["a"],
        ["crash"],
        ["b"],
        ["bad"],
        ["later"],
    ]
    (record,) = caplog.records
    assert "gears" in record.getMessage()
    assert record.exc_info[0] is RuntimeError


def test_a_problem_that_a_model_raises_is_the_images_own():
    def compute(batch):
        raise BadRequest(f"{len(batch)} image")

    async def scenario():
        queue = queue_of(compute)
        assert [str(one) for one in await queue.run(tasks("a", "b"))] == ["1 image"] * 2
        await queue.close()

    run(scenario)


@pytest.mark.parametrize("results", [[], ["a", "b", "c"]])
def test_a_model_that_answers_for_too_few_leaves_nobody_waiting(results, caplog):
    async def scenario():
        queue = queue_of(lambda batch: results)
        assert {one.status for one in await queue.run(tasks("a", "b"))} == {500}
        await queue.close()

    run(scenario)
    assert len(caplog.records) == 2


# Cancellation


def test_images_of_a_cancelled_request_are_skipped():
    model = Model(is_open=False)

    async def scenario():
        queue = queue_of(model, batch_images=2)
        first = asyncio.ensure_future(queue.run(tasks("a", "b")))
        await until(lambda: queue.watcher.waits == [2, 0])
        gone = asyncio.ensure_future(queue.run(tasks("gone1", "gone2", "gone3")))
        last = asyncio.ensure_future(queue.run(tasks("last")))
        await until(lambda: queue._n_waiting == 4)
        gone.cancel()
        await asyncio.wait([gone])
        assert queue.watcher.waits[-1] == queue._n_waiting == 1
        model.gate.set()
        assert (await first, await last) == (["A", "B"], ["LAST"])
        await queue.close()

    run(scenario)
    assert model.batches == [["a", "b"], ["last"]]


def test_a_request_cancelled_amid_its_batch_harms_nobody():
    model = Model(is_open=False)

    async def scenario():
        queue = queue_of(model, batch_images=2)
        gone = asyncio.ensure_future(queue.run(tasks("x", "y", "z")))
        await until(lambda: queue._n_waiting == 1)
        gone.cancel()
        await asyncio.wait([gone])
        assert gone.cancelled()
        later = asyncio.ensure_future(queue.run(tasks("later")))
        model.gate.set()
        assert await later == ["LATER"]
        await queue.close()

    run(scenario)
    assert model.batches == [["x", "y"], ["later"]]


# Limits


def test_what_would_not_fit_is_refused_and_told_when_to_come_again():
    model = Model(is_open=False)

    async def scenario():
        queue = queue_of(model, most_waiting=5, batch_images=1)
        running = [asyncio.ensure_future(queue.run(tasks("a", "b", "c", "d")))]
        await until(lambda: queue._n_waiting == 3)
        with pytest.raises(
            Overloaded, match="at most 5 images .* gears, got 3 more beside 3"
        ) as caught:
            await queue.run(tasks("e", "f", "g"))
        assert caught.value.retry_after == queue.seconds_waiting() > 0
        assert caught.value.code == "queue_full"
        running.append(asyncio.ensure_future(queue.run(tasks("e", "f"))))
        await until(lambda: queue._n_waiting == 5)
        with pytest.raises(Overloaded):
            await queue.run(tasks("g"))
        model.gate.set()
        assert await asyncio.gather(*running) == [["A", "B", "C", "D"], ["E", "F"]]
        assert await queue.run(tasks("g")) == ["G"]
        await queue.close()

    run(scenario)


def test_a_request_of_more_than_may_wait_is_taken_in_when_nothing_waits():
    async def scenario():
        queue = queue_of(Model(), most_waiting=3)
        assert len(await queue.run(tasks(*map(str, range(50))))) == 50
        await queue.close()

    run(scenario)


def test_the_time_to_come_again_follows_the_speed(monkeypatch):
    clock = itertools.count(step=4)
    monkeypatch.setattr(image_queue.time, "perf_counter", lambda: next(clock))

    async def scenario():
        model = Model(is_open=False)
        queue = queue_of(model, batch_images=2)
        guess = queue._seconds_an_image
        running = asyncio.ensure_future(queue.run(tasks("a", "b", "c")))
        await until(lambda: queue._n_waiting == 1)
        assert queue.seconds_waiting() == pytest.approx(guess)
        model.gate.set()
        await running
        # Two images in four seconds, then one.
        expected = guess
        for seconds in (2, 4):
            expected += 0.2 * (seconds - expected)
        assert queue._seconds_an_image == pytest.approx(expected)
        await queue.close()

    run(scenario)


# The end


def test_closing_finishes_what_was_accepted_and_takes_in_no_more():
    model = Model(is_open=False)

    async def scenario():
        queue = queue_of(model, batch_images=1)
        accepted = [asyncio.ensure_future(queue.run(tasks(f"a{i}", f"b{i}"))) for i in range(3)]
        await until(lambda: queue._n_waiting == 5)
        closing = asyncio.ensure_future(queue.close())
        await asyncio.sleep(0)
        with pytest.raises(NotReady, match="stopping"):
            await queue.run(tasks("late"))
        assert not closing.done()
        model.gate.set()
        await closing
        assert await asyncio.gather(*accepted) == [[f"A{i}", f"B{i}"] for i in range(3)]

    run(scenario)
    assert not any(thread.is_alive() for thread in model.threads)


def test_closing_an_idle_queue():
    async def scenario():
        queue = queue_of(Model())
        await queue.close()
        with pytest.raises(Problem):
            await queue.run(tasks("a"))

    run(scenario)


def test_many_clients_at_once_get_what_is_theirs():
    async def scenario():
        queue = queue_of(Model(), most_waiting=10_000, batch_images=16)

        async def client(number):
            for turn in range(10):
                names = [f"{number}-{turn}-{i}" for i in range(1 + (number + turn) % 5)]
                assert await queue.run(tasks(*names)) == [name.upper() for name in names]

        await asyncio.gather(*(client(number) for number in range(40)))
        assert queue._n_waiting == 0
        assert not queue._requests
        await queue.close()

    run(scenario)
