"""Free memory goes back to the system."""

import asyncio
import ctypes
import threading
from types import SimpleNamespace

import pytest

from embedsvc.server import trimming


def test_memory_is_given_back_again_and_again_but_not_in_the_event_loop(monkeypatch):
    threads = []
    monkeypatch.setattr(trimming, "_EVERY_SECONDS", 0.001)
    monkeypatch.setattr(
        trimming, "trimmer", lambda: lambda pad: threads.append(pad_and_thread(pad))
    )

    async def scenario():
        task = asyncio.create_task(trimming.give_back_regularly())
        while len(threads) < 3:
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(scenario())
    assert {pad for pad, _ in threads} == {0}
    assert threading.main_thread() not in {thread for _, thread in threads}


def pad_and_thread(pad):
    return pad, threading.current_thread()


def test_the_system_takes_it():
    trim = trimming.trimmer()
    if trim is None:
        pytest.skip("the C library is not glibc")
    assert trim(0) in (0, 1)


@pytest.mark.parametrize("error", [OSError, TypeError, None])
def test_another_c_library_is_left_alone(monkeypatch, error):
    def library(name):
        if error is not None:
            raise error
        return SimpleNamespace()

    monkeypatch.setattr(ctypes, "CDLL", library)
    assert trimming.trimmer() is None
    asyncio.run(asyncio.wait_for(trimming.give_back_regularly(), 5))


def test_a_running_service_does_so(monkeypatch, serve):
    trimmed = threading.Event()
    monkeypatch.setattr(trimming, "_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(trimming, "trimmer", lambda: lambda pad: trimmed.set())
    serve()
    assert trimmed.wait(60)
