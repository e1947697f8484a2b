"""Requests a second and their latency under load, beside the same texts offline.

    python tests/benchmarks/serve_load.py [--rounds 3] [--workers 1] [--texts 4000 | FILE.csv]

`embedsvc serve` runs in a process of its own and this one is its clients, over loopback, one short
text a request. The offline rate is that of `TextEncoder.encode`, which `embedsvc extract` calls, in
a third process and without its start; the two take turns, and medians are compared. Then:

- the same with batches of one text, as a service has it that computes one request at a time;
- four times as many requests as can be answered: how fast the others are refused, and whether the
  accepted ones keep within the time limit;
- SIGTERM under load: whether each accepted request is answered.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import uvloop
from made_texts import short_texts

CLIENTS = (1, 8, 64)
OVERLOAD = 4
OVERLOAD_SECONDS = 10.0
TIMEOUT = 10.0
OFFLINE = """
import sys, time
sys.path.insert(0, {here!r})
from serve_load import read_texts
from embedsvc.encoders.registry import load_encoder
encoder, texts = load_encoder("minilm"), read_texts({texts!r})
encoder.encode(texts[:500])
for _ in sys.stdin:
    start = time.perf_counter()
    encoder.encode(texts)
    print(time.perf_counter() - start, flush=True)
"""


@dataclass
class Load:
    """What a run of many clients saw.

    Attributes:
        seconds: of the whole run.
        accepted: seconds of each answered request.
        refused: seconds of each refused one.
        lost: requests that got no answer.
        statuses: how many answers of each status.
    """

    seconds: float = 0.0
    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    lost: int = 0
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        return len(self.accepted) / self.seconds

    def latency(self) -> str:
        return "  ".join(
            f"p{share} {1000 * quantile(self.accepted, share / 100):7.1f} ms"
            for share in (50, 95, 99)
        )


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0


class Connection:
    """One keep-alive connection that speaks just as much HTTP as is needed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None

    async def post(self, body: bytes) -> int:
        """Send texts and read the whole answer; its status."""
        return await self.exchange(
            b"POST /v1/embeddings HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n%b" % (len(body), body)
        )

    async def exchange(self, request: bytes) -> int:
        """Send a request as it is and read the whole answer; its status."""
        reader = await self._send(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.index(b"content-length:") + 15
        await reader.readexactly(int(head[length : head.index(b"\r", length)]))
        if b"connection: close" in head:
            self.close()
        return int(head[9:12])

    async def abandon(self, request: bytes) -> None:
        """Send a request, or a part of one, and go away."""
        await self._send(request)
        await asyncio.sleep(0.005)
        self._writer.transport.abort()
        self._reader = None

    def close(self) -> None:
        if self._reader is not None:
            self._writer.close()
            self._reader = None

    async def _send(self, request: bytes) -> asyncio.StreamReader:
        if self._reader is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(request)
        return self._reader


def read_texts(given: str) -> list[str]:
    """So many made texts of some 10 tokens, or those of a file."""
    if given.isdecimal():
        return short_texts(int(given))
    with Path(given).open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


def bodies_of(texts: list[str]) -> list[bytes]:
    return [
        json.dumps({"model": "minilm", "input": text, "encoding_format": "base64"}).encode()
        for text in texts
    ]


async def closed_loop(port: int, bodies: list[bytes], n_clients: int) -> Load:
    """Clients that send their next request when they have the answer to the last."""
    load, left = Load(), list(bodies)

    async def client() -> None:
        connection = Connection(port)
        while left:
            body, start = left.pop(), time.perf_counter()
            try:
                status = await connection.post(body)
            except (ConnectionRefusedError, BrokenPipeError):
                return  # the service takes no connections any more
            except (ConnectionError, asyncio.IncompleteReadError):
                load.lost += 1
                return
            load.statuses[status] += 1
            (load.accepted if status == 200 else load.refused).append(time.perf_counter() - start)
        connection.close()

    start = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(n_clients)))
    load.seconds = time.perf_counter() - start
    return load


async def open_loop(port: int, bodies: list[bytes], rate: float, seconds: float) -> Load:
    """Requests that come at a rate, whether those before were answered or not."""
    load, idle = Load(), list[Connection]()
    tasks = set[asyncio.Task[None]]()

    async def send(body: bytes) -> None:
        start = time.perf_counter()
        connection = idle.pop() if idle else Connection(port)
        status = await connection.post(body)
        load.statuses[status] += 1
        (load.accepted if status == 200 else load.refused).append(time.perf_counter() - start)
        idle.append(connection)

    begin = time.perf_counter()
    n_sent = 0
    while (passed := time.perf_counter() - begin) < seconds:
        while n_sent < passed * rate:
            tasks.add(asyncio.create_task(send(bodies[n_sent % len(bodies)])))
            n_sent += 1
        await asyncio.sleep(0.002)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    load.lost = sum(isinstance(result, BaseException) for result in results)
    load.seconds = time.perf_counter() - begin
    return load


@contextmanager
def service(*options: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`embedsvc serve`, ready; the process and its port."""
    port = free_port()
    command = ["embedsvc", "serve", "--port", str(port), *options]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_until_ready(port, process)
        yield process, port
    finally:
        process.terminate()
        process.wait(60)


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_until_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit("the service did not start")


class Offline:
    """The same texts without a service, in a process that waits for its turn."""

    def __init__(self, texts: str) -> None:
        self._n_texts = len(read_texts(texts))
        code = OFFLINE.format(here=str(Path(__file__).parent), texts=texts)
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def rate(self) -> float:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return self._n_texts / float(self._process.stdout.readline())

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--texts", default="4000", help="how many made ones, or a CSV with `text`")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--serve", default="", help="more options for `embedsvc serve`")
    args = parser.parse_args()
    uvloop.install()
    options = ("--workers", str(args.workers), *args.serve.split())
    bodies = bodies_of(read_texts(args.texts))
    rate = throughput(args.texts, bodies, args.rounds, options)
    one_at_a_time(bodies[:1000], options)
    overload(bodies, rate, options)
    termination(bodies, options)


def throughput(texts: str, bodies: list[bytes], rounds: int, options: tuple[str, ...]) -> float:
    offline = Offline(texts)
    with service(*options) as (_, port):
        asyncio.run(closed_loop(port, bodies[:500], 8))  # warms up
        rates, loads = [offline.rate()], dict[int, list[Load]]()
        for _ in range(rounds):
            for n_clients in CLIENTS:
                some = bodies[: len(bodies) // (1 if n_clients > 8 else 8 // n_clients)]
                load = asyncio.run(closed_loop(port, some, n_clients))
                loads.setdefault(n_clients, []).append(load)
            rates.append(offline.rate())
    offline.end()
    base = statistics.median(rates)
    print(f"offline: {base:.0f} texts/s ({', '.join(f'{rate:.0f}' for rate in rates)})")
    for n_clients, found in loads.items():
        middle = sorted(found, key=lambda load: load.rate)[len(found) // 2]
        print(
            f"{n_clients:3} clients: {middle.rate:6.0f} texts/s  {middle.rate / base:4.0%} of "
            f"offline  {middle.latency()}",
            flush=True,
        )
    return statistics.median(load.rate for load in loads[CLIENTS[-1]])


def one_at_a_time(bodies: list[bytes], options: tuple[str, ...]) -> None:
    with service(*options, "--max-batch-tokens", "1") as (_, port):
        asyncio.run(closed_loop(port, bodies[:200], 8))
        load = asyncio.run(closed_loop(port, bodies, CLIENTS[-1]))
    print(
        f"one text a batch, {CLIENTS[-1]} clients: {load.rate:6.0f} texts/s  {load.latency()}",
        flush=True,
    )


def overload(bodies: list[bytes], rate: float, options: tuple[str, ...]) -> None:
    limits = ("--max-concurrent", "128", "--request-timeout", str(TIMEOUT))
    with service(*options, *limits) as (_, port):
        asyncio.run(closed_loop(port, bodies[:500], 8))
        load = asyncio.run(open_loop(port, bodies, OVERLOAD * rate, OVERLOAD_SECONDS))
        after = asyncio.run(closed_loop(port, bodies[:500], 8))
    refused = [1000 * quantile(load.refused, share) for share in (0.5, 0.99)]
    print(
        f"{OVERLOAD}x overload ({OVERLOAD * rate:.0f} requests/s): answers "
        f"{dict(load.statuses)}, {load.lost} lost\n"
        f"  accepted {load.rate:6.0f} texts/s  {load.latency()} (limit {TIMEOUT:.0f} s)\n"
        f"  refused p50 {refused[0]:.1f} ms  p99 {refused[1]:.1f} ms\n"
        f"  afterwards {after.rate:6.0f} texts/s with 8 clients",
        flush=True,
    )


def termination(bodies: list[bytes], options: tuple[str, ...]) -> None:
    with service(*options) as (process, port):

        async def scenario() -> Load:
            running = asyncio.create_task(closed_loop(port, bodies * 20, 32))
            await asyncio.sleep(3)
            process.send_signal(signal.SIGTERM)
            return await running

        load = asyncio.run(scenario())
        code = process.wait(60)
    print(
        f"SIGTERM under load of 32 clients: answers {dict(load.statuses)}, {load.lost} lost, "
        f"exit code {code}"
    )


if __name__ == "__main__":
    main()
