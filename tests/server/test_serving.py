"""One server: what it says of its start, and how it stops."""

import asyncio
import socket

import pytest
from stub_service import ask, request, running

from embedsvc.errors import ArtifactError
from embedsvc.server import serving


def test_it_listens_and_then_is_ready():
    async def scenario():
        async with running() as server:
            while len(server.told) < 2:
                await asyncio.sleep(0.01)
            return server.told

    assert asyncio.run(scenario()) == ["listening", None]


def test_a_model_that_does_not_load_stops_it():
    async def scenario():
        async with running(failure=ArtifactError("broken")) as server:
            await asyncio.wait_for(server.task, 10)
            return server

    server = asyncio.run(scenario())
    assert str(server.server.failure) == "broken"
    assert [str(one) for one in server.told] == ["listening", "broken"]


def test_stopping_loses_nothing():
    """In flight, on an idle connection, on a new one: all get answers, then all is closed."""

    async def scenario():
        async with running() as server:
            flying = asyncio.create_task(ask(server, request("/slow?seconds=1", close=False)))
            idle = await server.connect()
            await asyncio.sleep(0.1)
            stopping = asyncio.create_task(server.stop())
            while not server.service.stopping:
                await asyncio.sleep(0.01)
            # A request on a connection from before, and one on a connection from now on.
            idle[1].write(request(close=False))
            late = asyncio.create_task(ask(server, request(close=False)))
            # Each is closed after its answer, as nothing more is read until the end.
            answers = [await idle[0].read(), await late, await flying]
            await stopping
            with pytest.raises(ConnectionRefusedError):
                await server.connect()
            idle[1].transport.abort()
            return answers

    for answer in asyncio.run(scenario()):
        assert answer.startswith(b"HTTP/1.1 200")


def test_what_waits_in_the_systems_queue_is_taken(monkeypatch):
    monkeypatch.setattr(serving, "_STILL_TAKEN_SECONDS", 0.0)

    async def scenario():
        async with running() as server:
            waiting = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
            for one in waiting:
                one.sendall(request(close=False))
            # The loop is too busy to take them before the socket is about to be closed.
            asyncio.get_running_loop().remove_reader(server.listener.fileno())
            await server.stop()
            answers = [one.recv(65_536) for one in waiting]
            for one in waiting:
                one.close()
            return answers

    assert all(answer.startswith(b"HTTP/1.1 200") for answer in asyncio.run(scenario()))


def test_what_takes_too_long_is_given_up():
    async def scenario():
        async with running(shutdown_timeout=0.6) as server:
            slow = asyncio.create_task(ask(server, request("/slow?seconds=60"), seconds=20))
            await asyncio.sleep(0.1)
            await asyncio.wait_for(server.stop(), 10)
            return await slow

    assert not asyncio.run(scenario()).startswith(b"HTTP/1.1 200")
