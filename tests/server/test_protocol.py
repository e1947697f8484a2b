"""Connections of callers who are slow, greedy or no HTTP clients at all."""

import asyncio
import json

import pytest
from stub_service import ask, request, running

from embedsvc.server import serving
from embedsvc.server.protocol import Protocol


@pytest.fixture(autouse=True)
def _stopping_at_once(monkeypatch):
    monkeypatch.setattr(serving, "_STILL_TAKEN_SECONDS", 0.0)


def asks(*requests):
    """Each on a connection of its own, all of one server."""

    async def scenario():
        async with running() as server:
            return await asyncio.gather(*(ask(server, one, seconds=30) for one in requests))

    return asyncio.run(scenario())


def answer_of(data):
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def test_a_plain_request_and_no_header_that_names_the_server():
    data = asks(request(body=b"12345"))[0]
    assert answer_of(data)[0] == 200
    assert answer_of(data)[1]["bytes"] == 5
    head = data.partition(b"\r\n\r\n")[0].lower()
    assert b"\r\ndate: " in head
    assert b"\r\nserver:" not in head


def test_a_head_that_does_not_come_ends_the_connection(monkeypatch):
    monkeypatch.setattr(Protocol, "head_seconds", 0.2)
    begun = (b"", b"GET /echo HTT", b"GET /echo HTTP/1.1\r\nHost: x\r\nA: ")
    assert asks(*begun) == [b"", b"", b""]


def test_a_head_that_drips_ends_the_connection(monkeypatch):
    monkeypatch.setattr(Protocol, "head_seconds", 0.3)

    async def scenario():
        async with running() as server:
            reader, writer = await server.connect()
            # A first request is answered, and the connection stays.
            writer.write(request(close=False))
            assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200")
            head = request(headers="X: " + "a" * 200)
            for i in range(len(head)):
                writer.write(head[i : i + 1])
                await asyncio.sleep(0.02)
                if reader.at_eof():
                    break
            writer.transport.abort()
            return i, len(head), await reader.read()

    sent, n_bytes, rest = asyncio.run(scenario())
    assert 5 < sent < n_bytes - 1
    assert rest == b""


def test_a_slow_answer_outlives_the_time_for_heads(monkeypatch):
    monkeypatch.setattr(Protocol, "head_seconds", 0.1)

    async def scenario():
        async with running() as server:
            reader, writer = await server.connect()
            # The next head begins while this request is being worked on.
            writer.write(request("/slow?seconds=0.4", close=False) + b"GET /ec")
            first = await asyncio.wait_for(reader.readuntil(b"done"), 5)
            writer.write(b"ho HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            second = await asyncio.wait_for(reader.read(), 5)
            writer.close()
            await writer.wait_closed()
            return first, second

    first, second = asyncio.run(scenario())
    assert first.startswith(b"HTTP/1.1 200")
    assert second.startswith(b"HTTP/1.1 200")


def test_a_head_that_is_too_large():
    for data in asks(
        request(headers="X: " + "a" * 70_000),
        request(headers="\r\n".join(f"X-{i}: {'a' * 40}" for i in range(2_000))),
        request("/echo?" + "a" * 70_000),
        request(headers="X: " + "a" * 70_000, body=b"z" * 1_000),
        b"GET /echo HTTP/1.1\r\nX: " + b"a" * 300_000,  # never ends
    ):
        status, body = answer_of(data)
        assert (status, body["error"]["code"]) == (431, "headers_too_large")
        assert set(body["error"]) == {"message", "type", "param", "code"}
        assert body["error"]["message"].startswith("Expected at most 65,536 bytes")


def test_headers_that_just_fit():
    assert answer_of(asks(request(headers="X: " + "a" * 60_000))[0])[0] == 200


def test_what_is_no_http_gets_the_one_shape():
    for data in asks(
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03hello",  # TLS
        b"hello\r\n\r\n",
        b"GET /echo HTTP/9.9\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ):
        status, body = answer_of(data)
        assert (status, body["error"]["code"]) == (400, "invalid_http"), data


def test_trailers_are_no_headers():
    data = (
        b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n0\r\nAuthorization: Bearer late\r\n\r\n"
    )

    status, body = answer_of(asks(data)[0])
    assert (status, body["bytes"]) == (200, 3)
    assert "authorization" not in body["headers"]


def test_a_large_body_in_tiny_chunks():
    n_chunks = 30_000  # more bytes of framing than a head may have
    data = (
        b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"1\r\na\r\n" * n_chunks
        + b"0\r\n\r\n"
    )

    assert answer_of(asks(data)[0])[1]["bytes"] == n_chunks


def test_endless_trailers_end_the_connection():
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: "

    assert b" 431 " in asks(head + b"a" * 400_000)[0].partition(b"\r\n")[0]


def test_junk_behind_a_request_does_not_cost_its_answer():
    data = asks(request("/slow", close=False) + b"\x00junk\r\n\r\n")[0]
    assert data.startswith(b"HTTP/1.1 200")
    assert data.endswith(b"done")


def test_an_upgrade_is_not_taken_up():
    async def scenario():
        async with running() as server:
            headers = "Upgrade: websocket\r\nConnection: upgrade"
            reader, writer = await server.connect()
            writer.write(request(headers=headers, close=False))
            line = await asyncio.wait_for(reader.readline(), 5)
            writer.close()
            await writer.wait_closed()
            return line

    assert asyncio.run(scenario()).startswith(b"HTTP/1.1 200")


def test_a_client_that_does_not_take_its_answer_is_cut_off(monkeypatch):
    monkeypatch.setattr(Protocol, "answer_seconds", 0.2)

    async def scenario():
        async with running() as server:
            _, writer = await server.connect()
            writer.write(request("/large", close=False))
            for _ in range(250):
                await asyncio.sleep(0.02)
                if server.server.server_state.total_requests and not (
                    server.server.server_state.connections
                ):
                    break
            left = len(server.server.server_state.connections)
            writer.transport.abort()
            return left

    assert asyncio.run(scenario()) == 0
