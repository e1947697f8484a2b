"""Hundreds of connections that bring no sound HTTP, to the server as `embedsvc serve` runs it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import threading
from contextlib import asynccontextmanager, suppress

import psutil
import pytest
from judged import Answer, check, vectors_of
from malformed import JSON, VALID, all_cases

from embedsvc.cores import available_cores
from embedsvc.server import bodies as bodies_of_requests
from embedsvc.server import serving
from embedsvc.server.app import create_app
from embedsvc.server.listening import listen
from embedsvc.server.process import Told
from embedsvc.server.protocol import Protocol
from embedsvc.server.serving import Server, http_config
from embedsvc.server.settings import ServeSettings

PATIENCE = 60.0
AT_ONCE = 16
QUIET = 0.05
# asyncio's executor has so many at most, and the service's own one for each core.
MOST_THREADS = min(32, (os.cpu_count() or 1) + 4) + available_cores()
MOST_BYTES = 400_000
TEXTS = b'{"input": ["late parcel", "a cat"]}'


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch):
    monkeypatch.setattr(serving, "_STILL_TAKEN_SECONDS", 0.0)
    monkeypatch.setattr(bodies_of_requests, "_READ_ON_SECONDS", 0.3)
    monkeypatch.setattr(Protocol, "head_seconds", 0.3)


@asynccontextmanager
async def running(folders):
    """The server in this event loop, its model loaded."""
    settings = ServeSettings(
        models=(f"tiny={folders['tiny']}",), body_timeout=0.3, max_body_bytes=MOST_BYTES
    )
    app = create_app(settings, on_loaded=lambda err: server.loaded(err))
    listener = listen("127.0.0.1", 0)
    server = Server(http_config(app), app.state.service, Told(lambda: None, lambda err: None))
    task = asyncio.create_task(server.serve([listener]))
    while not app.state.service.hosting.ready:
        assert not task.done()
        await asyncio.sleep(0.01)
    try:
        yield server, app.state.service, listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task


def head(*lines, path="/v1/embeddings", method="POST", host="Host: 127.0.0.1"):
    return "\r\n".join([f"{method} {path} HTTP/1.1", host, *lines, "", ""]).encode("latin-1")


def request(body=TEXTS, *lines, path="/v1/embeddings"):
    kind = f"Content-Type: {JSON}"
    return head(kind, f"Content-Length: {len(body)}", *lines, path=path) + body


def chunked(body, rng, *, size=None):
    pieces, at = [], 0
    while at < len(body):
        piece = body[at : at + (size or rng.randint(1, max(1, len(body) // 3)))]
        pieces.append(b"%x\r\n%b\r\n" % (len(piece), piece))
        at += len(piece)
    start = head(f"Content-Type: {JSON}", "Transfer-Encoding: chunked")
    return start + b"".join(pieces) + b"0\r\n\r\n"


def no_http(rng):
    """Bytes that are no request at all."""
    yield from (b"\0" * 100, b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + rng.randbytes(200))
    yield from (
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"A" * 70_000,
    )
    yield from (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/1.1 x\r\n\r\n", b"HELO x\r\n")
    yield from (
        b" GET / HTTP/1.1\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"{}\r\n\r\n",
        b"\xff\r\n\r\n",
    )
    for _ in range(60):
        yield b"\x01" + rng.randbytes(rng.randint(1, 400))
    for _ in range(30):
        data = bytearray(request())
        data[rng.randrange(14)] = rng.choice(b"\0\x7f\xff\x80\x1b")
        yield bytes(data)


def paths(rng):
    """Paths that lead elsewhere, and methods nobody knows."""
    del rng
    targets = (
        *("/v1/models/..%2f..%2fetc%2fpasswd", "/../../etc/passwd", "//etc/passwd", "/%00", "/%"),
        *("http://evil.example/v1/models", "*", "/v1/models/%ff%fe", "/%c0%ae%c0%ae/", "/\\..\\"),
        *("/page/..%2f..%2fapp.py", "/page/%2e%2e/app.py", "/v1/models/\xe9", "/;/v1", "/#"),
        "/?" + "a" * 9_000,
    )
    for target in targets:
        for method in ("GET", "POST", "DELETE", "OPTIONS", "QUERY", "MKCOL", "LINK", "get"):
            yield head("Content-Length: 0", path=target, method=method)
    for method in ("CONNECT", "TRACE", "A", "A" * 300, "G\xe9T", "GET\t", "<script>", "POST/"):
        yield head(method=method)


def heads(rng):
    """Hosts and headers that try to be something else."""
    del rng
    hosts = (b"", b"Host:\r\n", b"Host: a b\r\n", b"Host: [::1\r\n", b"Host: \xff\r\n")
    for host in (*hosts, b"Host: evil.example\r\nHost: 127.0.0.1\r\n"):
        yield request().replace(b"Host: 127.0.0.1\r\n", host)
    lines = (
        *("X-Request-Id: a\r\nSet-Cookie: x=1", "X-Request-Id: a\r\n Set-Cookie: x=1"),
        *("X-Request-Id: a\nSet-Cookie: x=1", "X-Request-Id: a\rSet-Cookie: x=1", "no colon"),
        *("X-Request-Id: \0", "X\0: y", ": empty", "X : y", "\t", "X: \x7f\x1b[31m", "Expect: x"),
        *("Content-Type: text/html", "X: " + "y" * 9_000, "Upgrade: h2c", "Expect: 100-continue"),
        *("Connection: upgrade\r\nUpgrade: websocket", "Connection: close, keep-alive"),
        *("Connection: \xff", "Authorization: \0", "Origin: http://["),
        "\r\n".join(f"X-{i}: y" for i in range(1_000)),
    )
    for line in lines:
        yield request(TEXTS, line)
    yield request().replace(b"\r\n", b"\n")
    yield request().replace(b"\r\n", b"\r")


def lengths(rng):
    """Bodies that are not as long as they are said to be, and pieces of no length."""
    kind = f"Content-Type: {JSON}"
    wrong = ("-1", "+5", "5 5", "5, 5", "1" * 40, "0x10", "", "abc", "5.0", "\xb2", "1e3", "35,")
    said = (0, 3, len(TEXTS) - 1, len(TEXTS) + 1, 300_000, MOST_BYTES + 1, 10**12)
    for length in (*wrong, *said):
        yield head(kind, f"Content-Length: {length}") + TEXTS
    yield from (request(TEXTS, "Content-Length: 3"), head(kind) + TEXTS)
    yield request(b" " * (MOST_BYTES + 1) + TEXTS)
    codings = (
        "chunked",
        "identity",
        "chunked, chunked",
        "xchunked",
        "gzip, chunked",
        "\x0bchunked",
    )
    for coding in codings:
        yield request(b"0\r\n\r\n", f"Transfer-Encoding: {coding}")
        yield head(kind, f"Transfer-Encoding: {coding}") + b"5\r\n{}   \r\n0\r\n\r\n"
    pieces = (
        *(
            b"zz\r\n",
            b"-1\r\n",
            b"f" * 20 + b"\r\n",
            b"5\r\nabcdeXX",
            b"5;" + b"x" * 70_000,
            b"\r\n",
        ),
        *(b"0\r\n", b"5\nabcde\r\n", b" 5\r\nabcde\r\n", b"0\r\nX: y\r\n\r\n", b"5\r\nabcde\r\n"),
        *(b"0\r\nContent-Length: 9\r\n\r\n", b"2\r\n{}\r\n0\r\n" + b"X: y\r\n" * 20_000),
    )
    for piece in pieces:
        yield head(kind, "Transfer-Encoding: chunked") + piece
    yield chunked(TEXTS, rng, size=1)
    yield chunked(b" " * (MOST_BYTES + 1), rng, size=50_000)


def bodies(rng):
    """Malformed bodies in sound HTTP, whole and in pieces."""
    cases = [case for case in all_cases() if case.path in VALID and case.method == "POST"]
    for case in rng.sample([case for case in cases if len(case.body) < 200_000], 120):
        yield request(case.body, path=case.path)
        yield chunked(case.body, rng)


GROUPS = {one.__name__: one for one in (no_http, paths, heads, lengths, bodies)}


def parsed(data):
    """The answers in what came, and what is left of it."""
    answers = []
    while b"\r\n\r\n" in data:
        start, _, rest = data.partition(b"\r\n\r\n")
        first, *lines = start.split(b"\r\n")
        assert first.startswith(b"HTTP/1.1 "), data[:200]
        status = int(first.split()[1])
        headers = {n.lower(): v.strip() for n, _, v in (line.partition(b":") for line in lines)}
        if status == 100:
            data = rest
            continue
        n_bytes = int(headers[b"content-length"])
        if len(rest) < n_bytes:
            break
        answers.append(Answer(status, headers, rest[:n_bytes]))
        data = rest[n_bytes:]
    return answers, data


async def ask(port, data, *, n_answers=1):
    """Send bytes on a connection of their own; all answers until it is closed or falls silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    # What is closed while more of a refused request is on its way is reset.
    with suppress(ConnectionError):
        writer.write(data)
        while True:
            enough = len(parsed(received)[0]) >= n_answers
            try:
                piece = await asyncio.wait_for(reader.read(65_536), QUIET if enough else PATIENCE)
            except TimeoutError:
                assert enough, data[:200]
                break
            if not piece:
                break
            received += piece
    writer.transport.abort()
    answers, rest = parsed(received)
    assert rest == b"", rest[:200]
    return answers


async def until(condition):
    for _ in range(int(PATIENCE / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never was so")


@pytest.mark.parametrize("group", GROUPS)
def test_whatever_comes_the_next_request_is_answered(served_folders, group):
    requests = list(GROUPS[group](random.Random(11)))

    async def scenario():
        async with running(served_folders) as (server, service, port):
            (before,) = await ask(port, request())
            n_files, n_threads = psutil.Process().num_fds(), threading.active_count()
            room = asyncio.Semaphore(AT_ONCE)

            async def one(data):
                async with room:
                    return await ask(port, data)

            found = await asyncio.gather(*map(one, requests))
            (after,) = await ask(port, request())
            await until(lambda: not server.server_state.connections)
            assert (service.n_active, service.n_bytes) == (0, 0)
            assert psutil.Process().num_fds() <= n_files
            return before, found, after, threading.active_count() - n_threads

    before, found, after, more_threads = asyncio.run(scenario())
    assert vectors_of(before).tolist() == vectors_of(after).tolist()
    assert more_threads <= MOST_THREADS
    for data, answers in zip(requests, found, strict=True):
        # What is longer than the server reads at once may be reset before its answer is read.
        assert answers or len(data) > 60_000, data[:300]
        for answer in answers:
            check(data[:300], answer, served_folders)
            assert b"set-cookie" not in answer.headers


def test_requests_on_one_connection_are_answered_in_their_order(served_folders):
    texts = [f"cat {i}" for i in range(30)]
    good = [request(json.dumps({"input": text}).encode()) for text in texts]
    bad = request(b"[")

    async def scenario():
        async with running(served_folders) as (_, _, port):
            alone = [(await ask(port, one))[0] for one in good]
            together = await ask(port, b"".join(good), n_answers=30)
            mixed = await ask(port, b"".join(one + bad for one in good), n_answers=60)
            broken = b"\x01\x02 no HTTP\r\n\r\n"
            ended = await ask(port, good[0] + good[1] + broken + good[2], n_answers=9)
            return alone, together, mixed, ended

    alone, together, mixed, ended = asyncio.run(scenario())
    expected = [vectors_of(one).tolist() for one in alone]
    assert [vectors_of(one).tolist() for one in together] == expected
    assert [vectors_of(one).tolist() for one in mixed[::2]] == expected
    assert {one.status for one in mixed[1::2]} == {400}
    # After what is no HTTP nothing can be trusted to be a request.
    assert 1 <= len(ended) <= 2
    assert [vectors_of(one).tolist() for one in ended] == expected[: len(ended)]
