"""Thousands of requests that no client should send, each answered in the one shape.

Most go straight into the application, as a server would hand them over; some hundreds go as raw
bytes over a real socket into the real server.
"""

from __future__ import annotations

import asyncio
import gc
import json
import threading
from urllib.parse import unquote

import psutil
import pytest
from judged import Answer, check, vectors_of
from malformed import Case, all_cases
from request_images import encoded, striped

from embedsvc.cores import available_cores
from embedsvc.detectors import Hog
from embedsvc.server.app import create_app
from embedsvc.server.settings import ServeSettings
from embedsvc.store.detectors import save_detector

CASES = all_cases()
GROUPS = tuple(dict.fromkeys(case.group for case in CASES))
GOOD = Case("good", "/v1/embeddings", b'{"input": ["late parcel", "a cat"]}')
AT_ONCE = 16


@pytest.fixture(scope="module")
def folders(served_folders, tmp_path_factory):
    detector = tmp_path_factory.mktemp("detectors") / "gears"
    save_detector(Hog(size=64).fit([encoded(striped(seed)) for seed in range(20)]), detector)
    return {**served_folders, "gears": detector}


@pytest.fixture(scope="module")
def app(folders):
    """The application as a server calls it, its models loaded."""
    app = create_app(settings_of(folders))
    app.state.service.hosting.load()
    return app


def settings_of(folders, **others):
    return ServeSettings(
        models=(f"tiny={folders['tiny']}",),
        classifiers=(f"binary={folders['binary']}",),
        detectors=(f"gears={folders['gears']}",),
        **others,
    )


async def answer_to(app, case):
    """Call the application as uvicorn does; the body comes in three pieces."""
    path, _, query = case.path.partition("?")
    headers = list(case.headers)
    if not any(name == b"host" for name, _ in headers):
        headers.append((b"host", b"127.0.0.1"))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": case.method,
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": query.encode(),
        "headers": headers,
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    third = len(case.body) // 3
    pieces = [case.body[:third], case.body[third : 2 * third], case.body[2 * third :]]
    sent, done = [], asyncio.Event()

    async def receive():
        if pieces:
            piece = pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(pieces)}
        await done.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    done.set()
    assert sent[0]["type"] == "http.response.start", case
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(sent[0]["status"], dict(sent[0]["headers"]), body)


def answers_to(app, cases):
    """All answers, some requests at a time."""

    async def scenario():
        room = asyncio.Semaphore(AT_ONCE)

        async def one(case):
            async with room:
                return await answer_to(app, case)

        return await asyncio.gather(*map(one, cases))

    return asyncio.run(scenario())


@pytest.mark.parametrize("group", GROUPS)
def test_each_is_answered_in_the_one_shape(app, folders, group):
    cases = [case for case in CASES if case.group == group]
    before, *answers, after = answers_to(app, [GOOD, *cases, GOOD])
    for case, answer in zip(cases, answers, strict=True):
        assert b"x-request-id" in answer.headers, case
        check(case, answer, folders)
    assert vectors_of(before).tolist() == vectors_of(after).tolist()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"input": "caf\xe9"}', "Expected JSON, got something else: invalid unicode code point"),
        (b"[" * 100_000, "got something else: recursion limit exceeded"),
        (b'{"input": ' + b"9" * 5_000 + b"}", "got something else: number out of range"),
        (b'{"input": "a" "b"}', "got something else: expected `,` or `}` at line 1 column 15."),
        (b'{"input": "a', "got something else: EOF while parsing a string at line 1 column 12."),
    ],
)
def test_what_is_wrong_with_json_is_told(app, folders, body, words):
    for path in ("/v1/embeddings", "/v1/tokenize"):
        case = Case("json", path, body)
        (answer,) = answers_to(app, [case])
        check(case, answer, folders)
        assert words in json.loads(answer.body)["error"]["message"]


# What is left behind


def traces(app):
    """What a leak would make grow: open files, threads, objects, and the service's own counts."""
    gc.collect()
    service, process = app.state.service, psutil.Process()
    assert (service.n_active, service.n_bytes) == (0, 0)
    return {
        "files": process.num_fds(),
        "threads": threading.active_count(),
        "objects": len(gc.get_objects()),
        "megabytes": process.memory_info().rss / 1e6,
    }


def test_nothing_is_left_behind(app):
    """The same requests three times; what the second and third leave beyond the first.

    asyncio ends its own threads with each loop, so those that stay are the service's, which has one
    for each core. Objects are those that Python's garbage collector knows: a request that left a
    single one would add more than a thousand. Resident memory is bounded loosely, as it is the
    system's to give back.
    """
    answers_to(app, CASES)
    before = traces(app)
    for _ in range(2):
        answers_to(app, CASES)
    after = traces(app)
    assert after["files"] <= before["files"], (before, after)
    assert after["threads"] <= before["threads"] + available_cores(), (before, after)
    assert after["objects"] < before["objects"] + len(CASES) // 4, (before, after)
    assert after["megabytes"] < before["megabytes"] + 100, (before, after)
