"""Order, laziness, and no thread left behind."""

import itertools
import threading
import time

import pytest

from embedsvc.encoders.pipeline import Plan, run_pipeline


def squares(window):
    return Plan(list(window), lambda results: list(results))


def square(number):
    return number * number


def pipeline_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("embedsvc")]


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    yield
    deadline = time.monotonic() + 5
    while pipeline_threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not pipeline_threads()


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_order(workers):
    def slow_square(number):
        time.sleep(0.002 * (number % 3))
        return number * number

    windows = [[3, 1, 2], [], [7], [5, 5, 4, 0]]
    results = run_pipeline(windows, prepare=squares, compute=slow_square, workers=workers)
    assert list(results) == [[9, 1, 4], [], [49], [25, 25, 16, 0]]


def test_no_windows():
    assert list(run_pipeline([], prepare=squares, compute=square, workers=2)) == []


def test_nothing_happens_before_the_first_result_is_asked_for():
    taken = []
    results = run_pipeline(
        (taken.append(i) or [i] for i in itertools.count()),
        prepare=squares,
        compute=square,
        workers=2,
    )
    assert taken == []
    assert not pipeline_threads()
    assert [next(results), next(results)] == [[0], [1]]
    assert len(taken) <= 3
    results.close()
    assert not pipeline_threads()


def test_closing_drops_what_has_not_begun():
    begun = []
    blocked, go_on = threading.Event(), threading.Event()

    def compute(number):
        begun.append(number)
        if number == 1:
            blocked.set()
            go_on.wait(5)
        return number

    windows = [[0], [1, *range(2, 100)], [100]]
    results = run_pipeline(windows, prepare=squares, compute=compute, workers=1)
    next(results)
    assert blocked.wait(5)
    threading.Timer(0.05, go_on.set).start()
    results.close()
    assert len(begun) < 10


def test_an_error_in_the_windows_comes_through():
    def windows():
        yield [1]
        yield [2]
        raise KeyError("input")

    results = run_pipeline(windows(), prepare=squares, compute=square, workers=2)
    assert next(results) == [1]
    with pytest.raises(KeyError, match="input"):
        list(results)
    assert not pipeline_threads()


@pytest.mark.parametrize("part", ["prepare", "compute", "finish"])
def test_an_error_anywhere_else_comes_through(part):
    def fail_on_2(number):
        if number == 2:
            raise ZeroDivisionError
        return number

    def prepare(window):
        if part == "prepare":
            fail_on_2(*window)
        finish = (lambda results: [fail_on_2(*results)]) if part == "finish" else list
        return Plan(window, finish)

    compute = fail_on_2 if part == "compute" else (lambda number: number)
    with pytest.raises(ZeroDivisionError):
        list(run_pipeline([[1], [2], [3]], prepare=prepare, compute=compute, workers=2))
    assert not pipeline_threads()


def test_windows_are_prepared_in_the_calling_thread_and_computed_in_others():
    threads = {"prepare": set(), "compute": set()}

    def prepare(window):
        threads["prepare"].add(threading.current_thread())
        return squares(window)

    def compute(number):
        threads["compute"].add(threading.current_thread())
        return number

    list(run_pipeline([[1, 2], [3]], prepare=prepare, compute=compute, workers=2))
    assert threads["prepare"] == {threading.current_thread()}
    assert threading.current_thread() not in threads["compute"]
