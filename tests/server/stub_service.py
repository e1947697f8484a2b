"""A small application in place of the real one, for tests of how it is served."""

import asyncio
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace

from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from embedsvc.server.listening import listen
from embedsvc.server.process import Told
from embedsvc.server.serving import Server, http_config
from embedsvc.server.settings import ServeSettings


async def echo(request):
    """What came: bytes of the body, and names of headers."""
    body = await request.body()
    return JSONResponse({"bytes": len(body), "headers": sorted(request.headers)})


async def slow(request):
    await asyncio.sleep(float(request.query_params.get("seconds", "0.3")))
    return PlainTextResponse("done")


async def large(request):
    return PlainTextResponse("x" * 30_000_000)


class Running:
    """A server in this event loop, on a port of its own.

    Attributes:
        listener: its socket.
        port: where it listens.
        server: the server.
        told: what it said of its start.
        task: that ends with the server.
    """

    def __init__(self, settings, *, failure=None):
        self.told = []

        @asynccontextmanager
        async def lifespan(app):
            asyncio.get_running_loop().call_later(0.05, self.server.loaded, failure)
            yield

        routes = [
            Route("/echo", echo, methods=["GET", "POST"]),
            Route("/slow", slow, methods=["GET", "POST"]),
            Route("/large", large),
        ]
        app = Starlette(routes=routes, lifespan=lifespan)
        self.service = SimpleNamespace(settings=settings, stopping=False)
        self.listener = listen("127.0.0.1", 0)
        self.port = self.listener.getsockname()[1]
        told = Told(lambda: self.told.append("listening"), self.told.append)
        self.server = Server(http_config(app), self.service, told)
        self.task = asyncio.create_task(self.server.serve([self.listener]))

    async def connect(self):
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def stop(self):
        self.server.should_exit = True
        await self.task


@asynccontextmanager
async def running(*, failure=None, **settings):
    server = Running(ServeSettings(**settings), failure=failure)
    while not server.server.started and not server.task.done():
        await asyncio.sleep(0.01)
    try:
        yield server
    finally:
        await server.stop()


async def ask(server, data, *, seconds=5.0):
    """Send bytes on a connection of their own, and all that comes back until it is closed."""
    reader, writer = await server.connect()
    writer.write(data)
    received = b""
    # What is closed while more of a refused request is on its way is reset.
    with suppress(ConnectionError):
        while piece := await asyncio.wait_for(reader.read(65_536), seconds):
            received += piece
    writer.transport.abort()
    return received


def request(path="/echo", *, headers="", body=b"", close=True):
    """The bytes of a request."""
    method = "POST" if body else "GET"
    lines = [f"{method} {path} HTTP/1.1", "Host: test", f"Content-Length: {len(body)}"]
    lines += ["Connection: close"] * close + ([headers] if headers else [])
    return "\r\n".join([*lines, "", ""]).encode() + body
