"""Whether the memory of `embedsvc serve` stays flat: an hour's worth of mixed requests.

    python tests/benchmarks/serve_memory.py [--requests 72000] [--every 1000] [--serve "..."]

72,000 requests are an hour of 20 a second; they are sent as fast as 16 clients get answers. Most
are one short text, some are lists, some compare or count tokens, some are wrong, and some clients
go away before their answer. No two have the same text, path or request id, so that whatever keeps
something of a request grows. After a warm-up of a tenth, the server's resident memory is measured
every so many requests; the slope is that of a straight line through the second half.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator

import numpy as np
import psutil
from made_texts import short_texts
from serve_load import Connection, service

CLIENTS = 16
JSON = "application/json"
ABANDONED = 0


def requests(n: int) -> Iterator[tuple[bytes, bool]]:
    """The bytes of requests, and whether their client waits for the answer."""
    texts = short_texts(min(n, 20_000))
    rng = np.random.default_rng(3)
    kinds = rng.choice(8, n, p=(0.55, 0.18, 0.02, 0.05, 0.05, 0.05, 0.05, 0.05))
    for i, kind in enumerate(kinds):
        some = [f"{texts[(i + k) % len(texts)]} {i}" for k in range((1, 8, 64)[min(kind, 2)])]
        if kind <= 2:
            yield post(i, "embeddings", {"input": some}), True
        elif kind == 3:
            yield post(i, "similarity", {"input": some[:8], "map": True}), True
        elif kind == 4:
            yield post(i, "tokenize", {"input": some[0]}), True
        elif kind == 5:
            yield wrong(i, some[0]), True
        elif kind == 6:
            yield post(i, "embeddings", {"input": some}), False
        else:
            # A client that goes away in the middle of its own request.
            yield post(i, "embeddings", {"input": some})[: -1 - i % 200], False


def post(i: int, endpoint: str, body: dict[str, object]) -> bytes:
    return written(i, f"/v1/{endpoint}", json.dumps(body).encode())


def wrong(i: int, text: str) -> bytes:
    """One of five ways to be refused."""
    bodies = (
        json.dumps({"input": text, "model": f"model-{i}"}),
        json.dumps({"input": text, f"field_{i}": i}),
        json.dumps({"input": text})[:-2],
        json.dumps({"input": f"{text} " * 300}),
    )
    if i % 5 == 4:
        return written(i, f"/v1/nothing/{i}", b"{}")
    return written(i, "/v1/embeddings", bodies[i % 5].encode())


def written(i: int, path: str, body: bytes) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {JSON}\r\n"
        f"x-request-id: memory-{i}\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body


async def send_all(port: int, waiting: Iterator[tuple[bytes, bool]], most: int) -> Counter[int]:
    """Send the next so many requests, each client its next when it has its answer."""
    statuses, left = Counter[int](), iter(range(most))

    async def client() -> None:
        own = Connection(port)
        for _ in left:
            data, waits = next(waiting)
            if waits:
                statuses[await own.exchange(data)] += 1
            else:
                await own.abandon(data)
                statuses[ABANDONED] += 1
        own.close()

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return statuses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=72_000)
    parser.add_argument("--every", type=int, default=1_000)
    parser.add_argument("--serve", default="", help="more options for `embedsvc serve`")
    args = parser.parse_args()
    n_warm = args.requests // 10
    with service(*args.serve.split()) as (started, port):
        waiting = requests(n_warm + args.requests)
        server = psutil.Process(started.pid)
        asyncio.run(send_all(port, waiting, n_warm))
        rows = measured(server, port, waiting, args.requests, args.every)
    half = np.array(rows[len(rows) // 2 :])
    slope = np.polyfit(half[:, 0], half[:, 1], 1)[0] * 10_000 if len(half) > 1 else float("nan")
    print(f"\nslope of the second half: {slope:+.2f} MB for 10,000 requests")


def measured(
    server: psutil.Process,
    port: int,
    waiting: Iterator[tuple[bytes, bool]],
    n_requests: int,
    every: int,
) -> list[tuple[int, float]]:
    """Requests so far and megabytes, a row printed for each measurement."""
    print(f"{'requests':>9} {'MB':>8} {'threads':>8} {'files':>6} {'requests/s':>11}  answers")
    rows = []
    for sent in range(0, n_requests + 1, every):
        start, statuses = time.perf_counter(), Counter[int]()
        if sent:
            statuses = asyncio.run(send_all(port, waiting, every))
        rate = every / (time.perf_counter() - start) if sent else 0.0
        megabytes = resident(server) / 1e6
        rows.append((sent, megabytes))
        told = ", ".join(
            f"{n} {status or 'left'}" for status, n in sorted(statuses.items(), reverse=True)
        )
        print(
            f"{sent:9,} {megabytes:8.1f} {server.num_threads():8} {server.num_fds():6} "
            f"{rate:11.0f}  {told}",
            flush=True,
        )
    return rows


def resident(server: psutil.Process) -> int:
    """Bytes of the process and of those it has started."""
    return sum(one.memory_info().rss for one in (server, *server.children(recursive=True)))


if __name__ == "__main__":
    main()
