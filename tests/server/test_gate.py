"""The gate, in front of endpoints of the test's own that do what it has to cope with."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from embedsvc.server.gate import Gate
from embedsvc.server.hosting import Hosting
from embedsvc.server.logs import LOGGER
from embedsvc.server.metrics import Metrics
from embedsvc.server.problems import BadRequest, Overloaded
from embedsvc.server.service import Service
from embedsvc.server.settings import ServeSettings

PATH = "/v1/embeddings"


class Call:
    """One request against an app behind the gate, its messages under the test's control."""

    def __init__(
        self,
        app,
        *,
        service=None,
        body=b"{}",
        parts=None,
        headers=(),
        path=PATH,
        method="POST",
        **settings,
    ):
        if service is None:
            hosting = Hosting({})
            hosting.load()
            service = Service(ServeSettings(**settings), hosting, Metrics())
        self.service, self.sent = service, []
        self.scope = {
            "type": "http",
            "method": method,
            "path": path,
            "headers": [(b"host", b"localhost"), *headers],
        }
        self._parts = list(parts) if parts is not None else [body]
        self.gone = asyncio.Event()
        self._gate = Gate(app, service)

    async def receive(self):
        if self._parts:
            part = self._parts.pop(0)
            if part is None:
                await asyncio.Event().wait()
            return {"type": "http.request", "body": part, "more_body": bool(self._parts)}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.sent.append(message)

    async def run(self):
        await self._gate(self.scope, self.receive, self.send)
        return self

    @property
    def status(self):
        return self.sent[0]["status"] if self.sent else None

    @property
    def headers(self):
        return {key.decode(): value.decode() for key, value in self.sent[0]["headers"]}

    @property
    def error(self):
        return json.loads(b"".join(message.get("body", b"") for message in self.sent))["error"]


def run(app, **options):
    async def scenario():
        return await Call(app, **options).run()

    return asyncio.run(scenario())


async def echo(scope, receive, send):
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def never(scope, receive, send):
    await asyncio.Event().wait()


def settled(service):
    return (service.n_active, service.n_bytes) == (0, 0)


def count(service, name):
    line = next(
        line for line in service.metrics.text().decode().splitlines() if line.startswith(name)
    )
    return float(line.rsplit(" ", 1)[1])


def test_the_body_arrives_whole_however_it_came():
    call = run(echo, parts=[b"a", b"", b"bc"])
    assert call.sent[1]["body"] == b"abc"
    assert settled(call.service)


def test_every_answer_has_the_safe_headers_and_its_id():
    headers = run(echo).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["cache-control"] == "no-store"
    assert len(headers["x-request-id"]) == 32
    assert "connection" not in headers


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (b"abc-1.2_3", True),
        (b"x" * 64, True),
        (b"x" * 65, False),
        (b"a b", False),
        (b"\xff", False),
    ],
)
def test_an_id_of_the_client_is_kept_where_it_is_one(given, kept):
    found = run(echo, headers=[(b"x-request-id", given)]).headers["x-request-id"]
    assert (found == given.decode("latin-1")) is kept


def test_a_body_that_is_too_large_is_read_on_and_refused():
    call = run(echo, parts=[b"x" * 60, b"y" * 60, b"z" * 60], max_body_bytes=100)
    assert call.status == 413
    assert "at most 100 bytes, got 120 or more" in call.error["message"]
    assert not call._parts
    assert int(call.headers["content-length"]) == len(call.sent[1]["body"])
    assert settled(call.service)


def test_a_declared_length_is_refused_before_anything_is_read():
    headers = [(b"content-length", b"5000000000"), (b"expect", b"100-continue")]
    call = run(echo, parts=[None], headers=headers)
    assert call.status == 413
    assert call._parts == [None]


def test_a_body_that_does_not_arrive_in_time_is_refused():
    call = run(echo, parts=[b"a", None], body_timeout=0.05)
    assert (call.status, call.error["code"]) == (400, "request_timeout")
    assert settled(call.service)


def test_requests_share_a_bounded_memory():
    async def scenario():
        held = Call(never, body=b"x" * 80, max_memory_bytes=100)
        first = asyncio.create_task(held.run())
        await asyncio.sleep(0.01)
        assert held.service.n_bytes == 80
        second = await Call(echo, body=b"y" * 30, service=held.service).run()
        held.gone.set()
        await first
        third = await Call(echo, body=b"y" * 30, service=held.service).run()
        return held, second, third

    held, second, third = asyncio.run(scenario())
    assert (second.status, second.error["code"]) == (429, "memory_full")
    assert second.headers["retry-after"] == "1"
    assert third.status == 200
    assert settled(held.service)


def test_a_compressed_body_is_refused():
    call = run(echo, headers=[(b"content-encoding", b"gzip")])
    assert (call.status, call.error["code"]) == (415, "unsupported_media_type")


def test_more_requests_than_may_be_worked_on_are_refused_at_once():
    async def scenario():
        first = Call(never, max_concurrent=1)
        task = asyncio.create_task(first.run())
        await asyncio.sleep(0.01)
        second = await Call(echo, service=first.service).run()
        health = await Call(echo, service=first.service, path="/healthz", method="GET").run()
        first.gone.set()
        await task
        return first.service, second, health

    service, second, health = asyncio.run(scenario())
    assert (second.status, second.error["type"]) == (429, "rate_limit_error")
    assert second.headers["retry-after"] == "1"
    assert health.status == 200
    assert count(service, 'embedsvc_rejections_total{reason="too_many_requests"}') == 1


def test_work_ends_when_its_client_goes_away():
    ended = []

    async def work(scope, receive, send):
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async def scenario():
        call = Call(work)
        task = asyncio.create_task(call.run())
        await asyncio.sleep(0.01)
        call.gone.set()
        await task
        return call

    call = asyncio.run(scenario())
    assert ended == [True]
    assert call.sent == []
    assert count(call.service, "embedsvc_abandoned_total") == 1
    assert settled(call.service)


def test_a_client_that_goes_away_while_it_sends_is_no_error():
    async def scenario():
        call = Call(echo, parts=[])
        call.gone.set()
        return await call.run()

    call = asyncio.run(scenario())
    assert call.sent == []
    assert settled(call.service)


def test_work_that_takes_too_long_is_ended_and_answered():
    call = run(never, request_timeout=0.05)
    assert (call.status, call.error["code"]) == (504, "timeout")
    assert "within 0.05 seconds" in call.error["message"]
    assert settled(call.service)


def test_whatever_fails_is_answered_without_its_words(caplog):
    async def broken(scope, receive, send):
        raise ZeroDivisionError("secret of the house")

    with caplog.at_level(logging.ERROR, LOGGER.name):
        call = run(broken)
    assert (call.status, call.error["code"]) == (500, "internal_error")
    assert "secret" not in json.dumps(call.error)
    assert call.headers["x-request-id"] in str(caplog.records[0].fields)
    assert settled(call.service)


def test_a_failure_after_the_answer_began_adds_nothing_to_it():
    async def broken(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ZeroDivisionError

    call = run(broken)
    assert [message["type"] for message in call.sent] == ["http.response.start"]


def test_a_problem_raised_inside_is_answered_and_counted():
    async def full(scope, receive, send):
        raise Overloaded("full", code="queue_full", retry_after=7)

    call = run(full)
    assert (call.status, call.headers["retry-after"]) == (429, "7")
    assert count(call.service, 'embedsvc_rejections_total{reason="queue_full"}') == 1


def test_before_models_are_loaded_work_is_refused():
    async def scenario():
        service = Service(ServeSettings(), Hosting({}), Metrics())
        return await Call(echo, service=service).run()

    call = asyncio.run(scenario())
    assert (call.status, call.error["code"]) == (503, "loading")
    assert int(call.headers["retry-after"]) >= 1


def test_a_service_that_stops_asks_for_no_further_request():
    async def scenario():
        call = Call(echo)
        call.service.stopping = True
        return await call.run()

    assert asyncio.run(scenario()).headers["connection"] == "close"


def test_a_stranger_is_refused_before_its_body_is_read():
    call = run(echo, parts=[None], headers=[(b"origin", b"https://evil.example")])
    assert call.status == 403
    assert call._parts == [None]


def test_the_log_tells_what_happened_and_nothing_of_the_content(caplog):
    async def bad(scope, receive, send):
        scope["state"]["log"]["n_items"] = 3
        raise BadRequest("got 'my secret text'", param="input")

    with caplog.at_level(logging.INFO, LOGGER.name):
        run(bad, body=b'{"input": "my secret text"}', path="/v1/my-secret-path")
    fields = caplog.records[-1].fields
    assert (fields["status"], fields["code"], fields["n_items"]) == (400, "invalid_value", 3)
    assert "secret" not in str(fields)


def test_what_is_no_http_passes():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    async def scenario():
        call = Call(app)
        call.scope = {"type": "lifespan"}
        return await call.run()

    asyncio.run(scenario())
    assert seen == ["lifespan"]
