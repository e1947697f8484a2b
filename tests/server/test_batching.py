import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from embedsvc.server.batching import BatchQueue, QueueLimits
from embedsvc.server.problems import Overloaded

WIDTH = 2


class Recorder:
    def __init__(self):
        self.reports, self.most_waiting, self.last_waiting = [], 0, None

    def batch(self, report):
        self.reports.append(report)

    def waiting(self, n_texts, n_tokens):
        self.most_waiting = max(self.most_waiting, n_tokens)
        self.last_waiting = (n_texts, n_tokens)


class Model:
    """Rows are a text's length and the sum of its ids; what holds 666 fails its whole batch."""

    def __init__(self, *, hold=None):
        self.batches, self.hold = [], hold
        self.begun = threading.Event()

    def __call__(self, sequences):
        self.batches.append(sequences)
        self.begun.set()
        if self.hold is not None:
            assert self.hold.wait(30)
        if any(666 in ids for ids in sequences):
            raise ValueError("cannot be computed")
        return np.array([[len(ids), sum(ids)] for ids in sequences], np.float32)


def make_queue(compute, *, workers=1, batch_tokens=100, padding=1.0, wait=0.0, most_tokens=10_000):
    recorder = Recorder()
    queue = BatchQueue(
        compute,
        width=WIDTH,
        pool=ThreadPoolExecutor(workers),
        limits=QueueLimits(workers, batch_tokens, padding, wait, most_tokens),
        observer=recorder,
    )
    return queue, recorder


def expected(sequences):
    return [[len(ids), sum(ids)] for ids in sequences]


async def wait_for(event):
    assert await asyncio.to_thread(event.wait, 30)


def test_rows_come_in_the_order_of_the_texts():
    queue, _ = make_queue(Model(), batch_tokens=20)
    sequences = [[i] * (1 + i % 7) for i in range(50)]
    rows = asyncio.run(queue.run(sequences))
    assert rows.tolist() == expected(sequences)
    assert rows.dtype == np.float32


def test_nothing_is_a_request_too():
    queue, _ = make_queue(Model())
    assert asyncio.run(queue.run([])).shape == (0, WIDTH)


def test_requests_are_computed_together_while_a_worker_is_busy():
    hold = threading.Event()
    model = Model(hold=hold)
    queue, recorder = make_queue(model)

    async def scenario():
        first = asyncio.create_task(queue.run([[1]]))
        await wait_for(model.begun)
        others = [asyncio.create_task(queue.run([[i, i]])) for i in range(2, 12)]
        await asyncio.sleep(0)
        hold.set()
        return await asyncio.gather(first, *others)

    rows = asyncio.run(scenario())
    assert [row.tolist() for row in rows[1:]] == [[[2, 2 * i]] for i in range(2, 12)]
    assert [len(batch) for batch in model.batches] == [1, 10]
    assert [report.n_texts for report in recorder.reports] == [1, 10]
    assert recorder.last_waiting == (0, 0)


def test_no_batch_has_more_padded_tokens_than_it_may():
    model = Model()
    queue, _ = make_queue(model, batch_tokens=60)
    lengths = np.random.default_rng(0).integers(1, 40, 300).tolist()
    asyncio.run(queue.run([[1] * n for n in lengths]))
    for batch in model.batches:
        longest = max(map(len, batch))
        assert len(batch) == 1 or longest * len(batch) <= 60
        assert longest <= 3 * min(map(len, batch)) + 8
    assert sorted(len(ids) for batch in model.batches for ids in batch) == sorted(lengths)


def test_where_padding_costs_nothing_texts_of_all_lengths_go_together():
    model = Model()
    queue, _ = make_queue(model, batch_tokens=60, padding=0.0)
    lengths = [1, 30, 2, 10, 3]
    rows = asyncio.run(queue.run([[i] * n for i, n in enumerate(lengths)]))
    assert rows[:, 0].tolist() == lengths
    assert [sorted(map(len, batch)) for batch in model.batches] == [[1, 2, 3, 10, 30]]


def test_a_text_longer_than_a_batch_is_one_of_its_own():
    model = Model()
    queue, _ = make_queue(model, batch_tokens=10)
    asyncio.run(queue.run([[1] * 25, [2], [3]]))
    assert [1] in [[len(batch)] for batch in model.batches if len(batch[0]) == 25]


def test_a_short_request_does_not_wait_behind_a_long_list():
    order = []

    def compute(sequences):
        time.sleep(0.002)
        return np.zeros((len(sequences), WIDTH), np.float32)

    queue, _ = make_queue(compute, batch_tokens=50)

    async def scenario():
        async def run(name, sequences):
            await queue.run(sequences)
            order.append(name)

        long = asyncio.create_task(run("long", [[1] * 10] * 500))
        await asyncio.sleep(0.01)
        await asyncio.gather(long, *(run(f"short{i}", [[1] * 10]) for i in range(3)))

    asyncio.run(scenario())
    assert order[-1] == "long"


def test_a_long_list_alone_is_computed_even_where_it_exceeds_the_queue():
    queue, recorder = make_queue(Model(), batch_tokens=50, most_tokens=60)
    assert len(asyncio.run(queue.run([[1] * 10] * 500))) == 500
    assert recorder.most_waiting <= 2 * 50 + 10


def test_more_than_may_wait_is_refused_and_the_others_succeed():
    hold = threading.Event()
    model = Model(hold=hold)
    queue, _ = make_queue(model, batch_tokens=10, most_tokens=30)

    async def scenario():
        tasks = [asyncio.create_task(queue.run([[1] * 10])) for _ in range(10)]
        await wait_for(model.begun)
        refused = [task for task in tasks if task.done()]
        for task in refused:
            with pytest.raises(Overloaded, match=r"at most 30 tokens .* got 30 already") as found:
                await task
            assert found.value.retry_after > 0
        hold.set()
        rows = await asyncio.gather(*(task for task in tasks if task not in refused))
        # One is computed, three wait, and all the others were refused.
        return len(refused), len(rows)

    assert asyncio.run(scenario()) == (6, 4)


def test_a_bad_text_fails_its_own_request_alone():
    hold = threading.Event()
    model = Model(hold=hold)
    queue, _ = make_queue(model)

    async def scenario():
        first = asyncio.create_task(queue.run([[9]]))
        await wait_for(model.begun)
        good = [asyncio.create_task(queue.run([[i]])) for i in range(3)]
        bad = asyncio.create_task(queue.run([[5], [666], [7]]))
        await asyncio.sleep(0)
        hold.set()
        with pytest.raises(ValueError, match="cannot be computed"):
            await bad
        return await asyncio.gather(first, *good)

    rows = asyncio.run(scenario())
    assert [row.tolist() for row in rows] == [[[1, 9]], [[1, 0]], [[1, 1]], [[1, 2]]]


def test_a_request_that_was_cancelled_is_not_computed():
    hold = threading.Event()
    model = Model(hold=hold)
    queue, recorder = make_queue(model, batch_tokens=4)

    async def scenario():
        first = asyncio.create_task(queue.run([[1]]))
        await wait_for(model.begun)
        gone = asyncio.create_task(queue.run([[2, 2]] * 100))
        last = asyncio.create_task(queue.run([[3]]))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        hold.set()
        return await asyncio.gather(first, last)

    rows = asyncio.run(scenario())
    assert rows[1].tolist() == [[1, 3]]
    assert not any([2, 2] in batch for batch in model.batches)
    assert recorder.last_waiting == (0, 0)


def test_idle_workers_share_what_waits():
    hold = threading.Event()
    model = Model(hold=hold)
    queue, _ = make_queue(model, workers=2, batch_tokens=1000)

    async def scenario():
        work = asyncio.create_task(queue.run([[1] * 10] * 40))
        for _ in range(1000):
            if len(model.batches) == 2:
                break
            await asyncio.sleep(0.005)
        hold.set()
        await work

    asyncio.run(scenario())
    sizes = [len(batch) for batch in model.batches]
    assert sizes[0] + sizes[1] <= 40
    assert min(sizes[:2]) >= 10


def test_a_batch_waits_for_company_while_others_are_computed_and_more_is_usual():
    hold = threading.Event()
    model = Model(hold=hold)
    queue, _ = make_queue(model, workers=2, wait=0.05)

    async def scenario():
        first = asyncio.create_task(queue.run([[1] * 90]))
        await wait_for(model.begun)
        second = asyncio.create_task(queue.run([[2]]))
        await asyncio.sleep(0.01)
        third = asyncio.create_task(queue.run([[3]]))
        await asyncio.sleep(0)
        began_early = len(model.batches)
        await asyncio.sleep(0.1)
        began_late = len(model.batches)
        hold.set()
        await asyncio.gather(first, second, third)
        return began_early, began_late

    assert asyncio.run(scenario()) == (1, 2)
    assert sorted(model.batches[1]) == [[2], [3]]


def test_a_batch_begins_at_once_when_as_much_as_usual_has_come():
    hold = threading.Event()
    model = Model(hold=hold)
    queue, _ = make_queue(model, workers=2, wait=30.0)

    async def scenario():
        first = asyncio.create_task(queue.run([[1] * 90]))
        await wait_for(model.begun)
        others = [asyncio.create_task(queue.run([[2]])) for _ in range(8)]
        await asyncio.sleep(0.05)
        began = len(model.batches)
        hold.set()
        await asyncio.gather(first, *others)
        return began

    assert asyncio.run(scenario()) == 2
